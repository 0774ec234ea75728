/**
 * What a handler has of its task: steps that are done once, waits, events.
 *
 * @module
 */

import type { JSONValue } from '../../workflow-types.js'
import { type Holding, SuspendTask } from './holding.js'
import type { Tasks } from './tasks.js'
import type { ClaimedTask, JsonObject, TaskContext } from './types.js'

/** Thrown when an event has not happened in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** The context of one attempt. */
export class Context implements TaskContext {
  readonly taskID: string
  readonly headers: Readonly<JsonObject>
  readonly #tasks: Tasks
  readonly #queue: string
  readonly #holding: Holding
  /** The outcomes of steps as JSON, by name. */
  readonly #known: Map<string, string>
  /** How often a name has come, and which of its numbers were given back. */
  readonly #names = new Map<string, { last: number; free: number[] }>()

  private constructor(tasks: Tasks, queue: string, task: ClaimedTask, holding: Holding, known: Map<string, string>) {
    this.#tasks = tasks
    this.#queue = queue
    this.#holding = holding
    this.#known = known
    this.taskID = task.task_id
    this.headers = task.headers ?? {}
  }

  static async create(tasks: Tasks, queue: string, task: ClaimedTask, holding: Holding): Promise<Context> {
    return new Context(tasks, queue, task, holding, await tasks.checkpoints(task.task_id))
  }

  get signal(): AbortSignal {
    return this.#holding.signal
  }

  async step<T>(name: string, fn: () => Promise<T>): Promise<T> {
    // Before anything else: steps are told apart by the order of their calls.
    return await this.#once(this.#checkpointName(name), fn)
  }

  /**
   * A step whose name says all that there is to know of it. When it fails, it gives its number back to the next one of that
   * name, which asks the same: another attempt of a call is not another call, and finds the answer again later.
   */
  async ask<T>(name: string, fn: () => Promise<T>): Promise<T> {
    const number = this.#take(name)
    try {
      return await this.#once(numbered(name, number), fn)
    } catch (error) {
      this.#names.get(name)?.free.push(number)
      throw error
    }
  }

  async #once<T>(checkpoint: string, fn: () => Promise<T>): Promise<T> {
    this.#holding.check()
    const known = this.#known.get(checkpoint)
    if (known !== undefined) return JSON.parse(known) as T
    const outcome = await fn()
    await this.#keep(checkpoint, outcome)
    return outcome
  }

  async sleepFor(stepName: string, duration: number): Promise<void> {
    await this.sleepUntil(stepName, new Date(Date.now() + duration * 1000))
  }

  async sleepUntil(stepName: string, wakeAt: Date): Promise<void> {
    const checkpoint = this.#checkpointName(stepName)
    this.#holding.check()
    const known = this.#known.get(checkpoint)
    const until = known === undefined ? wakeAt : new Date(JSON.parse(known) as string)
    if (known === undefined) await this.#keep(checkpoint, wakeAt.toISOString())
    if (Date.now() >= until.getTime()) return
    await this.#holding.write(() => this.#tasks.schedule(this.#holding.claim, until.getTime()))
    this.#suspend()
  }

  async awaitEvent(eventName: string, options: { stepName?: string; timeout?: number } = {}): Promise<JSONValue> {
    const { stepName, timeout } = options
    const checkpoint = this.#checkpointName(stepName || `$awaitEvent:${eventName}`)
    this.#holding.check()
    const known = this.#known.get(checkpoint)
    if (known !== undefined) return JSON.parse(known) as JSONValue
    const seconds = timeout !== undefined && Number.isFinite(timeout) && timeout >= 0 ? timeout : undefined
    const { claim } = this.#holding
    const awaited = await this.#holding.write(() => this.#tasks.awaitEvent(claim, checkpoint, eventName, seconds))
    if (awaited === 'suspended') return this.#suspend()
    if (awaited === 'timedOut') throw new TimeoutError(`Timed out waiting for event "${eventName}"`)
    this.#known.set(checkpoint, awaited.payload)
    return JSON.parse(awaited.payload) as JSONValue
  }

  async heartbeat(seconds?: number): Promise<void> {
    await this.#holding.extend(seconds)
  }

  async emitEvent(eventName: string, payload?: JSONValue): Promise<void> {
    checkEventName(eventName)
    const { claim } = this.#holding
    await this.#holding.write(() => this.#tasks.emit(this.#queue, eventName, payload ?? null, claim))
  }

  #checkpointName(name: string): string {
    return numbered(name, this.#take(name))
  }

  /** The number of a step among those of its name, from 1. */
  #take(name: string): number {
    const names = this.#names.get(name) ?? { last: 0, free: [] }
    this.#names.set(name, names)
    const free = names.free.sort((a, b) => a - b).shift()
    return free ?? ++names.last
  }

  #suspend(): never {
    this.#holding.stop('suspended')
    throw new SuspendTask()
  }

  async #keep(name: string, outcome: unknown): Promise<void> {
    const { claim, claimTimeout } = this.#holding
    await this.#holding.write(() => this.#tasks.setCheckpoint(claim, name, outcome, claimTimeout))
    this.#known.set(name, (JSON.stringify(outcome) as string | undefined) ?? 'null')
  }
}

function numbered(name: string, number: number): string {
  return number === 1 ? name : `${name}#${number}`
}

/** Refuses what no event can be called. */
export function checkEventName(name: string): void {
  if (!name) throw new Error('eventName must be a non-empty string')
}
