/**
 * `smol-wf resume` and `fork`: go on with durable runs. Progress to stderr, results as JSON to stdout.
 *
 * @module
 */

import type { Engine, EngineResumeOptions, Run } from '../engine-types.js'
import type { WorkflowEvent } from '../types.js'
import type { Again, ForkCommand, ResumeCommand } from './parse-durable.js'
import { createProgressFormatter } from './progress.js'
import { advise, answering, interruptible, printResult, retryHint } from './session.js'
import { withEngine } from './store.js'

/** Goes on with the run, or with all whose processes are gone, and prints what comes of it. */
export async function resumeCommand(command: ResumeCommand): Promise<void> {
  await again(command, async (engine, options) => {
    const { id } = command
    const wanted = { ...options, retryFailed: command.retryFailed }
    if (id === undefined) await resumeAll(engine, wanted)
    else await follow(engine, id, (onEvent) => engine.resume(id, { ...wanted, onEvent }))
  })
}

/** Starts a copy of a run, and prints what comes of it. */
export async function forkCommand(command: ForkCommand): Promise<void> {
  const { id, args, runId } = command
  await again(command, async (engine, options) => {
    const own = { ...(args !== undefined && { args }), ...(runId !== undefined && { runId }) }
    await follow(engine, id, (onEvent) => engine.fork(id, { ...options, ...own, onEvent }))
  })
}

/** Does something with the store of a command and what it says about going on. */
async function again(command: Again, work: (engine: Engine, options: EngineResumeOptions) => Promise<void>): Promise<void> {
  const { agentProvider, providers } = await answering(command.config, command.agentProvider)
  const { synchronous } = command
  await interruptible(({ signal }) =>
    withEngine(command.store, { create: false, ...(synchronous !== undefined && { synchronous }) }, async (engine) => {
      await work(engine, {
        agentProvider,
        providers,
        signal,
        ...(command.source !== undefined && { scriptPath: command.source }),
        ...(command.drift !== undefined && { drift: command.drift }),
        ...(command.from !== undefined && { from: command.from }),
        ...(command.budgetTotal !== undefined && { budgetTotal: command.budgetTotal }),
        ...(command.maxParallelAgents !== undefined && { maxParallelAgents: command.maxParallelAgents }),
      })
    }),
  )
}

/** Shows a run that goes on from the journal of the run `of`. */
async function follow(engine: Engine, of: string, start: (onEvent: (event: WorkflowEvent) => void) => Promise<Run>): Promise<void> {
  const format = await formatterFor(engine, of)
  let id: string | undefined
  const run = await start((event) => {
    if (id === undefined) console.error(`[run] ${event.runId}`)
    id ??= event.runId
    const line = format(event)
    if (line !== undefined) console.error(line)
  })
  try {
    printResult(await run.result)
  } catch (error) {
    if (id !== undefined) advise(error, retryHint(id))
    throw error
  }
}

/** One line of JSON for each run, as they come to their ends. */
async function resumeAll(engine: Engine, options: EngineResumeOptions): Promise<void> {
  const formatters = new Map<string, (event: WorkflowEvent) => string | undefined>()
  const runs = await engine.recover({
    ...options,
    onEvent: (event) => {
      let format = formatters.get(event.runId)
      if (format === undefined) {
        console.error(`[run] ${event.runId}`)
        format = createProgressFormatter()
        formatters.set(event.runId, format)
      }
      const line = format(event)
      // Several runs talk at the same time.
      if (line !== undefined) console.error(`${event.runId} ${line}`)
    },
  })
  if (runs.length === 0) console.error('no run has lost its process, and no suspended run is due')
  const succeeded = await Promise.all(runs.map((run) => report(engine, run)))
  if (succeeded.includes(false)) process.exitCode = 1
}

/** Whether the run succeeded. */
async function report(engine: Engine, { id, result }: Run): Promise<boolean> {
  try {
    const value = (await result) ?? null
    console.log(JSON.stringify({ id, status: 'completed', result: value }))
    return true
  } catch (error) {
    const { code, message, details } = error as { code?: string; message: string; details?: object }
    // Not every run that ends with an error has failed: its journal may not fit, or it was taken over.
    const { status } = await engine.inspect(id)
    console.log(JSON.stringify({ id, status, error: { code, message, details } }))
    return false
  }
}

/** A formatter that knows how the run began. */
async function formatterFor(engine: Engine, id: string): Promise<(event: WorkflowEvent) => string | undefined> {
  const format = createProgressFormatter()
  for await (const event of engine.events(id)) {
    format(event)
    break
  }
  return format
}
