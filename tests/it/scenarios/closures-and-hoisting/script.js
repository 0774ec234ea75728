export const meta = { name: 'closures-and-hoisting', description: 'Remembers the right variables' }

const early = hoisted(2)
function hoisted(n) { return n * factor() }
function factor() { return 21 }
let tdz
try { later } catch (error) { tdz = error.name }
const later = 1
const thunks = []
for (let i = 0; i < 3; i++) thunks.push(() => agent(`let ${i}`))
for (var v = 0; v < 3; v++) thunks.push(() => agent(`var ${v}`))
for (const name in { a: 1, b: 2 }) thunks.push(() => agent(`in ${name}`))
const answers = await parallel(thunks)
const counters = Array.from({ length: 2 }, () => { let n = 0; return { up: () => ++n, get n() { return n } } })
counters[0].up(); counters[0].up()
const memo = ((cache) => function fib(n) { return cache[n] ??= n < 2 ? n : fib(n - 1) + fib(n - 2) })({})
const once = (f) => { let done, value; return (...values) => done ? value : (done = true, value = f(...values)) }
let runs = 0
const setup = once((x) => { runs++; return x })
const curry = (f, ...given) => given.length >= f.length ? f(...given) : (...more) => curry(f, ...given, ...more)
const compose = (...fs) => (x) => fs.reduceRight((value, f) => f(value), x)
const shadow = (() => { const x = 'outer'; { const x = 'inner'; { var leaked = x } } return [x, leaked] })()
const self = { name: 's', arrow: () => typeof this, method() { return [this?.name, (() => this.name)()] }, regular: function () { return this === undefined } }
const { method, regular } = self
let detached
try { detached = method() } catch (error) { detached = error.name }
function defaults(a, b = a + 1, c = () => a + b) { return c() * a }
function args2() { return [arguments.length, typeof arguments, [...arguments]] }
const named = function inner() { return typeof inner }
{ function inBlock() { return 'block' } var fromBlock = inBlock() }
return { early, tdz, answers, counters: counters.map((c) => c.n), fib: memo(50), setup: [setup(1), setup(2), runs], curried: curry((a, b, c) => a + b + c)(1)(2, 3), composed: compose((x) => x + 1, (x) => x * 2)(5), shadow, self: [self.arrow(), self.method(), detached, regular()], defaults: defaults(1), args2: args2(1, 'x'), named: [named(), named.name, typeof inner2, (() => {}).name, hoisted.length], bound: hoisted.bind(null, 1)(), fromBlock, blockScoped: typeof inBlock }
function inner2() {}
