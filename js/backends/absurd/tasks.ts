/**
 * The queues of a store, as the rest of this folder sees them: requests as JSON to the native side, which decides what
 * becomes of them.
 *
 * @module
 */

import { resolve } from 'node:path'

import { fromNativeThrow } from '../../errors.js'
import { NativeTasks } from '../../native.js'
import type { JSONValue } from '../../workflow-types.js'
import type {
  AbsurdEvent,
  AbsurdEventFilter,
  AbsurdWorkflowTaskState,
  ClaimedTask,
  JsonObject,
  SpawnOptions,
  SpawnResult,
} from './types.js'

/** The right to work at a task. */
export type Claim = { readonly runID: string; readonly claim?: number | undefined }

/** What is known of a task. */
export type TaskRecord = {
  taskID: string
  state: AbsurdWorkflowTaskState
  result: unknown
  failureReason: unknown
  /** The last attempt. */
  runID: string
  attempt: number
}

/** A claim that no longer holds. */
export type LostClaim = { runID: string; cancelled: boolean }

type Text = string | null
type StoredTask = Omit<ClaimedTask, 'params' | 'headers' | 'event_payload'> & { params: string; headers: Text; event_payload: Text }

/** The queues in a file. Every method may reject with a `WorkflowError` `ERR_STORE_…`. */
export class Tasks {
  readonly #native: NativeTasks

  /** Opens the file, and creates it if it is not there. */
  constructor(path: string) {
    try {
      this.#native = new NativeTasks(resolve(path))
    } catch (error) {
      throw fromNativeThrow(error)
    }
  }

  /** Handed over before this returns: what is asked first is written first. */
  async #ask<T>(op: string, request: object): Promise<T> {
    try {
      return JSON.parse(await this.#native.request(JSON.stringify({ ...request, op }), Date.now())) as T
    } catch (error) {
      throw fromNativeThrow(error)
    }
  }

  async createQueue(queue: string): Promise<void> {
    await this.#ask('createQueue', { queue })
  }

  async dropQueue(queue: string): Promise<void> {
    await this.#ask('dropQueue', { queue })
  }

  async queues(): Promise<string[]> {
    return await this.#ask('queues', {})
  }

  async spawn(queue: string, name: string, params: unknown, options: SpawnOptions & { maxAttempts: number }): Promise<SpawnResult> {
    const { headers, ...rest } = options
    return await this.#ask('spawn', { ...rest, queue, name, params: text(params), headers: headers && text(headers) })
  }

  async claim(queue: string, worker: string, timeout: number, limit: number): Promise<ClaimedTask[]> {
    const tasks = await this.#ask<StoredTask[]>('claim', { queue, worker, timeoutMs: milliseconds(timeout), limit })
    return tasks.map((task) => ({
      ...task,
      params: JSON.parse(task.params) as JSONValue,
      headers: parsed(task.headers) as JsonObject | null,
      event_payload: parsed(task.event_payload) as JSONValue,
    }))
  }

  async sweep(queue: string): Promise<void> {
    await this.#ask('sweep', { queue })
  }

  /** Whether there is anything to do in a queue, or to be swept, and which of the claims no longer hold. */
  async look(queue: string, claims: readonly Claim[]): Promise<{ work: boolean; overdue: boolean; lost: LostClaim[] }> {
    return await this.#ask('look', { queue, claims })
  }

  async extend(claim: Claim, seconds: number): Promise<LostClaim | undefined> {
    const lost = await this.#ask<LostClaim[]>('extend', { claims: [claim], timeoutMs: milliseconds(seconds) })
    return lost[0]
  }

  async schedule(claim: Claim, wakeAt: number): Promise<void> {
    await this.#ask('schedule', { claim, wakeAt: Math.max(0, Math.ceil(wakeAt)) })
  }

  async complete(claim: Claim, result: unknown): Promise<void> {
    await this.#ask('complete', { claim, result: text(result) })
  }

  async fail(claim: Claim, reason: unknown): Promise<void> {
    await this.#ask('fail', { claim, reason: text(reason) })
  }

  async cancel(queue: string, task: string): Promise<void> {
    await this.#ask('cancel', { queue, task })
  }

  async setCheckpoint(claim: Claim, name: string, state: unknown, seconds: number): Promise<void> {
    await this.#ask('setCheckpoint', { claim, name, state: text(state), timeoutMs: milliseconds(seconds) })
  }

  /** JSON texts by name. */
  async checkpoints(task: string): Promise<Map<string, string>> {
    return new Map(await this.#ask<[string, string][]>('checkpoints', { task }))
  }

  /** The payload as JSON text, or what became of the wait. */
  async awaitEvent(claim: Claim, step: string, event: string, seconds: number | undefined): Promise<'suspended' | 'timedOut' | { payload: string }> {
    const timeoutMs = seconds === undefined ? undefined : milliseconds(seconds)
    return await this.#ask('awaitEvent', { claim, step, event, timeoutMs })
  }

  /** A task tells it under its claim. */
  async emit(queue: string, event: string, payload: unknown, claim?: Claim): Promise<void> {
    await this.#ask('emit', { queue, event, payload: text(payload), claim })
  }

  async events(filter: AbsurdEventFilter & { queue: string }): Promise<AbsurdEvent[]> {
    const events = await this.#ask<(Omit<AbsurdEvent, 'payload'> & { payload: string })[]>('events', filter)
    return events.map((event) => ({ ...event, payload: JSON.parse(event.payload) as JSONValue }))
  }

  async task(queue: string, task: string): Promise<TaskRecord | null> {
    const record = await this.#ask<(Omit<TaskRecord, 'result' | 'failureReason'> & { result: Text; failureReason: Text }) | null>(
      'task',
      { queue, task },
    )
    return record && { ...record, result: parsed(record.result), failureReason: parsed(record.failureReason) }
  }

  async close(): Promise<void> {
    await this.#ask('close', {})
  }
}

/** What JSON has no words for, such as `undefined` or a function, is `null`. */
function text(value: unknown): string {
  return (JSON.stringify(value) as string | undefined) ?? 'null'
}

function parsed(json: Text): unknown {
  return json === null ? null : JSON.parse(json)
}

function milliseconds(seconds: number): number {
  return Math.min(Math.max(0, Math.round(seconds * 1000)), Number.MAX_SAFE_INTEGER)
}
