export const meta = { name: 'parallel-settle', description: 'Wants to know why a branch failed' }

const plain = (results) => results.map((result) => ({ ...result, error: result.error === undefined ? undefined : [result.error?.name, result.error?.message ?? `${result.error}`, result.error?.code] }))
const mixed = await parallel([
  () => agent('fine'),
  () => undefined,
  () => null,
  () => { throw new TypeError('at once') },
  async () => { throw 'a text' },
  () => Promise.reject(undefined),
  () => agent('short', { schema: { type: 'string', maxLength: 1 } }),
  () => workflow('nobody'),
  () => parallel([() => { throw 1 }], { settle: true }),
], { settle: true })
const keys = mixed.map((result) => Object.keys(result).join())
const oks = mixed.map((result) => result.ok)
const errors = [mixed[3].error instanceof TypeError, mixed[4].error, mixed[5].error === undefined]
const empty = await parallel([], { settle: true })
const off = await parallel([() => 1, () => { throw 2 }], { settle: false })
const windowed = await parallel([() => agent('one'), () => { throw new Error('two') }, () => agent('three')], { settle: true, concurrency: 1 })
return { mixed: plain(mixed), keys, oks, errors, empty, off, windowed: plain(windowed) }
