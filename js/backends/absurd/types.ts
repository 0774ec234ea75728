/**
 * What the absurd backend takes and gives. Types only.
 *
 * @module
 */

import type { AgentProvider } from '../../agent-providers/types.js'
import type { JSONValue, WorkflowArgs } from '../../workflow-types.js'

/** An object that JSON has. */
export type JsonObject = { [key: string]: JSONValue }

/** How long to wait before another attempt: not at all, the same time, or longer each time. */
export type RetryStrategy = {
  kind: 'fixed' | 'exponential' | 'none'
  /** Default: 60 for `fixed`, 30 for `exponential`. */
  baseSeconds?: number
  /** Of `exponential`. Default: 2. */
  factor?: number
  /** Of `exponential`. Default: no limit. */
  maxSeconds?: number
}

/** When a task that takes too long is cancelled, in seconds. */
export type CancellationPolicy = {
  /** Since it was begun for the first time. */
  maxDuration?: number
  /** From when it was queued until it is begun. */
  maxDelay?: number
}

/** How a task is queued. */
export type SpawnOptions = {
  /** How often it is begun at most. Default: 5. */
  maxAttempts?: number
  /** Default: another attempt follows at once. */
  retryStrategy?: RetryStrategy
  /** Kept with the task, for its handler. */
  headers?: JsonObject
  queue?: string
  cancellation?: CancellationPolicy
  /** A task of the same queue that was queued with the same key is given in place of a new one. */
  idempotencyKey?: string
}

/** A task that was queued. */
export type SpawnResult = {
  taskID: string
  /** Its last attempt. */
  runID: string
  attempt: number
  /** `false`: it was there already. */
  created: boolean
}

/** A task that a worker has claimed. */
export type ClaimedTask = {
  run_id: string
  task_id: string
  task_name: string
  attempt: number
  params: JSONValue
  retry_strategy: JSONValue
  max_attempts: number | null
  headers: JsonObject | null
  /** The event for which it has waited in vain. */
  wake_event: string | null
  /** What came with the event that woke it. */
  event_payload: JSONValue | null
  /** How often the attempt was claimed: what is at work under an earlier claim can write no more. */
  claim?: number
}

/** How tasks are claimed. */
export type ClaimOptions = {
  /** Default: 1. */
  batchSize?: number
  /** How long a worker may be silent before others take its task, in seconds. Default: 120. */
  claimTimeout?: number
  /** What the worker is called, for people. Default: `worker`. */
  workerId?: string
}

/** How a worker works. */
export type WorkerOptions = {
  /** Default: name of the machine and number of the process. */
  workerId?: string
  /** How long it may be silent before others take its tasks, in seconds. It is not while it lives. Default: 120. */
  claimTimeout?: number
  /** How many tasks it claims at once. Default: `concurrency`. */
  batchSize?: number
  /** How many tasks it works at at once. Default: 1. */
  concurrency?: number
  /** Seconds between two looks at an empty queue. Default: 0.25. */
  pollInterval?: number
  /** Hears of errors that are not those of a task. Default: they are printed. */
  onError?: (error: Error) => void
  /**
   * Ends the process when a task was taken by somebody else and its handler still goes on a claim's time later.
   * Default: true.
   */
  fatalOnLeaseTimeout?: boolean
}

/** A worker that is at work. */
export type Worker = {
  /** Claims nothing more, and waits for what is under way. */
  close(): Promise<void>
}

/** How a handler is registered. */
export type TaskRegistrationOptions = {
  name: string
  /** Default: that of the client. */
  queue?: string
  /** Default: 5. */
  defaultMaxAttempts?: number
  defaultCancellation?: CancellationPolicy
}

/** Does a task. */
export type TaskHandler<P = any, R = any> = (params: P, ctx: TaskContext) => Promise<R>

/** What a handler has of its task. Whatever stops the task inside of it throws, and must not be caught for good. */
export type TaskContext = {
  readonly taskID: string
  /** What was kept with the task. */
  readonly headers: Readonly<JsonObject>
  /** Aborted when the task is cancelled, was taken by somebody else, or the client is closed. */
  readonly signal: AbortSignal
  /**
   * Does something once: its outcome is kept, and given in later attempts. The same name again in one attempt is another
   * step, `name#2`, and so on.
   */
  step<T>(name: string, fn: () => Promise<T>): Promise<T>
  /** Gives the task back for so many seconds. */
  sleepFor(stepName: string, duration: number): Promise<void>
  /** Gives the task back until then. */
  sleepUntil(stepName: string, wakeAt: Date): Promise<void>
  /**
   * The payload of the latest event of that name; without one, gives the task back until there is one. Throws a
   * `TimeoutError` when there was none for `timeout` seconds.
   */
  awaitEvent(eventName: string, options?: { stepName?: string; timeout?: number }): Promise<JSONValue>
  /** Says that it is alive, for so many seconds. That is also said while it lives. */
  heartbeat(seconds?: number): Promise<void>
  /** Tells something in the queue of the task. */
  emitEvent(eventName: string, payload?: JSONValue): Promise<void>
}

/** Something that was told in a queue. */
export type AbsurdEvent = {
  /** Grows; not dense. */
  number: number
  name: string
  payload: JSONValue
  /** The task that has told it; `null` for others. */
  taskID: string | null
  /** Milliseconds since 1970. */
  at: number
}

/** Which events. */
export type AbsurdEventFilter = {
  /** Default: that of the client. */
  queue?: string
  name?: string
  taskID?: string
  /** Those after this number. */
  after?: number
  /** Default: 1000. */
  limit?: number
}

/** Queues, tasks, workers and events. */
export type AbsurdClient = {
  /** Says who does tasks of that name. */
  registerTask<P = any, R = any>(options: TaskRegistrationOptions, handler: TaskHandler<P, R>): void
  createQueue(queueName?: string): Promise<void>
  /** Deletes a queue with all its tasks and events. */
  dropQueue(queueName?: string): Promise<void>
  listQueues(): Promise<Array<string>>
  /** Queues a task. */
  spawn<P = any>(taskName: string, params: P, options?: SpawnOptions): Promise<SpawnResult>
  emitEvent(eventName: string, payload?: JSONValue, queueName?: string): Promise<void>
  /** What was told in a queue, the oldest first. */
  listEvents(filter?: AbsurdEventFilter): Promise<AbsurdEvent[]>
  /** A handler that is at work hears of it by its signal. */
  cancelTask(taskID: string, queueName?: string): Promise<void>
  /** Claims the tasks that have been available for the longest time, of whatever name. */
  claimTasks(options?: ClaimOptions): Promise<ClaimedTask[]>
  /** Claims tasks and does them one after another. */
  workBatch(workerId?: string, claimTimeout?: number, batchSize?: number): Promise<void>
  startWorker(options?: WorkerOptions): Promise<Worker>
  /** Gives back what is under way, and closes the store. */
  close(): Promise<void>
  /** Does a task that was claimed. Its failure is recorded, not thrown. */
  executeTask(task: ClaimedTask, claimTimeout: number, options?: { fatalOnLeaseTimeout?: boolean }): Promise<void>
}

/** How a backend is made. */
export type AbsurdWorkflowBackendOptions = {
  /** The file of the store. It is created if it is not there; its folder must be. */
  dbPath: string
  /** An extension of SQLite, which the original needed. Must be there if it is given; it is not loaded. */
  extensionPath?: string
  /** Default: `default`. */
  queueName?: string
  /** Default: `workflow.run`. */
  taskName?: string
  /** Answers the agent calls that name no provider. Default: `debug`. */
  agentProvider?: AgentProvider
  /** Hears what workflows do. */
  verbose?: (...values: unknown[]) => void
}

/** A workflow to be run. */
export type AbsurdWorkflowRunParams = {
  /** A relative path is resolved in the working directory of the worker. */
  scriptPath: string
  args?: WorkflowArgs
  /** These three are kept, and not read. */
  workflowName?: string
  workflowVersion?: string
  scriptHash?: string
  /** Output tokens. */
  budgetTotal?: number | null
}

/** How a workflow is queued. */
export type SubmitWorkflowOptions = Omit<SpawnOptions, 'queue'> & { queue?: string }

/** How a workflow is queued, and done. */
export type RunWorkflowAndWaitOptions = SubmitWorkflowOptions & {
  /** Default: 60000. Looked at between two batches. */
  timeoutMs?: number
  /** Default: 250. */
  pollIntervalMs?: number
  workerId?: string
  /** In seconds. Default: 120. */
  claimTimeout?: number
  /** Default: 1. */
  batchSize?: number
}

/** Where a task stands. */
export type AbsurdWorkflowTaskState = 'pending' | 'running' | 'sleeping' | 'completed' | 'failed' | 'cancelled'

/** What is known of a task. */
export type AbsurdWorkflowTaskRow = {
  taskID: string
  state: AbsurdWorkflowTaskState
  result: unknown
  /** Of the last attempt that has failed; also of a task that was completed later. */
  failureReason: unknown
}

/** What came of a workflow. */
export type AbsurdWorkflowRunResult = {
  taskID: string
  /** The attempt that was completed. */
  runID: string
  attempt: number
  result: unknown
}

/** Runs workflows as tasks of a queue. */
export type AbsurdWorkflowBackend = {
  readonly absurd: AbsurdClient
  readonly queueName: string
  readonly taskName: string
  /** Creates the queue, if it is not there. */
  init(): Promise<void>
  /** Lets the workers of this backend do workflows. */
  registerWorkflowTask(): void
  /** Queues a workflow. */
  submitWorkflow(params: AbsurdWorkflowRunParams, options?: SubmitWorkflowOptions): Promise<SpawnResult>
  /** Queues a workflow, and works at the queue until it is done. */
  runWorkflowAndWait(
    params: AbsurdWorkflowRunParams,
    options?: RunWorkflowAndWaitOptions,
  ): Promise<AbsurdWorkflowRunResult>
  /** `null`: there is none of that id in this queue. */
  getWorkflowTask(taskID: string): Promise<AbsurdWorkflowTaskRow | null>
  startWorker(options?: WorkerOptions): Promise<Worker>
  /** Claims tasks and does them one after another. */
  workBatch(options?: { workerId?: string; claimTimeout?: number; batchSize?: number }): Promise<void>
  /** Gives back what is under way, and closes the store. */
  close(): Promise<void>
}
