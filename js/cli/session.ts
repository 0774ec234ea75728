/**
 * What commands that run workflows share: who answers, what is shown, how it ends.
 *
 * @module
 */

import type { AgentProvider } from '../agent-providers/types.js'
import { createAgentProvider } from '../agent-providers/index.js'
import { type LoadedConfig, providersFor } from '../config.js'
import { loadConfig, WorkflowError } from '../index.js'
import { endProcesses } from '../native.js'
import type { RunWorkflowOptions } from '../types.js'
import { type InterruptWatch, watchInterrupts } from './interrupt.js'

/** Who answers the agent calls of a run. */
export type Answering = { agentProvider: AgentProvider; providers: NonNullable<RunWorkflowOptions['providers']> }

/** The configuration, and who answers by it unless the command line names somebody else. */
export async function answering(
  config: string | false | undefined,
  agentProvider: string | undefined,
): Promise<Answering & { loaded: LoadedConfig }> {
  const loaded = await loadConfig(config === undefined ? {} : { file: config })
  const name = agentProvider ?? loaded.config.provider ?? 'debug'
  const providers = providersFor(loaded)
  // What stands in the file about the others holds for calls that name them.
  return { loaded, providers, agentProvider: createAgentProvider(name, providers[name]) }
}

/** Runs something that Ctrl-C stops. `process.exitCode` is set before it rejects. */
export async function interruptible(work: (interrupts: InterruptWatch) => Promise<void>): Promise<void> {
  const interrupts = watchInterrupts(() => {
    console.error('smol-wf: stopping; the same signal again ends it at once')
  })
  try {
    await work(interrupts)
  } catch (error) {
    process.exitCode = interrupts.exitCode() ?? 1
    throw error
  } finally {
    // What was cancelled gets its time to clean up.
    await endProcesses()
    interrupts.stop()
  }
}

/** Adds advice to an error that has none. */
export function advise(error: unknown, hint: string): void {
  if (error instanceof WorkflowError) error.details['hint'] ??= hint
}

/** What can be done about a durable run that has failed. */
export function retryHint(id: string): string {
  return `smol-wf resume ${id} --retry-failed does again what has failed, and only that`
}

/** Prints a result. */
export function printResult(result: unknown): void {
  console.log(JSON.stringify(result ?? null, null, 2))
}
