export const meta = { name: 'parallel-wants-functions', description: 'Learns what parallel and pipeline are given' }

const messages = []
for (const wrong of [
  () => parallel([agent('a'), agent('b')]),
  () => parallel([() => 1, 'two']),
  () => parallel(agent('c')),
  () => parallel(), () => parallel(null), () => parallel('ab'), () => parallel({ a: () => 1 }), () => parallel(new Set([() => 1])), () => parallel(5), () => parallel(() => 1),
  () => pipeline(), () => pipeline('abc', (x) => x), () => pipeline({ length: 1 }, (x) => x), () => pipeline([1], 'stage'), () => pipeline([1], (x) => x, null), () => pipeline(new Map(), (x) => x),
]) {
  let threw = false
  const promise = (() => { try { return wrong() } catch { threw = true } })()
  messages.push(await promise.then(() => 'accepted', (error) => `${error.name}: ${error.message}`) + (threw ? ' (thrown)' : ''))
}
return messages
