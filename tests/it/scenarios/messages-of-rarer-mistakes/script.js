export const meta = { name: 'messages-of-rarer-mistakes', description: 'Puts the messages of its other mistakes into prompts' }

const object = { name: 'x', list: 5 }, frozen = Object.freeze({ a: 1 })
const mistakes = [
  () => object.missing(), () => object.list.map((x) => x), () => object(), () => [...5], () => { const [a] = 5; return a }, () => { const { a } = null; return a }, () => { const { a } = undefined; return a },
  () => early, () => unknown, () => { const c = 1; c = 2 }, () => [].reduce((a, b) => a), () => new Array(-1), () => 'x'.repeat(-1), () => (1).toFixed(101), () => decodeURIComponent('%'), () => { frozen.a = 2 }, () => { frozen.b = 2 }, () => { delete frozen.a },
  () => new object.name(), () => Symbol() + '', () => 1n + 1, () => BigInt('x'), () => 'a' in 'b', () => ({}) instanceof 5, () => { class A { constructor() { this.x = 1 } } return A() }, () => { class A {} class B extends A { constructor() { this.x = 1 } } return new B() }, () => 'text'.x.y, () => { 'text'.length = 1 }, () => new Map([1]), () => Object.defineProperty(1, 'x', {}), () => new Proxy({}, null), () => Reflect.ownKeys(1), () => new WeakRef({}), () => { for (const x of {}) return x },
]
const messages = mistakes.map((mistake) => { try { return mistake() } catch (error) { return `${error.name}: ${error.message}` } })
let early = 1
await agent(`Explain: ${messages[0]}`)
return messages
