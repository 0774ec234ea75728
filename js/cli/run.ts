/**
 * `smol-wf run`: progress to stderr, the result as JSON to stdout.
 *
 * @module
 */

import { runWorkflow } from '../index.js'
import type { RunWorkflowOptions, WorkflowEvent } from '../types.js'
import { findScript } from './find-script.js'
import type { InterruptWatch } from './interrupt.js'
import type { RunCommand } from './parse.js'
import type { DurableChoice } from './parse-durable.js'
import { createProgressFormatter } from './progress.js'
import { advise, answering, interruptible, printResult, retryHint } from './session.js'
import { withEngine } from './store.js'

/**
 * Runs the workflow and prints its result. Rejects with the run's error; `process.exitCode` is then set already when
 * a signal was the reason.
 */
export async function runCommand(command: RunCommand): Promise<void> {
  const { loaded, agentProvider, providers } = await answering(command.config, command.agentProvider)
  const script = await findScript(command.scriptPath)
  const format = createProgressFormatter()
  const show = (event: WorkflowEvent) => {
    const line = format(event)
    if (line !== undefined) console.error(line)
  }
  const options: RunWorkflowOptions = {
    scriptPath: script.path,
    agentProvider,
    providers,
    imports: command.imports,
    onEvent: show,
    ...(loaded.config.worktree !== undefined && { worktree: loaded.config.worktree }),
    ...(command.args !== undefined && { args: command.args }),
    ...(command.budgetTotal !== undefined && { budgetTotal: command.budgetTotal }),
    ...(command.maxParallelAgents !== undefined && { maxParallelAgents: command.maxParallelAgents }),
  }
  await interruptible(async (interrupts) => {
    try {
      const run = command.durable
        ? runDurably(options, command.durable, interrupts)
        : runWorkflow({ ...options, signal: interrupts.signal })
      printResult(await run)
    } catch (error) {
      if (!script.found) {
        advise(error, 'smol-wf list --all shows the workflows that can be run by name, and why others cannot')
      }
      throw error
    }
  })
}

/** The same with a journal. */
async function runDurably(
  { scriptPath, onEvent, ...options }: RunWorkflowOptions,
  { store, runId, synchronous, keepOutput }: DurableChoice,
  { signal }: InterruptWatch,
): Promise<unknown> {
  return await withEngine(store, synchronous === undefined ? {} : { synchronous }, async (engine) => {
    let id: string | undefined
    const run = await engine.run(scriptPath, {
      ...options,
      signal,
      keepOutput,
      // Kept with the run: whoever resumes it may stand in another folder.
      cwd: process.cwd(),
      onEvent: (event) => {
        // With the first event the run is in the store; before that there is nothing that could be resumed.
        if (id === undefined) console.error(`[run] ${event.runId}`)
        id ??= event.runId
        return onEvent?.(event)
      },
      ...(runId !== undefined && { runId }),
    })
    try {
      const result = await run.result
      // A run that was over already tells nothing any more.
      if (id === undefined) console.error(`[run] ${run.id}`)
      return result
    } catch (error) {
      // One that had failed before says nothing more, but can be tried again like any other.
      if (id === undefined) console.error(`[run] ${run.id}`)
      advise(error, retryHint(run.id))
      throw error
    }
  })
}
