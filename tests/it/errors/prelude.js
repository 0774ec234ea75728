const o = { x: 1, list: 5, name: 'x', none: null, f() { return {} }, g: {}, get got() { return 1 } }, k = 'kk', list = [1, 2]
const f = (x) => x, frozen = Object.freeze({ a: 1 }), sealed = Object.seal([1])
let u
class C { #p = 1; #m() {} static read(it) { return it.#p } static call(it) { return it.#m() } static write(it) { it.#p = 1 } }
