export const meta = { name: 'semaphore-class', description: 'Limits agents with a semaphore and counts with private fields' }

class Semaphore {
  #free
  #waiting = []
  static #made = 0
  static { this.LIMIT = 2 }
  constructor(free = Semaphore.LIMIT) { this.#free = free; Semaphore.#made++ }
  get waiting() { return this.#waiting.length }
  static get made() { return Semaphore.#made }
  static isOne(value) { return typeof value === 'object' && value !== null && #free in value }
  #take() {
    if (this.#free > 0) { this.#free--; return Promise.resolve() }
    const { promise, resolve } = (() => { let resolve; const promise = new Promise((r) => { resolve = r }); return { promise, resolve } })()
    this.#waiting.push(resolve)
    return promise
  }
  #give() {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
  async use(work) {
    await this.#take()
    try { return await work() } finally { this.#give() }
  }
}
class Counted extends Semaphore {
  #log = []
  async use(work, name) {
    this.#log.push(`+${name}(${this.waiting})`)
    const result = await super.use(work)
    this.#log.push(`-${name}`)
    return result
  }
  get log() { return this.#log.join(' ') }
  toJSON() { return { log: this.log } }
}

const gate = new Counted(2)
const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => gate.use(() => agent(`Task ${name}`), name)))
return { answers, gate, made: Semaphore.made, checks: [Semaphore.isOne(gate), Semaphore.isOne({}), Counted.name, gate instanceof Semaphore] }
