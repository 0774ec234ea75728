export const meta = { name: 'async-generators', description: 'Streams agents through async generators' }

const closed = []
async function* reviews(files) {
  try {
    for (const file of files) yield { file, text: await agent(`Review ${file}`, { label: file }) }
  } finally {
    closed.push('reviews')
  }
}
async function* batches(source, size) {
  let batch = []
  for await (const item of source) {
    batch.push(item)
    if (batch.length === size) { yield batch; batch = [] }
  }
  if (batch.length) yield batch
}
const sizes = []
for await (const batch of batches(reviews(['a', 'b', 'c']), 2)) sizes.push(batch.map((r) => r.file))
let stopped
for await (const { file } of reviews(['d', 'e', 'f'])) { if (file === 'e') { stopped = file; break } }
const queue = {
  waiting: [agent('q1'), agent('q2'), Promise.resolve('q3')],
  [Symbol.asyncIterator]() { return { next: async () => this.waiting.length ? { value: await this.waiting.shift(), done: false } : { value: undefined, done: true } } },
}
const queued = []
for await (const text of queue) queued.push(text)
const both = async function* () { yield* reviews(['g']); yield* ['sync', Promise.resolve('promised')]; return 'end' }()
const steps = [await both.next(), await both.next(), await both.next(), await both.next(), await both.next()].map(({ value, done }) => [value?.file ?? value, done])
const failing = (async function* () { yield 1; throw new Error('broke') })()
const errors = []
try { for await (const n of failing) errors.push(n) } catch (error) { errors.push(error.message) }
const requests = reviews(['h', 'i'])
const parallelNext = (await Promise.all([requests.next(), requests.next(), requests.next()])).map((r) => r.value?.file ?? r.done)
return { sizes, stopped, closed, queued, steps, errors, parallelNext }
