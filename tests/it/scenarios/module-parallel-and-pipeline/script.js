export const meta = { name: 'module-parallel-and-pipeline', description: 'Gives them everything they can be given' }

const say = (promise) => promise.then((value) => value, (error) => `${error.name}: ${error.message}`)
const out = []
for (const tasks of [undefined, null, {}, 'ab', new Set(), 5]) out.push(await say(parallel(tasks)), await say(pipeline(tasks)))
const mixed = await parallel([1, null, Promise.resolve(3), () => 4, async () => 5, () => undefined, 'text', { then() {} }])
const sparse = await parallel([, () => 1])
const stages = [await pipeline([1], 5), await pipeline([1, Promise.resolve(2)]), await pipeline([1, 2], (x) => undefined, (x, item, i) => [x === undefined, item, i]), await pipeline([Promise.resolve(7)], (item) => item instanceof Promise), await pipeline([]), await pipeline([3], (n) => n, null)]
const order = []
await parallel([3, 1, 2].map((n) => async () => { order.push(n); await agent(`task ${n}`); order.push(`end ${n}`) }))
export default { out, mixed, undefinedAt5: mixed[5] === undefined, sparse, hole: sparse[0] === undefined, stages, order }
