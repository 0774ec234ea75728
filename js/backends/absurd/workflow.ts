/**
 * A workflow as a task: the engine runs it, and each answer of an agent is a step of the task, so that no attempt asks
 * again for what an earlier one was given.
 *
 * @module
 */

import { builtIn, createAgentProvider, createDebugAgentProvider } from '../../agent-providers/index.js'
import type { AgentProvider, AgentProviderContext, AgentProviderResult } from '../../agent-providers/types.js'
import { providerNames } from '../../native.js'
import { runWorkflow } from '../../run.js'
import type { RunWorkflowOptions } from '../../types.js'
import type { AgentRunOptions, JSONValue } from '../../workflow-types.js'
import { getAgentCheckpointKey } from './checkpoint-key.js'
import { Context } from './context.js'
import type { AbsurdWorkflowRunParams, TaskContext } from './types.js'

/** Who answers, and who hears of it. */
export type WorkflowTaskOptions = {
  agentProvider?: AgentProvider
  onDiagnostic?: (...values: unknown[]) => void
}

/** What else the command line knows: it stands in no task. */
export type Surroundings = Pick<RunWorkflowOptions, 'providers' | 'worktree'>

/** The header that names who answers the calls of a task that name no provider. */
export const PROVIDER_HEADER = 'smol-wf-agent-provider'

type Call = { prompt: string; options: AgentRunOptions | undefined; context: AgentProviderContext }
type Telling = Pick<TaskContext, 'emitEvent'> & { readonly signal?: AbortSignal }
type Steps = Telling & Pick<TaskContext, 'step'>

/** Does a workflow as a task. Rejects as `runWorkflow` does. */
export async function runAbsurdWorkflowTask(
  params: AbsurdWorkflowRunParams,
  ctx: TaskContext,
  options: WorkflowTaskOptions = {},
): Promise<unknown> {
  return await runTask(params, ctx, options, {})
}

/** One agent call: its answer is kept as a step. */
export async function runDurableAgent(
  prompt: string,
  options: AgentRunOptions | undefined,
  ctx: Pick<TaskContext, 'step' | 'emitEvent'>,
  { agentProvider, onDiagnostic }: WorkflowTaskOptions = {},
): Promise<AgentProviderResult> {
  const provider = options?.provider ? createAgentProvider(options.provider) : (agentProvider ?? createDebugAgentProvider())
  const context = { phase: options?.phase, key: options?.key } as AgentProviderContext
  let told: Promise<void> | undefined
  const result = await ask(provider, { prompt, options, context }, ctx, onDiagnostic, (name, payload) => (told = tell(ctx, name, payload)))
  await told
  return result
}

/** The same with what surrounds it. */
export async function runTask(
  { scriptPath, args, budgetTotal }: AbsurdWorkflowRunParams,
  ctx: TaskContext,
  { agentProvider, onDiagnostic }: WorkflowTaskOptions,
  { providers = {}, worktree }: Surroundings,
): Promise<unknown> {
  const durable = (provider: AgentProvider): AgentProvider => ({
    name: provider.name,
    schemaMode: provider.schemaMode,
    usageMode: provider.usageMode,
    // Those of the engine work wherever they are told to.
    worktrees: provider.worktrees ?? builtIn(provider) !== undefined,
    resumes: provider.resumes === true,
    run: ({ prompt, options, context }) => ask(provider, { prompt, options, context }, ctx, onDiagnostic, emit),
  })
  const wanted = ctx.headers?.[PROVIDER_HEADER]
  const main = typeof wanted === 'string' ? byName(providers, wanted) : (agentProvider ?? createDebugAgentProvider())
  const names = new Set([...providerNames(), ...Object.keys(providers)])
  const told = new Set<Promise<void>>()
  const emit = (name: string, payload: JSONValue) => {
    const telling = tell(ctx, name, payload).finally(() => told.delete(telling))
    told.add(telling)
  }
  try {
    return await runWorkflow({
      scriptPath,
      ...(args !== undefined && { args }),
      ...(budgetTotal !== undefined && { budgetTotal }),
      ...(worktree !== undefined && { worktree }),
      ...(ctx.signal && { signal: ctx.signal }),
      agentProvider: durable(main),
      providers: Object.fromEntries([...names].map((name) => [name, durable(byName(providers, name))])),
      onLog: (...values) => {
        onDiagnostic?.('workflow log', ...values)
        emit('workflow.log', { values: values as JSONValue[], at: Date.now() })
      },
      onPhase: (name, options) => {
        onDiagnostic?.('workflow phase', name, options)
        emit('workflow.phase', { name, ...(options !== undefined && { options: options as JSONValue }), at: Date.now() })
      },
    })
  } finally {
    // What a workflow has told is there when it is over.
    await Promise.all(told)
  }
}

/** The providers that were made of settings, so that all tasks of a worker share the limits of each. */
const made = new WeakMap<object, Map<string, AgentProvider>>()

function byName(providers: NonNullable<Surroundings['providers']>, name: string): AgentProvider {
  const given = providers[name]
  if (given && isProvider(given)) return given
  const known = made.get(providers) ?? new Map<string, AgentProvider>()
  made.set(providers, known)
  const provider = known.get(name) ?? createAgentProvider(name, given)
  known.set(name, provider)
  return provider
}

function isProvider(value: object): value is AgentProvider {
  return typeof (value as Partial<AgentProvider>).run === 'function'
}

async function ask(
  provider: AgentProvider,
  { prompt, options, context }: Call,
  ctx: Steps,
  onDiagnostic: WorkflowTaskOptions['onDiagnostic'],
  emit: (name: string, payload: JSONValue) => void,
): Promise<AgentProviderResult> {
  const key = getAgentCheckpointKey(prompt, options, provider.name)
  const checkpointName = `agent:${provider.name}:${key}`
  onDiagnostic?.('agent', checkpointName, options)
  let asked = false
  const run = async () => {
    asked = true
    return await provider.run(options === undefined ? { prompt, context } : { prompt, options, context })
  }
  const result = await (ctx instanceof Context ? ctx.ask(checkpointName, run) : ctx.step(checkpointName, run))
  if (asked) {
    const { output, usage, sessionId } = result
    emit('workflow.agent', {
      key,
      checkpointName,
      ...(options?.phase !== undefined && { phase: options.phase }),
      provider: provider.name,
      prompt,
      ...(options !== undefined && { options: options as JSONValue }),
      result: output as JSONValue,
      ...(usage !== undefined && { usage: usage as JSONValue }),
      ...(sessionId !== undefined && { providerSessionId: sessionId }),
      at: Date.now(),
    })
  }
  return result
}

/** Tells something in the queue. Whether anybody hears of it decides nothing about the workflow. */
async function tell(ctx: Telling, name: string, payload: JSONValue): Promise<void> {
  try {
    await ctx.emitEvent(name, payload)
  } catch (error) {
    // A task that is none of this worker's any more tells nothing.
    if (ctx.signal?.aborted) return
    process.emitWarning(`the event ${name} could not be written: ${(error as Error).message}`, {
      type: 'WorkflowWarning',
      code: 'WARN_EVENT_LOST',
    })
  }
}
