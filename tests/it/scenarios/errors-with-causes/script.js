export const meta = { name: 'errors-with-causes', description: 'Wraps what goes wrong and tells it whole' }

class StepError extends Error {
  static code = 'E_STEP'
  #step
  constructor(step, message, options) { super(message, options); this.name = 'StepError'; this.#step = step; this.code = StepError.code }
  get step() { return this.#step }
  get chain() { const out = []; for (let e = this; e; e = e.cause) out.push(e instanceof Error ? `${e.name}: ${e.message}` : String(e)); return out }
}
const steps = {
  parse: () => JSON.parse('{"a": }'),
  agent: () => agent('x', { schema: { type: 'string', minLength: 99 } }),
  text: () => { throw 'just text' },
  nothing: () => { throw undefined },
  nested: async () => { try { null.x } catch (cause) { throw new RangeError('outer', { cause }) } },
  many: () => Promise.any([Promise.reject(new Error('a')), Promise.reject(new TypeError('b'))]),
}
const failures = []
for (const [name, step] of Object.entries(steps)) {
  try {
    await step()
  } catch (cause) {
    failures.push(new StepError(name, `step ${name} failed`, { cause }))
  }
}
const all = new AggregateError(failures, 'everything failed')
const shown = failures.map((error) => ({ step: error.step, kinds: error.chain.map((line) => line.split(':')[0]), has: 'cause' in error, keys: Object.keys(error) }))
const report = await agent(`Failures: ${failures.map((error) => error.message).join('; ')}`)
const bare = [() => { throw { code: 5 } }, () => { throw [1, 2] }, () => { throw null }, () => Promise.reject(Symbol('s'))]
const thrown = []
for (const f of bare) { try { await f() } catch (error) { thrown.push(typeof error === 'symbol' ? 'symbol' : error) } }
const plain = new Error('plain')
return { shown, count: all.errors.length, aggregate: [all.name, all.message, all instanceof Error], report, thrown, text: [String(plain), `${new StepError(1, '')}`, Object.prototype.toString.call(plain), JSON.stringify(plain), plain.cause === undefined, 'cause' in plain, new Error('', { cause: 0 }).cause, Error('no new') instanceof Error, new TypeError('t').name, typeof plain.stack, Error.prototype.message] }
