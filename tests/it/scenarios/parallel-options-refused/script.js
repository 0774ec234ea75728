export const meta = { name: 'parallel-options-refused', description: 'Gets the options of parallel wrong' }

const tasks = [() => 1, () => 2]
const messages = []
for (const options of [
  { concurency: 2 }, { concurrency: 0 }, { concurrency: -1 }, { concurrency: 1.5 }, { concurrency: '2' }, { concurrency: NaN }, { concurrency: Infinity },
  { minSuccess: 3 }, { minSuccess: -1 }, { minSuccess: '1' }, { timeoutMs: 0 }, { timeoutMs: 2 ** 31 }, { timeoutMs: '5' },
  { failFast: 1 }, { failFast: 'true' }, { settle: 'yes' }, [], 5, 'all', true, { [Symbol('s')]: 1 },
]) {
  messages.push(await parallel(tasks, options).then(() => 'accepted', (error) => `${error.name}: ${error.message}`))
}
// Refused before anything is started.
const started = []
await parallel([() => { started.push(1) }], { nope: true }).catch(() => 0)
const accepted = []
for (const options of [undefined, null, {}, { failFast: null, settle: null, concurrency: null, minSuccess: null, timeoutMs: null }, Object.create({ nope: 1 })]) accepted.push(await parallel(tasks, options))
return { messages, started, accepted }
