export const meta = { name: 'parallel-fail-fast', description: 'Stops waiting at the first failure' }

const say = (promise) => promise.then((value) => ({ value }), (error) => ({ name: error?.name, message: error?.message ?? `${error}`, code: error?.code }))
const started = []
const boom = new RangeError('boom')
const first = parallel([() => new Promise(() => {}), async () => { throw boom }, async () => { throw new Error('second') }], { failFast: true })
const same = await first.catch((error) => error === boom)
const sync = await say(parallel([() => { throw new TypeError('at once') }, () => 1], { failFast: true }))
const value = await say(parallel([() => 1, () => { throw null }], { failFast: true }))
// What waits for its turn is not started any more; what runs is not stopped.
const late = await say(parallel([0, 1, 2, 3].map((i) => async () => {
  started.push(i)
  if (i === 1) throw new Error('stop')
  return agent(`slow ${i}`)
}), { failFast: true, concurrency: 2 }))
const beside = await say(parallel([() => agent('bad', { schema: { type: 'string', maxLength: 1 } }), () => agent('good')], { failFast: true }))
const fine = await say(parallel([() => agent('a'), () => 2], { failFast: true }))
const off = await say(parallel([() => 1, () => { throw 2 }], { failFast: false }))
const settled = await say(parallel([() => 1, () => { throw new Error('both') }], { failFast: true, settle: true }))
return { same, sync, value, started, late, beside, fine, off, settled }
