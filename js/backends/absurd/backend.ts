/**
 * The backend: workflows as tasks of one queue.
 *
 * @module
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { checkKnown } from '../../options.js'
import { Client } from './client.js'
import { checkConfiguredExtension } from './extension.js'
import { Tasks } from './tasks.js'
import type {
  AbsurdClient,
  AbsurdWorkflowBackend,
  AbsurdWorkflowBackendOptions,
  AbsurdWorkflowRunParams,
  AbsurdWorkflowRunResult,
  AbsurdWorkflowTaskRow,
  RunWorkflowAndWaitOptions,
  SpawnResult,
  SubmitWorkflowOptions,
  Worker,
  WorkerOptions,
} from './types.js'
import { runTask, type Surroundings } from './workflow.js'

/** The name of the tasks that are workflows. */
export const ABSURD_WORKFLOW_TASK_NAME = 'workflow.run'
/** The queue, unless another one is named. */
export const DEFAULT_ABSURD_QUEUE = 'default'

const OPTIONS = {
  dbPath: 'string',
  extensionPath: 'string',
  queueName: 'string',
  taskName: 'string',
  agentProvider: 'object',
  verbose: 'function',
} as const

/** The file of a database in memory, in the words of SQLite. */
const IN_MEMORY = ':memory:'

/** A backend over the store in a file, which is created if it is not there. */
export class Backend implements AbsurdWorkflowBackend {
  readonly absurd: AbsurdClient
  readonly queueName: string
  readonly taskName: string
  readonly #tasks: Tasks
  readonly #options: AbsurdWorkflowBackendOptions
  readonly #surroundings: Surroundings
  /** Gone when it is closed. */
  readonly #folder: string | undefined

  constructor(options: AbsurdWorkflowBackendOptions, surroundings: Surroundings = {}) {
    checkKnown(options, OPTIONS, 'createAbsurdWorkflowBackend()')
    const { dbPath, queueName = DEFAULT_ABSURD_QUEUE, taskName = ABSURD_WORKFLOW_TASK_NAME } = options
    if (dbPath === IN_MEMORY) {
      this.#folder = mkdtempSync(join(tmpdir(), 'smol-wf-tasks-'))
    } else if (!existsSync(dirname(resolve(dbPath)))) {
      throw new TypeError('Cannot open database because the directory does not exist')
    }
    this.#options = options
    this.#surroundings = { providers: {}, ...surroundings }
    this.#tasks = new Tasks(this.#folder === undefined ? dbPath : join(this.#folder, 'tasks.db'))
    this.absurd = new Client(this.#tasks, queueName)
    this.queueName = queueName
    this.taskName = taskName
    try {
      checkConfiguredExtension(options.extensionPath)
    } catch (error) {
      void this.close()
      throw error
    }
  }

  async init(): Promise<void> {
    await this.absurd.createQueue()
  }

  registerWorkflowTask(): void {
    const { agentProvider, verbose } = this.#options
    this.absurd.registerTask<AbsurdWorkflowRunParams>({ name: this.taskName, queue: this.queueName }, (params, ctx) =>
      runTask(params, ctx, { ...(agentProvider && { agentProvider }), ...(verbose && { onDiagnostic: verbose }) }, this.#surroundings),
    )
  }

  async submitWorkflow(params: AbsurdWorkflowRunParams, options: SubmitWorkflowOptions = {}): Promise<SpawnResult> {
    const { maxAttempts, retryStrategy, headers, queue = this.queueName, cancellation, idempotencyKey } = options
    return await this.absurd.spawn(this.taskName, params, {
      queue,
      ...(maxAttempts !== undefined && { maxAttempts }),
      ...(retryStrategy !== undefined && { retryStrategy }),
      ...(headers !== undefined && { headers }),
      ...(cancellation !== undefined && { cancellation }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    })
  }

  async runWorkflowAndWait(
    params: AbsurdWorkflowRunParams,
    options: RunWorkflowAndWaitOptions = {},
  ): Promise<AbsurdWorkflowRunResult> {
    const { timeoutMs = 60_000, pollIntervalMs = 250, workerId, claimTimeout, batchSize, ...submit } = options
    const { taskID } = await this.submitWorkflow(params, submit)
    const begun = Date.now()
    for (;;) {
      await this.workBatch({
        ...(workerId !== undefined && { workerId }),
        ...(claimTimeout !== undefined && { claimTimeout }),
        ...(batchSize !== undefined && { batchSize }),
      })
      const task = await this.#tasks.task(submit.queue ?? this.queueName, taskID)
      if (task?.state === 'completed') return { taskID, runID: task.runID, attempt: task.attempt, result: task.result }
      if (task === null || task.state === 'failed' || task.state === 'cancelled') {
        const state = task?.state ?? 'deleted'
        throw new Error(`Absurd workflow task ${taskID} ${state}: ${JSON.stringify(task?.failureReason ?? null)}`)
      }
      if (Date.now() - begun > timeoutMs) throw new Error(`Timed out waiting for Absurd workflow task ${taskID}`)
      await delay(pollIntervalMs)
    }
  }

  async getWorkflowTask(taskID: string): Promise<AbsurdWorkflowTaskRow | null> {
    const task = await this.#tasks.task(this.queueName, taskID)
    return task && { taskID: task.taskID, state: task.state, result: task.result, failureReason: task.failureReason }
  }

  async startWorker(options?: WorkerOptions): Promise<Worker> {
    return await this.absurd.startWorker(options)
  }

  async workBatch(options: { workerId?: string; claimTimeout?: number; batchSize?: number } = {}): Promise<void> {
    await this.absurd.workBatch(options.workerId, options.claimTimeout, options.batchSize)
  }

  async close(): Promise<void> {
    await this.absurd.close()
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Opens the store, then looks whether an extension that is named is there. */
export function createAbsurdWorkflowBackend(options: AbsurdWorkflowBackendOptions): AbsurdWorkflowBackend {
  return plain(new Backend(options))
}

/** Looks whether an extension that is named is there before it opens the store. */
export async function createAbsurdWorkflowBackendAsync(
  options: AbsurdWorkflowBackendOptions,
): Promise<AbsurdWorkflowBackend> {
  return plain(await createBackend(options))
}

/** An object whose functions may be taken off it, as those of the original. */
function plain(backend: Backend): AbsurdWorkflowBackend {
  const { absurd, queueName, taskName } = backend
  return {
    absurd,
    queueName,
    taskName,
    init: () => backend.init(),
    registerWorkflowTask: () => backend.registerWorkflowTask(),
    submitWorkflow: (params, options) => backend.submitWorkflow(params, options),
    runWorkflowAndWait: (params, options) => backend.runWorkflowAndWait(params, options),
    getWorkflowTask: (taskID) => backend.getWorkflowTask(taskID),
    startWorker: (options) => backend.startWorker(options),
    workBatch: (options) => backend.workBatch(options),
    close: () => backend.close(),
  }
}

/** The same with what surrounds the workflows. */
export async function createBackend(options: AbsurdWorkflowBackendOptions, surroundings?: Surroundings): Promise<Backend> {
  checkConfiguredExtension(options.extensionPath)
  return new Backend(options, surroundings)
}
