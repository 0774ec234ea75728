/**
 * `smol-wf run`: progress to stderr, the result as JSON to stdout.
 *
 * @module
 */

import { createAgentProvider } from '../agent-providers/index.js'
import { providersFor } from '../config.js'
import { loadConfig, runWorkflow, WorkflowError } from '../index.js'
import { endProcesses } from '../native.js'
import { findScript } from './find-script.js'
import { watchInterrupts } from './interrupt.js'
import type { RunCommand } from './parse.js'
import { createProgressFormatter } from './progress.js'

/**
 * Runs the workflow and prints its result. Rejects with the run's error; `process.exitCode` is then set already when
 * a signal was the reason.
 */
export async function runCommand(command: RunCommand): Promise<void> {
  const loaded = await loadConfig(command.config === undefined ? {} : { file: command.config })
  const provider = command.agentProvider ?? loaded.config.provider ?? 'debug'
  const agentProvider = createAgentProvider(provider, providersFor(loaded)[provider])
  const script = await findScript(command.scriptPath)
  const format = createProgressFormatter()
  const interrupts = watchInterrupts(() => {
    console.error('smol-wf: stopping; the same signal again ends it at once')
  })
  try {
    const result = await runWorkflow({
      scriptPath: script.path,
      agentProvider,
      // What stands in the file about the others holds for calls that name them.
      providers: providersFor(loaded),
      imports: command.imports,
      signal: interrupts.signal,
      onEvent: (event) => {
        const line = format(event)
        if (line !== undefined) console.error(line)
      },
      ...(loaded.config.worktree !== undefined && { worktree: loaded.config.worktree }),
      ...(command.args !== undefined && { args: command.args }),
      ...(command.budgetTotal !== undefined && { budgetTotal: command.budgetTotal }),
      ...(command.maxParallelAgents !== undefined && { maxParallelAgents: command.maxParallelAgents }),
    })
    console.log(JSON.stringify(result ?? null, null, 2))
  } catch (error) {
    process.exitCode = interrupts.exitCode() ?? 1
    if (!script.found && error instanceof WorkflowError) {
      error.details['hint'] ??= 'smol-wf list --all shows the workflows that can be run by name, and why others cannot'
    }
    throw error
  } finally {
    // What was cancelled gets its time to clean up.
    await endProcesses()
    interrupts.stop()
  }
}
