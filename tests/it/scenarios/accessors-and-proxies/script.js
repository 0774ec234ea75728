export const meta = { name: 'accessors-and-proxies', description: 'Watches its own state' }

const events = []
const state = {
  _count: 0,
  get count() { events.push('get'); return this._count },
  set count(value) { events.push(`set ${value}`); if (value < 0) throw new RangeError('negative'); this._count = value },
  get ['computed' + 1]() { return 'c' },
}
state.count++
state.count += 5
let refused
try { state.count = -1 } catch (error) { refused = error.message }
const watched = new Proxy({ list: [] }, {
  get(target, key, receiver) { events.push(`read ${String(key)}`); return Reflect.get(target, key, receiver) },
  set(target, key, value) { events.push(`write ${key}`); return key !== 'locked' && Reflect.set(target, key, value) },
  has: (target, key) => key.startsWith('v') || key in target,
  deleteProperty(target, key) { events.push(`delete ${key}`); return delete target[key] },
  ownKeys: (target) => [...Reflect.ownKeys(target), 'virtual'],
  getOwnPropertyDescriptor: (target, key) => key === 'virtual' ? { value: 'v', enumerable: true, configurable: true } : Reflect.getOwnPropertyDescriptor(target, key),
})
watched.name = 'w'
watched.list.push(1)
let locked
try { watched.locked = 1 } catch (error) { locked = error.name }
delete watched.name
const calls = new Proxy(agent, { apply(target, self, values) { events.push(`agent ${values[0]}`); return Reflect.apply(target, self, [`[traced] ${values[0]}`, values[1]]) } })
const answer = await calls('hello')
const models = new Proxy({}, { get: (_, name) => (prompt, options) => agent(prompt, { ...options, model: name }) })
const routed = await Promise.all([models.opus('hard'), models.haiku('easy', { label: 'e' })])
class Lazy { get value() { const value = { made: true }; Object.defineProperty(this, 'value', { value, enumerable: true }); return value } static get [Symbol.species]() { return this } accessorLike = 1 }
const lazy = new Lazy()
const { proxy, revoke } = Proxy.revocable({}, {})
revoke()
let revoked
try { proxy.x } catch (error) { revoked = error.name }
return { events, refused, locked, keys: Object.keys(watched), has: ['virtual' in watched, 'x' in watched], answer, routed, lazy: [lazy.value === lazy.value, Object.keys(lazy)], revoked, own: Object.getOwnPropertyNames(state), json: JSON.stringify(state), apply: Reflect.apply(Math.max, null, [1, 3]), construct: Reflect.construct(Date, [0]).toISOString(), ownKeys: Reflect.ownKeys({ b: 1, 1: 1, [Symbol('s')]: 1 }).map(String) }
