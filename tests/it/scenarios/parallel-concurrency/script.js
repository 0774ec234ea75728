export const meta = { name: 'parallel-concurrency', description: 'Lets a few branches run at a time, and starts the next when one ends' }

const order = []
let now = 0
const measured = (width, tasks) => {
  let most = 0
  const counted = tasks.map((task, i) => async () => {
    most = Math.max(most, ++now)
    try {
      return await task(i)
    } finally {
      now--
    }
  })
  return parallel(counted, { concurrency: width }).then((results) => ({ results, most }))
}
const jobs = (count) => Array.from({ length: count }, (_, i) => async () => {
  order.push(`start ${i}`)
  const answer = await agent(`job ${i}`, { label: `job ${i}` })
  order.push(`end ${i}`)
  return answer
})
const two = await measured(2, jobs(5))
const one = await measured(1, [() => 'a', async () => { throw new Error('not the end') }, () => agent('after a failure')])
const wide = await measured(100, jobs(2))
const none = await parallel([], { concurrency: 1 })
const nested = await parallel([() => parallel([() => 1, () => 2], { concurrency: 1 }), () => 3], { concurrency: 1 })
const defaults = await parallel([() => 1, () => { throw 2 }], { concurrency: null, timeoutMs: undefined, minSuccess: null })
return { two, one, wide, none, nested, defaults, order }
