/**
 * A claim as long as somebody works under it: it is kept from running out, and whoever works hears when it is lost.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'

import { WorkflowError } from '../../errors.js'
import type { Claim, Tasks } from './tasks.js'

/** How often it is looked whether a claim still holds, at most. */
const LOOK_MS = 1_000
/** What may stand in the way of a write for a while. */
const PASSING = ['ERR_STORE_BUSY', 'ERR_STORE_LOCKED', 'ERR_STORE_FULL', 'ERR_STORE_IO', 'ERR_STORE_READ_ONLY']
/** How long a write waits for that to pass, in milliseconds: what it is to keep may have been paid for. */
const PATIENCE_MS = 60_000
const LONGEST_PAUSE_MS = 2_000

/** Why somebody has to stop. */
export type Stop =
  /** The handler itself has given its task back. */
  | 'suspended'
  | 'cancelled'
  /** Somebody else has the task. */
  | 'lost'
  /** The client is being closed. */
  | 'closed'

/** Thrown to end a handler whose task sleeps. */
export class SuspendTask extends Error {
  override readonly name = 'SuspendTask'
  constructor() {
    super('Task suspended')
  }
}

/** Thrown to end a handler whose task is none of its business any more. */
export class CancelledTask extends Error {
  override readonly name = 'CancelledTask'
  constructor(why: Exclude<Stop, 'suspended'>) {
    super({ cancelled: 'Task cancelled', lost: 'Task taken by another worker', closed: 'Client closed' }[why])
  }
}

/** A claim that is held. */
export class Holding {
  readonly claim: Claim
  readonly claimTimeout: number
  readonly #tasks: Tasks
  readonly #queue: string
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  #stopped: Stop | undefined
  #extended = Date.now()
  #looking = false

  constructor(tasks: Tasks, queue: string, claim: Claim, claimTimeout: number) {
    this.#tasks = tasks
    this.#queue = queue
    this.claim = claim
    this.claimTimeout = claimTimeout
    this.#timer = setInterval(() => void this.#look(), Math.min(LOOK_MS, (claimTimeout * 1000) / 3))
    // Whoever works keeps the process alive, or does not need to.
    this.#timer.unref()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why work has to stop; `undefined`: it need not. */
  get stopped(): Stop | undefined {
    return this.#stopped
  }

  /** Throws what ends a handler that has to stop. */
  check(): void {
    if (this.#stopped !== undefined) throw ended(this.#stopped)
  }

  /** Tells whoever works to stop. The first reason counts. */
  stop(why: Stop): void {
    if (this.#stopped !== undefined) return
    this.#stopped = why
    clearInterval(this.#timer)
    // A handler that has given its task back ends by itself.
    if (why !== 'suspended') this.#controller.abort(ended(why))
  }

  /** The end of the work, however it came. */
  release(): void {
    clearInterval(this.#timer)
  }

  /** Does something under the claim, and finds out by it whether it still holds. */
  async under<T>(work: () => Promise<T>): Promise<T> {
    this.check()
    try {
      return await work()
    } catch (error) {
      const code = error instanceof WorkflowError ? error.code : undefined
      if (code === 'ERR_TASK_CANCELLED') this.stop('cancelled')
      else if (code === 'ERR_CLAIM_LOST') this.stop('lost')
      else throw error
      throw ended(this.#stopped as Stop)
    }
  }

  /** Writes something under the claim; waits if the store cannot take it now. */
  async write<T>(work: () => Promise<T>): Promise<T> {
    const begun = Date.now()
    for (let pause = 50; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.under(work)
      } catch (error) {
        const passes = error instanceof WorkflowError && PASSING.includes(error.code)
        if (!passes || Date.now() - begun > PATIENCE_MS) throw error
        await delay(pause)
      }
    }
  }

  /** Says that the worker is alive. */
  async extend(seconds = this.claimTimeout): Promise<void> {
    await this.under(async () => {
      const asked = Date.now()
      const lost = await this.#tasks.extend(this.claim, seconds)
      if (lost) this.stop(lost.cancelled ? 'cancelled' : 'lost')
      else this.#extended = asked
    })
    this.check()
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const { overdue, lost } = await this.#tasks.look(this.#queue, [this.claim])
      if (lost[0]) this.stop(lost[0].cancelled ? 'cancelled' : 'lost')
      if (this.#stopped !== undefined) return
      // Others may be lost, or take too long; this one, too.
      if (overdue) await this.#tasks.sweep(this.#queue)
      if (Date.now() - this.#extended >= (this.claimTimeout * 1000) / 3) await this.extend()
    } catch {
      // The store is busy or gone. Until somebody takes the task it is held, so that nothing is lost by another try.
    } finally {
      this.#looking = false
    }
  }
}

function ended(why: Stop): Error {
  return why === 'suspended' ? new SuspendTask() : new CancelledTask(why)
}
