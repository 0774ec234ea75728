export const meta = { name: 'module-result-is-json', description: 'Returns what JSON can hold, and more' }

class Finding { constructor(title) { this.title = title; this.secret = undefined } get upper() { return this.title.toUpperCase() } #hidden = 1 }
log('undefined', undefined, () => 1, Symbol('s'), NaN, new Date(0), new Map([[1, 2]]), -0, [undefined], new Finding('logged'))
phase('P', { detail: 'options', n: NaN })
const errors = []
for (const bad of [() => log(10n), () => { const o = {}; o.self = o; log(o) }]) {
  try { bad() } catch (error) { errors.push(`${error.name}: ${error.message.split('\n')[0]}`) }
}
export default { u: undefined, s: Symbol('s'), f() {}, nan: NaN, inf: -Infinity, zero: -0, date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), re: /x/g, error: new Error('e'), bytes: new Uint8Array([1, 2]), list: [undefined, , () => 1], custom: { toJSON: () => ({ made: true }) }, finding: new Finding('f'), boxed: [new Number(1), new String('s')], nested: { deep: { er: null } }, order: { b: 1, a: 2, 1: 'first' }, errors }
