export const meta = { name: 'parallel-min-success', description: 'Needs a quorum' }

const say = (promise) => promise.then((value) => ({ value }), (error) => ({ name: error.name, message: error.message, errors: error.errors.map((e) => e?.message ?? e), aggregate: error instanceof AggregateError }))
const votes = (good, bad) => [...Array(good).fill(() => agent('yes')), ...Array(bad).fill(() => { throw new Error('no vote') })]
const enough = await say(parallel(votes(2, 1), { minSuccess: 2 }))
const tooFew = await say(parallel(votes(1, 2), { minSuccess: 2 }))
const zero = await say(parallel(votes(0, 2), { minSuccess: 0 }))
const nothing = await say(parallel([], { minSuccess: 0 }))
const order = await say(parallel([() => { throw 'first' }, () => 1, async () => { throw 'third' }], { minSuccess: 3 }))
const nulls = await say(parallel([() => null, () => undefined], { minSuccess: 2 }))
const settled = await say(parallel(votes(1, 1), { minSuccess: 1, settle: true }).then((results) => results.map((r) => r.ok)))
const settledTooFew = await say(parallel(votes(0, 1), { minSuccess: 1, settle: true }))
const windowed = await say(parallel(votes(1, 2), { minSuccess: 3, concurrency: 1 }))
return { enough, tooFew, zero, nothing, order, nulls, settled, settledTooFew, windowed }
