export const meta = { name: 'then-and-catch', description: 'Uses promises without await' }

const order = []
const promise = agent('first')
const chained = promise
  .then((text) => { order.push('then'); return text.length })
  .then((length) => { if (length > 3) throw new RangeError(`too long: ${length}`); return length })
  .catch((error) => ({ caught: error.name, message: error.message }))
  .finally(() => { order.push('finally'); return 'ignored' })
const fallback = agent('second', { schema: { type: 'integer', minimum: 5 } })
  .then(() => 'valid', (error) => `rejected: ${error.message.split('\n')[0]}`)
const viaCatch = agent({ nested: true }, 'no options').catch((error) => error instanceof TypeError && error.message)
const isReal = [promise instanceof Promise, Promise.resolve(promise) === promise, Object.prototype.toString.call(promise), promise.constructor === Promise]
const both = agent('third').then((a) => agent(`${a} again`)).then((b) => [b])
order.push('sync')
const settled = await Promise.all([chained, fallback, viaCatch, both])
return { settled, isReal, order, twice: await promise === await promise }
