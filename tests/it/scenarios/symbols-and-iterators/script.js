export const meta = { name: 'symbols-and-iterators', description: 'Objects that behave specially' }

const kind = Symbol('kind')
const shared = Symbol.for('app.shared')
class Money {
  constructor(amount, currency) { this.amount = amount; this.currency = currency; this[kind] = 'money' }
  [Symbol.toPrimitive](hint) { return hint === 'number' ? this.amount : hint === 'string' ? `${this.amount} ${this.currency}` : `default:${this.amount}` }
  get [Symbol.toStringTag]() { return 'Money' }
  static [Symbol.hasInstance](value) { return typeof value?.amount === 'number' }
}
const price = new Money(5, 'EUR')
class Words extends Array { static get [Symbol.species]() { return Array } get longest() { return this.reduce((a, b) => (b.length > a.length ? b : a), '') } }
const words = Words.from(['a', 'four', 'xyz'])
const range = { from: 1, to: 3, [Symbol.iterator]() { let n = this.from; const { to } = this; return { next: () => (n <= to ? { value: n++, done: false } : { value: undefined, done: true }), return() { closed++; return {} } } } }
let closed = 0
for (const n of range) if (n === 2) break
const [first] = range
const answer = await agent(`Pay ${price}`)
return {
  answer, primitives: [+price, `${price}`, price + '', price * 2], tag: String(Object.prototype.toString.call(price)), instance: [{ amount: 1 } instanceof Money, [] instanceof Money],
  keys: [Object.keys(price), JSON.stringify(price), Object.getOwnPropertySymbols(price).map(String), price[kind], kind.description, Symbol.keyFor(shared), Symbol.for('app.shared') === shared],
  words: [words instanceof Words, words.longest, words.map((w) => w.length) instanceof Words, words.length, Array.isArray(words)], spread: Math.max(...range), closed, first, from: Array.from(range, (n) => n * n), set: [...new Set(range)],
  concat: [].concat({ length: 1, 0: 'spread', [Symbol.isConcatSpreadable]: true }, [2]), match: 'x-y'.split({ [Symbol.split]: (text) => [text, 'split'] }), typeof: [typeof kind, typeof null, typeof class {}, typeof 1n, typeof undeclared],
}
