export const meta = { name: 'generators', description: 'Plans with generators' }

function* ids(prefix) { let n = 0; while (true) { const jump = yield `${prefix}${++n}`; if (jump) n = jump } }
function* plan(depth) {
  yield `enter ${depth}`
  if (depth > 0) { const result = yield* plan(depth - 1); yield `got ${result}` }
  return depth * 10
}
const counter = ids('T')
const seen = [counter.next().value, counter.next().value, counter.next(41).value, counter.return('bye'), counter.next()]
const cleanup = []
function* guarded() { try { yield 1; yield 2 } catch (error) { cleanup.push(error.message); yield 'recovered' } finally { cleanup.push('closed') } }
for (const n of guarded()) { if (n === 1) break }
const g = guarded()
g.next()
const thrown = [g.throw(new Error('injected')), g.next()]
class Tree {
  constructor(value, ...children) { Object.assign(this, { value, children }) }
  *[Symbol.iterator]() { yield this.value; for (const child of this.children) yield* child }
}
const tree = new Tree('root', new Tree('a', new Tree('a1')), new Tree('b'))
const take = function* (n, source) { let i = 0; for (const item of source) { if (i++ >= n) return; yield item } }
const fibonacci = { *[Symbol.iterator]() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b] } } }
const [x, y, ...others] = take(6, fibonacci)
const answers = []
for (const label of take(2, ids('job'))) answers.push(await agent(`Do ${label}`, { label }))
return { seen, plan: [...plan(2)], cleanup, thrown, tree: [...tree], max: Math.max(...take(10, fibonacci)), x, y, others, answers, tag: Object.prototype.toString.call(g) }
