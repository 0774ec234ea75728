// A TypeScript host: what a program that used the original engine writes, and the options beyond it.

import {
  type AttemptOutput,
  CancelledError,
  checkWorkflow,
  type CheckWorkflowOptions,
  createEngine,
  type Engine,
  formatLogValue,
  listWorkflows,
  type ListWorkflowsOptions,
  loadConfig,
  type LoadConfigOptions,
  type LoadedConfig,
  runWorkflow,
  type RunWorkflowOptions,
  type SmolConfig,
  type SmolProviderSettings,
  type WorkflowAgentHandler,
  type WorkflowAgentHandlerResult,
  type WorkflowArgs,
  type WorkflowBudgetState,
  type WorkflowCheck,
  WorkflowError,
  type WorkflowEvent,
  type WorkflowFinding,
  type WorkflowListing,
  type WorkflowScript,
} from '@smol-workflow/engine'
import {
  type AgentProvider,
  type AgentProviderCapabilities,
  type AgentProviderContext,
  type AgentProviderName,
  type AgentProviderOptions,
  type AgentProviderResult,
  type AgentProviderRunInput,
  type AgentProviderSchemaMode,
  type AgentProviderUsageMode,
  type AgentRunSession,
  type AgentRunSessionStatus,
  type AgentUsage,
  type ClaudeCodeAgentProviderOptions,
  type CodexAgentProviderOptions,
  createAgentProvider,
  type OpenCodeAgentProviderOptions,
  type PersistedAgentProviderContext,
  type PersistedAgentProviderRunInput,
  type PiAgentProviderOptions,
} from '@smol-workflow/engine/agent-providers'
import {
  createBudget,
  parseBudgetSnapshot,
  updateBudgetSnapshot,
  type WorkflowBudgetSnapshot,
} from '@smol-workflow/engine/budget'
import { readWorkflowMetadata } from '@smol-workflow/engine/metadata'
import type { AgentRunOptions, JSONValue, WorkflowMetadata } from '@smol-workflow/engine/workflow'

import { same } from './same.js'

// The original's types.
same<WorkflowArgs, Record<string, unknown>>(true)
same<WorkflowBudgetState, { total: number | null; spent: number }>(true)
same<WorkflowAgentHandlerResult, unknown>(true)
same<Parameters<WorkflowAgentHandler>, [prompt: string, options?: AgentRunOptions]>(true)
same<RunWorkflowOptions['scriptPath'], string>(true)
same<RunWorkflowOptions['agentProvider'], AgentProvider | undefined>(true)
same<RunWorkflowOptions['onAgent'], WorkflowAgentHandler | undefined>(true)
same<RunWorkflowOptions['onLog'], ((...values: unknown[]) => void) | undefined>(true)
same<RunWorkflowOptions['onPhase'], ((name: string, options?: unknown) => void) | undefined>(true)
same<RunWorkflowOptions['budgetTotal'], number | null | undefined>(true)
same<RunWorkflowOptions['budgetState'], WorkflowBudgetState | undefined>(true)
same<RunWorkflowOptions['nestingDepth'], number | undefined>(true)
same<ReturnType<typeof runWorkflow>, Promise<unknown>>(true)
same<typeof formatLogValue, (value: unknown) => string>(true)

same<AgentProviderName, 'debug' | 'claude-code' | 'codex' | 'opencode' | 'pi'>(true)
same<AgentProviderSchemaMode, 'builtin' | 'prompt' | 'none'>(true)
same<AgentProviderUsageMode, 'builtin' | 'none'>(true)
same<AgentProviderCapabilities, { schemaMode: AgentProviderSchemaMode; usageMode: AgentProviderUsageMode }>(true)
same<Omit<AgentProviderContext, 'sessionId' | 'report'>, { phase?: string; key?: string; cwd?: string; signal?: AbortSignal }>(true)
same<AgentProviderRunInput, { prompt: string; options?: AgentRunOptions; context: AgentProviderContext }>(true)
same<AgentProviderResult, { output: unknown; sessionId?: string; usage?: AgentUsage; raw?: JSONValue }>(true)
same<
  Omit<AgentProviderOptions, 'stallMs' | 'permissions' | 'models' | 'concurrency' | 'staggerMs' | 'rate' | 'maxWaitMs'>,
  { command?: string; args?: readonly string[]; cwd?: string; env?: Record<string, string>; timeoutMs?: number }
>(true)
same<
  AgentUsage['cost'],
  | { input?: number; output?: number; cacheRead?: number; cacheWrite?: number; total?: number; currency?: string }
  | undefined
>(true)
same<PersistedAgentProviderContext, Omit<AgentProviderContext, 'signal'>>(true)
same<PersistedAgentProviderRunInput['context'], PersistedAgentProviderContext>(true)
same<AgentRunSessionStatus, 'running' | 'completed' | 'failed' | 'cancelled'>(true)
same<AgentRunSession['error'], { name?: string; message: string; stack?: string } | undefined>(true)
same<
  keyof AgentRunOptions,
  | 'label'
  | 'phase'
  | 'schema'
  | 'model'
  | 'isolation'
  | 'agentType'
  | 'key'
  | 'provider'
  // Ours.
  | 'effort'
  | 'cwd'
  | 'timeoutMs'
  | 'stallMs'
  | 'retry'
  | 'tools'
  | 'permissions'
  | 'providerOptions'
  | 'worktree'
>(true)

// The original's usage.
const budgetState: WorkflowBudgetState = { total: 100, spent: 0 }
const handler: WorkflowAgentHandler = async (prompt, options) => ({
  output: `${prompt} ${options?.label}`,
  usage: { outputTokens: 7 },
})
const options: RunWorkflowOptions = { scriptPath: 'script.js', args: { topic: 'x' }, onAgent: handler, budgetState }
const result: unknown = await runWorkflow(options)
console.log(formatLogValue(result))

const custom: AgentProvider = {
  name: 'mine',
  schemaMode: 'none',
  usageMode: 'none',
  run: async ({ prompt, context }) => ({ output: prompt, sessionId: context.key }),
}
await runWorkflow({ scriptPath: 'script.js', agentProvider: custom, onLog: console.log, onPhase: (name) => name })

const providerOptions: ClaudeCodeAgentProviderOptions & CodexAgentProviderOptions & PiAgentProviderOptions = {
  command: '/bin/true',
  subcommand: ['a'],
  args: ['b'],
  env: { A: 'b' },
}
const opencode: OpenCodeAgentProviderOptions = { serverSubcommand: ['serve'], structuredOutputRetryCount: 1 }
const provider: AgentProvider = createAgentProvider('codex', { ...providerOptions, ...opencode })
await runWorkflow({ scriptPath: 'script.js', agentProvider: provider })

// Ours.
await runWorkflow({
  scriptPath: 'script.js',
  args: ['any', { json: null }],
  signal: AbortSignal.timeout(1),
  maxParallelAgents: Number.POSITIVE_INFINITY,
  maxAgents: 5,
  budgetMode: 'hard',
  onAgentError: 'null',
  cancelGraceMs: 1,
  maxDepth: 2,
  cwd: '/',
  limits: { memoryBytes: 1, stackBytes: 1, cpuMs: 1, sourceBytes: 1, pendingCalls: 1, pendingBytes: 1, logBytes: 1 },
})
await runWorkflow({ source: 'export default 1', scriptName: 'inline.js', args: 5 })

await runWorkflow({
  scriptPath: 'script.js',
  onEvent(event: WorkflowEvent) {
    same<typeof event.seq, number>(true)
    switch (event.type) {
      case 'run.started':
        same<typeof event.form, 'module' | 'body'>(true)
        break
      case 'call.ended':
        same<typeof event.outcome, 'completed' | 'failed' | 'cancelled' | 'abandoned'>(true)
        same<typeof event.label, string | undefined>(true)
        break
      case 'run.cancelled':
        same<typeof event.reason, 'user' | 'timeout' | 'parent'>(true)
        break
      case 'log':
        same<typeof event.values, JSONValue[]>(true)
        break
      // @ts-expect-error no such event
      case 'nope':
        break
    }
  },
})

try {
  await runWorkflow({ scriptPath: 'script.js' })
} catch (error) {
  if (error instanceof WorkflowError) {
    same<typeof error.code, string>(true)
    same<typeof error.details, Record<string, unknown>>(true)
  }
  if (error instanceof CancelledError) error satisfies WorkflowError
}

const snapshot: WorkflowBudgetSnapshot = parseBudgetSnapshot(undefined)
updateBudgetSnapshot(snapshot, 1, null)
same<number, ReturnType<ReturnType<typeof createBudget>['remaining']>>(true)
readWorkflowMetadata('') satisfies WorkflowMetadata | undefined

// @ts-expect-error neither a path nor a source
await runWorkflow({})
// @ts-expect-error both a path and a source
await runWorkflow({ scriptPath: 'script.js', source: 'export default 1' })
// @ts-expect-error the option is called maxParallelAgents
await runWorkflow({ scriptPath: 'script.js', concurrency: 5 })
// @ts-expect-error not a mode
await runWorkflow({ scriptPath: 'script.js', budgetMode: 'medium' })
// @ts-expect-error functions are no JSON
await runWorkflow({ scriptPath: 'script.js', args: () => 1 })
// @ts-expect-error providers need run()
await runWorkflow({ scriptPath: 'script.js', agentProvider: { name: 'x', schemaMode: 'none', usageMode: 'none' } })

// Durable runs, and what their agents print.
same<Awaited<ReturnType<Engine['output']>>, AttemptOutput[]>(true)
same<AttemptOutput, { call: number; attempt: number; at: number; raw: JSONValue }>(true)
export const durable = async () => {
  const engine = createEngine({ keepOutput: false })
  const run = await engine.run('script.js', { keepOutput: true })
  await engine.resume(run.id, { keepOutput: true })
  await engine.fork(run.id, { keepOutput: undefined })
  // @ts-expect-error a number
  await engine.output(run.id, '0')
  // @ts-expect-error only durable runs keep it
  await runWorkflow({ scriptPath: 'script.js', keepOutput: true })
  return (await engine.output(run.id, 0)).map(({ raw }) => raw)
}

// The workflows that can be run by name.
same<ListWorkflowsOptions, { cwd?: string }>(true)
same<ReturnType<typeof listWorkflows>, Promise<WorkflowListing[]>>(true)
export const listed = async () => {
  const [first] = await listWorkflows({ cwd: '.' })
  if (!first) return await listWorkflows()
  first.path satisfies string
  first.scope satisfies 'project' | 'home'
  // @ts-expect-error a file that was passed over has no name
  first.name
  if (first.status === 'skipped') return first.reason satisfies string
  if (first.status === 'shadowed') return first.shadowedBy satisfies string
  first.phases?.[0]?.title satisfies string | undefined
  // @ts-expect-error no such option
  await listWorkflows({ folder: '.' })
  return first satisfies WorkflowMetadata
}

// Checks of scripts.
same<Parameters<typeof checkWorkflow>, [script: WorkflowScript, options?: CheckWorkflowOptions]>(true)
same<ReturnType<typeof checkWorkflow>, Promise<WorkflowCheck>>(true)
same<WorkflowCheck['metadata'], WorkflowMetadata | undefined>(true)
same<WorkflowFinding['severity'], 'error' | 'warning'>(true)
const scripts: WorkflowScript[] = ['flow.js', new URL('file:///flow.js'), { scriptPath: 'flow.js' }, { source: 'x', scriptName: 'x.js' }]
// @ts-expect-error a path or a source
scripts.push({})
void checkWorkflow(scripts[0] as WorkflowScript, { cwd: '.' })
// @ts-expect-error no such option
void checkWorkflow('flow.js', { cdw: '.' })

// The configuration.
same<LoadConfigOptions, { cwd?: string; file?: string | false }>(true)
same<ReturnType<typeof loadConfig>, Promise<LoadedConfig>>(true)
same<LoadedConfig['providers'][string], SmolProviderSettings>(true)
same<SmolConfig['permissions'], 'read-only' | 'edits' | 'full' | undefined>(true)
export const config = {
  $schema: './node_modules/@smol-workflow/engine/schema/smol.config.schema.json',
  provider: 'codex',
  permissions: 'edits',
  providers: { codex: { args: ['-c', 'x=1'], timeoutMs: 1000, rate: { starts: 1, perMs: 1000 } } },
} as const satisfies SmolConfig
// @ts-expect-error there is no such setting
export const wrong: SmolConfig = { providers: { codex: { comand: 'x' } } }
export const configured: AgentProvider = createAgentProvider('codex', {} as SmolProviderSettings)
