/**
 * The client: registers handlers, queues tasks, claims them and does them.
 *
 * @module
 */

import { hostname } from 'node:os'

import { WorkflowError } from '../../errors.js'
import type { JSONValue } from '../../workflow-types.js'
import { checkEventName, Context } from './context.js'
import { Holding, SuspendTask } from './holding.js'
import type { Tasks } from './tasks.js'
import type {
  AbsurdClient,
  AbsurdEvent,
  AbsurdEventFilter,
  CancellationPolicy,
  ClaimedTask,
  ClaimOptions,
  SpawnOptions,
  SpawnResult,
  TaskHandler,
  TaskRegistrationOptions,
  Worker,
  WorkerOptions,
} from './types.js'

/** Seconds for which a worker may be silent. */
const CLAIM_TIMEOUT = 120
const MAX_ATTEMPTS = 5
/** How long closing waits for handlers to stop, in milliseconds: twice what a workflow has to clean up. */
const GRACE_MS = 10_000
const RETRIES: readonly string[] = ['fixed', 'exponential', 'none']
const LONGEST_QUEUE_NAME = 57

type Registration = {
  queue: string
  maxAttempts: number | undefined
  cancellation: CancellationPolicy | undefined
  handler: TaskHandler
}

/** The client of one queue. */
export class Client implements AbsurdClient {
  readonly #tasks: Tasks
  readonly #queue: string
  readonly #registry = new Map<string, Registration>()
  /** What is claimed and not over. */
  readonly #held = new Map<string, Holding>()
  readonly #executing = new Set<Promise<void>>()
  readonly #workers = new Set<Loop>()
  #closed: Promise<void> | undefined

  constructor(tasks: Tasks, queueName: string) {
    this.#tasks = tasks
    this.#queue = checkQueueName(queueName)
  }

  registerTask<P = any, R = any>(options: TaskRegistrationOptions, handler: TaskHandler<P, R>): void {
    if (!options?.name) throw new Error('Task registration requires a name')
    const { name, defaultMaxAttempts, defaultCancellation } = options
    if (defaultMaxAttempts !== undefined && defaultMaxAttempts < 1) throw new Error('defaultMaxAttempts must be at least 1')
    const queue = checkQueueName(options.queue ?? this.#queue)
    this.#registry.set(name, { queue, maxAttempts: defaultMaxAttempts, cancellation: defaultCancellation, handler })
  }

  async createQueue(queueName?: string): Promise<void> {
    await this.#tasks.createQueue(checkQueueName(queueName ?? this.#queue))
  }

  async dropQueue(queueName?: string): Promise<void> {
    await this.#tasks.dropQueue(checkQueueName(queueName ?? this.#queue))
  }

  async listQueues(): Promise<Array<string>> {
    return await this.#tasks.queues()
  }

  async spawn<P = any>(taskName: string, params: P, options: SpawnOptions = {}): Promise<SpawnResult> {
    const { queue: requested, ...rest } = options
    const registered = this.#registry.get(taskName)
    if (requested !== undefined) checkQueueName(requested)
    if (registered && requested !== undefined && requested !== registered.queue) {
      throw new Error(
        `Task "${taskName}" is registered for queue "${registered.queue}" but spawn requested queue "${requested}".`,
      )
    }
    const queue = registered?.queue ?? requested
    if (queue === undefined) {
      throw new Error(`Task "${taskName}" is not registered. Provide options.queue when spawning unregistered tasks.`)
    }
    const { kind } = options.retryStrategy ?? { kind: 'none' }
    if (!RETRIES.includes(kind)) throw refused('retryStrategy.kind', `must be ${RETRIES.join(', ')}, got ${String(kind)}`)
    const cancellation = options.cancellation ?? registered?.cancellation
    const spawned = await this.#tasks.spawn(queue, taskName, params, {
      ...rest,
      maxAttempts: options.maxAttempts ?? registered?.maxAttempts ?? MAX_ATTEMPTS,
      ...(cancellation && { cancellation }),
    })
    this.#wake()
    return spawned
  }

  async emitEvent(eventName: string, payload?: JSONValue, queueName?: string): Promise<void> {
    checkEventName(eventName)
    await this.#tasks.emit(checkQueueName(queueName ?? this.#queue), eventName, payload ?? null)
    this.#wake()
  }

  async listEvents(filter: AbsurdEventFilter = {}): Promise<AbsurdEvent[]> {
    return await this.#tasks.events({ ...filter, queue: checkQueueName(filter.queue ?? this.#queue) })
  }

  async cancelTask(taskID: string, queueName?: string): Promise<void> {
    await this.#tasks.cancel(checkQueueName(queueName ?? this.#queue), taskID)
  }

  async claimTasks(options: ClaimOptions = {}): Promise<ClaimedTask[]> {
    const { batchSize = 1, claimTimeout = CLAIM_TIMEOUT, workerId = 'worker' } = options
    checkCount('batchSize', batchSize)
    checkSeconds('claimTimeout', claimTimeout)
    return await this.#tasks.claim(this.#queue, workerId, claimTimeout, batchSize)
  }

  async workBatch(workerId = 'worker', claimTimeout = CLAIM_TIMEOUT, batchSize = 1): Promise<void> {
    const tasks = await this.claimTasks({ workerId, claimTimeout, batchSize })
    // Those at the end of the batch are held while the first ones are done.
    for (const task of tasks) this.#hold(task, claimTimeout)
    const waiting = [...tasks]
    try {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await this.executeTask(task, claimTimeout)
    } finally {
      await Promise.all(waiting.map((task) => this.#drop(task)))
    }
  }

  async startWorker(options: WorkerOptions = {}): Promise<Worker> {
    const loop = new Loop(this, this.#tasks, this.#queue, options)
    this.#workers.add(loop)
    return { close: () => loop.close().finally(() => this.#workers.delete(loop)) }
  }

  async executeTask(task: ClaimedTask, claimTimeout: number, options: { fatalOnLeaseTimeout?: boolean } = {}): Promise<void> {
    checkSeconds('claimTimeout', claimTimeout)
    const holding = this.#hold(task, claimTimeout)
    const work = this.#execute(task, holding, options.fatalOnLeaseTimeout === true).finally(() => {
      holding.release()
      if (this.#held.get(task.run_id) === holding) this.#held.delete(task.run_id)
      this.#executing.delete(work)
    })
    this.#executing.add(work)
    await work
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    for (const holding of this.#held.values()) holding.stop('closed')
    const workers = [...this.#workers].map((worker) => worker.close())
    await settled([...this.#executing, ...workers], GRACE_MS)
    // The rest of a batch, at which nobody was at work yet; and handlers that do not stop, which can write no more.
    await Promise.all([...this.#held.values()].map((holding) => this.#giveBack(holding)))
    this.#held.clear()
    await this.#tasks.close()
  }

  #hold(task: ClaimedTask, claimTimeout: number): Holding {
    const known = this.#held.get(task.run_id)
    // One that slept is claimed anew, while the handler that has put it to sleep may still be on its way out.
    if (known && known.claim.claim === task.claim) return known
    const holding = new Holding(this.#tasks, this.#queue, { runID: task.run_id, claim: task.claim }, claimTimeout)
    this.#held.set(task.run_id, holding)
    if (this.#closed) holding.stop('closed')
    return holding
  }

  /** Gives back a task at which nobody was at work. */
  async #drop(task: ClaimedTask): Promise<void> {
    const holding = this.#held.get(task.run_id)
    if (!holding) return
    this.#held.delete(task.run_id)
    holding.stop('closed')
    await this.#giveBack(holding)
  }

  async #execute(task: ClaimedTask, holding: Holding, fatal: boolean): Promise<void> {
    const watch = fatal ? endProcessIfLost(task, holding) : () => {}
    try {
      holding.check()
      const registered = this.#registry.get(task.task_name)
      if (!registered) throw new Error('Unknown task')
      if (registered.queue !== this.#queue) throw new Error('Misconfigured task (queue mismatch)')
      const context = await Context.create(this.#tasks, this.#queue, task, holding)
      const result: unknown = await registered.handler(task.params, context)
      // A handler that has caught what was to end it is not done.
      holding.check()
      await holding.write(() => this.#tasks.complete(holding.claim, result ?? null))
    } catch (error) {
      await this.#failed(error, holding)
    } finally {
      watch()
    }
  }

  /** Records why an attempt has failed, if it has. */
  async #failed(error: unknown, holding: Holding): Promise<void> {
    const { claim, stopped } = holding
    if (stopped === 'closed') return await this.#giveBack(holding)
    if (stopped !== undefined || error instanceof SuspendTask) return
    console.error('[absurd] task execution failed:', (error as Error | undefined)?.stack ?? error)
    try {
      await holding.write(() => this.#tasks.fail(claim, serialized(error)))
      this.#wake()
    } catch (thrown) {
      // Whoever has the task now decides about it.
      if (holding.stopped === undefined) throw thrown
    }
  }

  /** Not a failure: whoever comes next goes on with the same attempt. */
  async #giveBack({ claim }: Holding): Promise<void> {
    try {
      await this.#tasks.schedule(claim, Date.now())
    } catch {
      // Others take it when the store is closed, as another attempt.
    }
  }

  /** There may be something to do. */
  #wake(): void {
    for (const worker of this.#workers) worker.wake()
  }
}

/** A worker: claims tasks as long as there is room, and does them. */
class Loop {
  readonly #client: Client
  readonly #tasks: Tasks
  readonly #queue: string
  readonly #options: Required<Omit<WorkerOptions, 'batchSize'>>
  readonly #batchSize: number
  readonly #working = new Set<Promise<void>>()
  readonly #done: Promise<void>
  #closing = false
  #wake = () => {}

  constructor(client: Client, tasks: Tasks, queue: string, options: WorkerOptions) {
    const {
      workerId = `${hostname()}:${process.pid}`,
      claimTimeout = CLAIM_TIMEOUT,
      concurrency = 1,
      batchSize = concurrency,
      pollInterval = 0.25,
      onError = (error: Error) => console.error('Worker error:', error),
      fatalOnLeaseTimeout = true,
    } = options
    checkSeconds('claimTimeout', claimTimeout)
    checkSeconds('pollInterval', pollInterval)
    checkCount('concurrency', concurrency)
    checkCount('batchSize', batchSize)
    this.#client = client
    this.#tasks = tasks
    this.#queue = queue
    this.#options = { workerId, claimTimeout, concurrency, pollInterval, onError, fatalOnLeaseTimeout }
    this.#batchSize = batchSize
    this.#done = this.#run()
  }

  wake(): void {
    this.#wake()
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#wake()
    await this.#done
  }

  async #run(): Promise<void> {
    const { concurrency, onError } = this.#options
    while (!this.#closing) {
      // Made before it is looked: what comes in between is not missed.
      const woken = this.#wait()
      try {
        const room = concurrency - this.#working.size
        if (room > 0 && (await this.#claim(Math.min(room, this.#batchSize)))) continue
      } catch (error) {
        onError(error as Error)
      }
      if (!this.#closing) await woken
    }
    this.#wake()
    await Promise.allSettled(this.#working)
  }

  /** Whether there was anything. */
  async #claim(batchSize: number): Promise<boolean> {
    // Reading costs nobody anything.
    if (!(await this.#tasks.look(this.#queue, [])).work || this.#closing) return false
    const { claimTimeout, workerId, onError, fatalOnLeaseTimeout } = this.#options
    const tasks = await this.#client.claimTasks({ batchSize, claimTimeout, workerId })
    for (const task of tasks) {
      const work = this.#client
        .executeTask(task, claimTimeout, { fatalOnLeaseTimeout })
        .catch((error: unknown) => onError(error as Error))
        .finally(() => {
          this.#working.delete(work)
          this.#wake()
        })
      this.#working.add(work)
    }
    return tasks.length > 0
  }

  /** Until something may have changed. */
  #wait(): Promise<void> {
    this.#wake()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), this.#options.pollInterval * 1000)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Ends the process if somebody else has the task and the handler does not stop. Gives what calls that off. */
function endProcessIfLost(task: ClaimedTask, holding: Holding): () => void {
  const { signal, claimTimeout } = holding
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    // A handler that goes on after a cancel does no harm to anybody.
    if (holding.stopped !== 'lost') return
    timer = setTimeout(() => {
      const what = `task ${task.task_name} (${task.task_id})`
      console.error(`[absurd] ${what} was taken by another worker ${claimTimeout} s ago and does not stop; ending the process`)
      process.exit(1)
    }, claimTimeout * 1000)
    timer.unref()
  }
  signal.addEventListener('abort', begin, { once: true })
  return () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', begin)
  }
}

/** Waits for the end of all of it, but not for ever. */
async function settled(work: readonly Promise<unknown>[], graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)))
  await Promise.race([Promise.allSettled(work), grace])
  clearTimeout(timer)
}

function serialized(error: unknown): JSONValue {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack } = error
  const { code } = error as { code?: unknown }
  return { name, message, stack: stack || null, ...(typeof code === 'string' && { code }) }
}

function checkQueueName(name: string): string {
  if (typeof name !== 'string' || name.trim() === '') throw new Error('Queue name must be provided')
  if (Buffer.byteLength(name) > LONGEST_QUEUE_NAME) {
    throw new Error(`Queue name "${name}" is too long (max ${LONGEST_QUEUE_NAME} bytes).`)
  }
  return name
}

function checkCount(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw refused(option, `must be a positive whole number, got ${value}`)
}

function checkSeconds(option: string, value: number): void {
  if (typeof value !== 'number' || !(value > 0)) throw refused(option, `must be a positive number of seconds, got ${value}`)
}

function refused(option: string, message: string): WorkflowError {
  return new WorkflowError(`${option}: ${message}`, { code: 'ERR_INVALID_OPTION', details: { option } })
}
