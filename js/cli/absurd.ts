/**
 * The commands of the absurd backend. Results as JSON to stdout, everything else to stderr.
 *
 * @module
 */

import { type Backend, createBackend, DEFAULT_ABSURD_QUEUE } from '../backends/absurd/backend.js'
import type { AbsurdWorkflowRunParams } from '../backends/absurd/types.js'
import { PROVIDER_HEADER, type Surroundings } from '../backends/absurd/workflow.js'
import { createAgentProvider } from '../agent-providers/index.js'
import type { AgentProvider } from '../agent-providers/types.js'
import type { WorkflowArgs } from '../workflow-types.js'
import { findScript } from './find-script.js'
import { watchInterrupts } from './interrupt.js'
import type { RunCommand } from './parse.js'
import type { AbsurdChoice, AbsurdCommand, AbsurdRun } from './parse-absurd.js'
import { answering, interruptible, printResult } from './session.js'

type Of<Kind extends AbsurdCommand['kind']> = Extract<AbsurdCommand, { kind: Kind }>

/** Queues a workflow, does it in this process, and prints its result. */
export async function runAbsurdCommand(command: RunCommand, how: AbsurdRun): Promise<void> {
  const { loaded, agentProvider, providers } = await answering(command.config, command.agentProvider)
  const { path } = await findScript(command.scriptPath)
  const { maxAttempts, idempotencyKey, timeoutMs, pollIntervalMs, batchSize, claimTimeout, workerId } = how
  const { worktree } = loaded.config
  const surroundings: Surroundings = { providers, ...(worktree !== undefined && { worktree }) }
  await interruptible(async ({ signal }) => {
    await withBackend(how, { agentProvider }, surroundings, async (backend) => {
      await backend.init()
      backend.registerWorkflowTask()
      const stop = () => void backend.close()
      signal.addEventListener('abort', stop, { once: true })
      try {
        const { result } = await backend.runWorkflowAndWait(paramsOf(path, command.args, command.budgetTotal), {
          ...(maxAttempts !== undefined && { maxAttempts }),
          ...(idempotencyKey !== undefined && { idempotencyKey }),
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(pollIntervalMs !== undefined && { pollIntervalMs }),
          ...(batchSize !== undefined && { batchSize }),
          ...(claimTimeout !== undefined && { claimTimeout }),
          ...(workerId !== undefined && { workerId }),
        })
        printResult(result)
      } catch (error) {
        if (!signal.aborted) throw error
        throw new Error(`stopped; the task is still in ${how.db}, and smol-wf absurd worker goes on with it`, { cause: error })
      } finally {
        signal.removeEventListener('abort', stop)
      }
    })
  })
}

/** Creates the queue. */
export async function initCommand(command: Of<'absurd-init'>): Promise<void> {
  warn(command, 'init')
  await withBackend(command, {}, {}, async (backend) => {
    await backend.init()
    const { queueName, taskName } = backend
    printResult({ ok: true, queue: queueName, task: taskName, dbPath: command.db })
  })
}

/** Queues a workflow, and prints what it is known by. */
export async function submitCommand(command: Of<'absurd-submit'>): Promise<void> {
  warn(command, 'submit')
  const { scriptPath, args, idempotencyKey, maxAttempts, budgetTotal, agentProvider } = command
  // A name that nobody knows is noticed here, not by a worker somewhere else.
  if (agentProvider !== undefined) createAgentProvider(agentProvider)
  await withBackend(command, {}, {}, async (backend) => {
    const submitted = await backend.submitWorkflow(paramsOf(scriptPath, args, budgetTotal), {
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(maxAttempts !== undefined && { maxAttempts }),
      ...(agentProvider !== undefined && { headers: { [PROVIDER_HEADER]: agentProvider } }),
    })
    printResult(submitted)
  })
}

/** Does tasks until a signal comes, and then those that are under way to their ends. */
export async function workerCommand(command: Of<'absurd-worker'>): Promise<void> {
  warn(command, 'worker')
  await working(command, async (backend) => {
    const { concurrency, pollInterval, claimTimeout, workerId } = command
    await backend.init()
    const interrupts = watchInterrupts(() => {
      console.error('smol-wf: waiting for the tasks that are under way; the same signal again ends it at once')
    })
    const worker = await backend.startWorker({
      concurrency,
      ...(pollInterval !== undefined && { pollInterval }),
      ...(claimTimeout !== undefined && { claimTimeout }),
      ...(workerId !== undefined && { workerId }),
    })
    console.error(`smol-wf absurd worker started queue=${backend.queueName} concurrency=${concurrency}`)
    const { signal } = interrupts
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await worker.close()
    interrupts.stop()
  })
}

/** Does a few tasks, one after another. */
export async function workBatchCommand(command: Of<'absurd-work-batch'>): Promise<void> {
  warn(command, 'work-batch')
  await working(command, async (backend) => {
    const { batchSize, claimTimeout, workerId } = command
    await backend.workBatch({
      batchSize,
      ...(claimTimeout !== undefined && { claimTimeout }),
      ...(workerId !== undefined && { workerId }),
    })
    printResult({ ok: true, batchSize })
  })
}

/** A backend that does workflows. */
async function working(
  command: Of<'absurd-worker'> | Of<'absurd-work-batch'>,
  work: (backend: Backend) => Promise<void>,
): Promise<void> {
  const { loaded, agentProvider, providers } = await answering(command.config, command.agentProvider)
  const { worktree } = loaded.config
  await withBackend(command, { agentProvider }, { providers, ...(worktree !== undefined && { worktree }) }, async (backend) => {
    backend.registerWorkflowTask()
    await work(backend)
  })
}

async function withBackend(
  { db, extension, queue, task }: AbsurdChoice,
  options: { agentProvider?: AgentProvider },
  surroundings: Surroundings,
  work: (backend: Backend) => Promise<void>,
): Promise<void> {
  const backend = await createBackend(
    {
      ...options,
      dbPath: db,
      queueName: queue ?? DEFAULT_ABSURD_QUEUE,
      ...(extension !== undefined && { extensionPath: extension }),
      ...(task !== undefined && { taskName: task }),
    },
    surroundings,
  )
  try {
    await work(backend)
  } finally {
    await backend.close()
  }
}

function paramsOf(scriptPath: string, args: RunCommand['args'], budgetTotal: number | undefined): AbsurdWorkflowRunParams {
  return {
    scriptPath,
    ...(args !== undefined && { args: args as WorkflowArgs }),
    ...(budgetTotal !== undefined && { budgetTotal }),
  }
}

function warn({ unknown }: { unknown: readonly string[] }, subcommand: string): void {
  if (unknown.length > 0) console.error(`smol-wf: smol-wf absurd ${subcommand} knows no such option: ${unknown.join(' ')}`)
}
