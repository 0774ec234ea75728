// A host of the absurd backend: the types of the original, and what a program does with them.

import type { AgentProvider, AgentProviderResult } from '@smol-workflow/engine/agent-providers'
import {
  ABSURD_WORKFLOW_TASK_NAME,
  type AbsurdClient,
  type AbsurdWorkflowBackend,
  type AbsurdWorkflowBackendOptions,
  type AbsurdWorkflowRunParams,
  type AbsurdWorkflowRunResult,
  type AbsurdWorkflowTaskRow,
  type AbsurdWorkflowTaskState,
  createAbsurdWorkflowBackend,
  createAbsurdWorkflowBackendAsync,
  DEFAULT_ABSURD_QUEUE,
  getAgentCheckpointKey,
  resolveAbsurdSQLiteExtensionPath,
  resolveAbsurdSQLiteExtensionPathAsync,
  runAbsurdWorkflowTask,
  runDurableAgent,
  type RunWorkflowAndWaitOptions,
  type SpawnOptions,
  type SpawnResult,
  type SubmitWorkflowOptions,
  type TaskContext,
  type Worker,
  type WorkerOptions,
} from '@smol-workflow/engine/backends/absurd'
import type { WorkflowArgs } from '@smol-workflow/engine'
import type { AgentRunOptions, JSONValue } from '@smol-workflow/engine/workflow'

import { same } from './same.js'

type TaskOptions = { agentProvider?: AgentProvider; onDiagnostic?: (...values: unknown[]) => void }

same<typeof ABSURD_WORKFLOW_TASK_NAME, 'workflow.run'>(true)
same<typeof DEFAULT_ABSURD_QUEUE, 'default'>(true)
same<
  AbsurdWorkflowBackendOptions,
  {
    dbPath: string
    extensionPath?: string
    queueName?: string
    taskName?: string
    agentProvider?: AgentProvider
    verbose?: (...values: unknown[]) => void
  }
>(true)
same<
  AbsurdWorkflowRunParams,
  {
    scriptPath: string
    args?: WorkflowArgs
    workflowName?: string
    workflowVersion?: string
    scriptHash?: string
    budgetTotal?: number | null
  }
>(true)
same<SubmitWorkflowOptions, Omit<SpawnOptions, 'queue'> & { queue?: string }>(true)
same<
  RunWorkflowAndWaitOptions,
  SubmitWorkflowOptions & {
    timeoutMs?: number
    pollIntervalMs?: number
    workerId?: string
    claimTimeout?: number
    batchSize?: number
  }
>(true)
same<AbsurdWorkflowTaskState, 'pending' | 'running' | 'sleeping' | 'completed' | 'failed' | 'cancelled'>(true)
same<
  AbsurdWorkflowTaskRow,
  { taskID: string; state: AbsurdWorkflowTaskState; result: unknown; failureReason: unknown }
>(true)
same<AbsurdWorkflowRunResult, { taskID: string; runID: string; attempt: number; result: unknown }>(true)
same<SpawnResult, { taskID: string; runID: string; attempt: number; created: boolean }>(true)
same<
  AbsurdWorkflowBackend,
  {
    readonly absurd: AbsurdClient
    readonly queueName: string
    readonly taskName: string
    init(): Promise<void>
    registerWorkflowTask(): void
    submitWorkflow(params: AbsurdWorkflowRunParams, options?: SubmitWorkflowOptions): Promise<SpawnResult>
    runWorkflowAndWait(
      params: AbsurdWorkflowRunParams,
      options?: RunWorkflowAndWaitOptions,
    ): Promise<AbsurdWorkflowRunResult>
    getWorkflowTask(taskID: string): Promise<AbsurdWorkflowTaskRow | null>
    startWorker(options?: WorkerOptions): Promise<Worker>
    workBatch(options?: { workerId?: string; claimTimeout?: number; batchSize?: number }): Promise<void>
    close(): Promise<void>
  }
>(true)
same<typeof createAbsurdWorkflowBackend, (options: AbsurdWorkflowBackendOptions) => AbsurdWorkflowBackend>(true)
same<
  typeof createAbsurdWorkflowBackendAsync,
  (options: AbsurdWorkflowBackendOptions) => Promise<AbsurdWorkflowBackend>
>(true)
same<typeof resolveAbsurdSQLiteExtensionPath, (extensionPath?: string) => string>(true)
same<typeof resolveAbsurdSQLiteExtensionPathAsync, (extensionPath?: string) => Promise<string>>(true)
same<
  typeof getAgentCheckpointKey,
  (prompt: string, options?: AgentRunOptions, provider?: string) => string
>(true)
same<
  Parameters<typeof runAbsurdWorkflowTask>,
  [params: AbsurdWorkflowRunParams, ctx: TaskContext, options?: TaskOptions]
>(true)
same<ReturnType<typeof runAbsurdWorkflowTask>, Promise<unknown>>(true)
same<
  Parameters<typeof runDurableAgent>,
  [prompt: string, options: AgentRunOptions | undefined, ctx: Pick<TaskContext, 'step' | 'emitEvent'>, runOptions?: TaskOptions]
>(true)
same<ReturnType<typeof runDurableAgent>, Promise<AgentProviderResult>>(true)
same<
  Exclude<
    keyof AbsurdClient,
    | 'registerTask'
    | 'createQueue'
    | 'dropQueue'
    | 'listQueues'
    | 'spawn'
    | 'emitEvent'
    | 'cancelTask'
    | 'claimTasks'
    | 'workBatch'
    | 'startWorker'
    | 'close'
    | 'executeTask'
  >,
  'listEvents'
>(true)

// What a program writes.
const backend = createAbsurdWorkflowBackend({ dbPath: 'x.db', verbose: console.log })
backend.absurd.registerTask<{ n: number }, string>({ name: 'mine', defaultMaxAttempts: 2 }, async ({ n }, ctx) => {
  same<typeof ctx.headers, Readonly<{ [key: string]: JSONValue }>>(true)
  const step = await ctx.step('s', async () => n + 1)
  same<typeof step, number>(true)
  await ctx.sleepFor('nap', 1)
  await ctx.sleepUntil('later', new Date())
  await ctx.heartbeat()
  await ctx.emitEvent('e', { n })
  same<Awaited<ReturnType<typeof ctx.awaitEvent>>, JSONValue>(true)
  ctx.signal.throwIfAborted()
  return ctx.taskID
})
const { taskID } = await backend.absurd.spawn('mine', { n: 1 }, { retryStrategy: { kind: 'exponential', maxSeconds: 9 } })
const [task] = await backend.absurd.claimTasks({ batchSize: 1 })
if (task) await backend.absurd.executeTask(task, 120, { fatalOnLeaseTimeout: false })
await backend.absurd.cancelTask(taskID)
// @ts-expect-error not a strategy
await backend.submitWorkflow({ scriptPath: 'x' }, { retryStrategy: { kind: 'linear' } })
// @ts-expect-error a workflow needs a script
await backend.submitWorkflow({})
