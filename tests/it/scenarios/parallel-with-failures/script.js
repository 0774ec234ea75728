export const meta = { name: 'parallel-with-failures', description: 'Some of the branches throw, early or late' }

const seen = []
const results = await parallel([
  () => agent('fine'),
  () => { throw new Error('at once') },
  async () => { throw new TypeError('in a promise') },
  async () => { await agent('before it fails'); throw 'later' },
  () => undefined,
  () => 42,
  () => null,
  () => Promise.reject(null),
  () => ({ then(resolve) { seen.push('thenable'); resolve('from a thenable') } }),
  async () => parallel([() => agent('inner'), () => { throw 1 }]),
  function () { return [this === undefined, arguments.length] },
  () => agent('bad', { schema: { type: 'string', maxLength: 1 } }),
  () => new Promise((resolve) => setTimeout(() => resolve('timer'), 2)),
])
const empty = await parallel([])
const order = []
await parallel([1, 2, 3].map((n) => async () => { order.push(`start ${n}`); await null; order.push(`end ${n}`) }))
return { results, defined: results.map((r) => r === undefined), empty, seen, order }
