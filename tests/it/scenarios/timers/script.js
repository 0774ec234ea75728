export const meta = { name: 'timers', description: 'Waits, gives up waiting, and repeats' }

const sleep = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value))
const withTimeout = (promise, ms, what) => {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const order = []
setTimeout(() => order.push('zero'), 0)
setTimeout((a, b) => order.push(`args ${a}${b}`), 1, 'x', 'y')
queueMicrotask(() => order.push('microtask'))
Promise.resolve().then(() => order.push('then'))
order.push('sync')
const cancelled = setTimeout(() => order.push('never'), 3)
clearTimeout(cancelled)
clearTimeout(cancelled)
clearTimeout(undefined)
clearTimeout(123456)
const value = await sleep(5, 'slept')
const quick = await withTimeout(agent('quick'), 5000, 'quick')
const slow = await withTimeout(sleep(60_000), 5, 'slow').catch((error) => error.message)
let ticks = 0
await new Promise((resolve) => {
  const every = setInterval(() => { if (++ticks === 3) { clearInterval(every); resolve() } }, 1)
})
const many = []
await Promise.all([9, 1, 5].map((ms) => sleep(ms * 8).then(() => many.push(ms))))
const sorted = []
await Promise.all(Array.from({ length: 20 }, (_, i) => sleep(1).then(() => sorted.push(i))))
setTimeout(() => log('after the end'), 50_000)
return { value, quick, slow, ticks, order, many, inOrder: sorted.every((n, i) => n === i), type: typeof setTimeout }
