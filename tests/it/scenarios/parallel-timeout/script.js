export const meta = { name: 'parallel-timeout', description: 'Does not wait for ever' }

const never = () => new Promise(() => {})
const show = (error) => [error.name, error.message, error.code]
const say = (promise) => promise.then((value) => ({ value }), (error) => ({ error: show(error), errors: error.errors?.map(show) }))
const plain = await say(parallel([never, () => agent('in time'), () => { throw new Error('early') }], { timeoutMs: 20 }))
const settled = (await parallel([never, () => 1, () => { throw new TypeError('mine') }], { timeoutMs: 20, settle: true })).map((r) => r.ok ? r.value : show(r.error))
const failFast = await say(parallel([never, () => 1], { timeoutMs: 20, failFast: true }))
const quorum = await say(parallel([never, () => 1], { timeoutMs: 20, minSuccess: 2 }))
const reached = await say(parallel([never, () => 1], { timeoutMs: 20, minSuccess: 1 }))
// Those that never got a turn have run into it, too, and are not started later.
const started = []
const windowed = await say(parallel([0, 1, 2].map((i) => () => { started.push(i); return i === 0 ? never() : i }), { timeoutMs: 20, concurrency: 1 }))
await new Promise((resolve) => setTimeout(resolve, 1))
// Nobody waits for a deadline that is not needed any more.
const quick = await parallel([() => 1, () => agent('quick')], { timeoutMs: 2_147_483_647 })
const inner = await parallel([() => parallel([never], { timeoutMs: 5 }), () => 2])
return { plain, settled, failFast, quorum, reached, started, windowed, quick, inner }
