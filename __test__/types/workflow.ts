// What authors of scripts write.

import type {
  AgentFn,
  AgentRunFn,
  AgentRunOptions,
  Awaitable,
  DynamicWorkflowAgentRunOptions,
  DynamicWorkflowMetadata,
  DynamicWorkflowPhaseMetadata,
  JSONArray,
  JSONObject,
  JSONPrimitive,
  JSONSchema,
  JSONSchemaObject,
  JSONSchemaType,
  JSONValue,
  ParallelFn,
  ParallelResults,
  ParallelTask,
  PhaseFn,
  PipelineFn,
  PipelineStage,
  WorkflowArgs,
  WorkflowBudget,
  WorkflowContext,
  WorkflowDuration,
  WorkflowExtra,
  WorkflowHandler,
  WorkflowLogFn,
  WorkflowMetadata,
  WorkflowPhaseMetadata,
  WorkflowRef,
  WorkflowRunFn,
  WorkflowToolInput,
} from '@smol-workflow/engine/workflow'

import { sleep } from 'workflow:extra'

import { same } from './same.js'

export const meta: WorkflowMetadata = {
  name: 'review',
  description: 'Reviews a branch',
  whenToUse: 'before a merge',
  phases: [{ title: 'Review', detail: 'one agent per dimension', model: 'm', provider: 'codex' }],
}

// The globals and their types.
same<typeof args, WorkflowArgs>(true)
same<typeof agent, AgentRunFn>(true)
same<AgentFn, AgentRunFn>(true)
same<typeof parallel, ParallelFn>(true)
same<typeof pipeline, PipelineFn>(true)
same<typeof workflow, WorkflowRunFn>(true)
same<typeof budget, WorkflowBudget>(true)
same<typeof log, WorkflowLogFn>(true)
same<typeof phase, PhaseFn>(true)
same<WorkflowRef, string | { scriptPath: string }>(true)
same<WorkflowContext['agent'], typeof agent>(true)
same<JSONValue, JSONPrimitive | JSONObject | JSONArray>(true)
same<JSONSchema, boolean | JSONSchemaObject>(true)
same<JSONSchemaObject['type'], JSONSchemaType | readonly JSONSchemaType[] | undefined>(true)
same<Awaitable<1>, 1 | Promise<1>>(true)
same<WorkflowToolInput['scriptPath'], string | undefined>(true)
const dynamicMeta: DynamicWorkflowMetadata = { name: 'a', description: 'b' }
const dynamicPhase: DynamicWorkflowPhaseMetadata = { title: 'a' }
const phaseMeta: WorkflowPhaseMetadata = dynamicPhase
const dynamicOptions: DynamicWorkflowAgentRunOptions = { label: 'a', agentType: 'Explore' }
const task: ParallelTask<number> = () => 1
const stage: PipelineStage<string, number, boolean> = (previous, item, index) => previous.length + item > index
log(dynamicMeta, phaseMeta, dynamicOptions, task, stage)

// Agents: text, or what the schema says.
same<Awaited<ReturnType<typeof text>>, string>(true)
function text() {
  return agent('x', { label: 'a', phase: 'Review', model: 'm', provider: 'pi', key: 'k', isolation: 'worktree' })
}

const plain: string = await agent('x')
const extra: string = await agent('x', {
  effort: 'high',
  cwd: '/',
  timeoutMs: 1,
  stallMs: 1,
  retry: { maxAttempts: 2, backoffMs: 10 },
  tools: ['Read'],
  permissions: 'plan',
  providerOptions: { anything: 1 },
})

const literal = await agent('x', {
  schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
})
same<typeof literal, { n: number }>(true)

const asConst = await agent('x', {
  schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } as const,
})
same<typeof asConst, { n: number }>(true)

const FINDINGS = {
  type: 'object',
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        properties: { file: { type: 'string' }, severity: { enum: ['high', 'low'] }, line: { type: ['integer', 'null'] } },
        required: ['file', 'severity', 'line'],
      },
    },
  },
  required: ['findings'],
} as const
const { findings } = await agent('x', { label: 'find', schema: FINDINGS })
same<typeof findings, { file: string; severity: 'high' | 'low'; line: number | null }[]>(true)

// A schema that TypeScript has widened gives nothing away; naming the type does.
const widened = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
const unknownResult = await agent('x', { schema: widened })
same<typeof unknownResult, unknown>(true)
const typed: JSONSchema = { type: 'string' }
const fromTyped = await agent('x', { schema: typed })
same<typeof fromTyped, unknown>(true)
const named = await agent<{ title: string }>('x', { schema: FINDINGS })
same<typeof named, { title: string }>(true)
const options: AgentRunOptions = {}
const fromOptions = await agent('x', options)
same<typeof fromOptions, unknown>(true)

// parallel.
const branches = await parallel([() => agent('x'), () => 5, async () => ({ a: 1 })])
same<typeof branches, [string | null, number | null, { a: number } | null]>(true)
const mapped = await parallel(['a', 'b'].map((name) => () => agent(name, { schema: FINDINGS })))
mapped.filter((result) => result !== null).flatMap((result) => result.findings)
same<(typeof mapped)[number], ParallelResults<[() => Promise<{ findings: typeof findings }>]>[0]>(true)
const [settled] = await parallel([() => agent('x')], { settle: true, concurrency: 2 })
if (settled.ok) same<typeof settled.value, string>(true)

// pipeline.
const piped = await pipeline(
  ['a', 'b'],
  (previous, item, index) => agent(`${previous} ${item} ${index}`, { schema: FINDINGS }),
  (previous, item) => ({ item, count: previous.findings.length }),
)
same<typeof piped, ({ item: string; count: number } | null)[]>(true)
same<Awaited<ReturnType<typeof noStages>>, number[]>(true)
function noStages() {
  return pipeline([1, 2])
}

// workflow:extra.
same<typeof SW.extra, WorkflowExtra>(true)
same<WorkflowContext['extra'], WorkflowExtra>(true)
const nothing: void = await sleep('1h30m')
const wait: WorkflowDuration = 500
await SW.extra.sleep(wait)
log(nothing)
// @ts-expect-error a duration is needed
sleep()
// @ts-expect-error no such member
SW.extra.slep(1)

// The rest.
const child: unknown = await workflow('other', { any: 1 })
const childByPath = await workflow<{ ok: boolean }>({ scriptPath: './child.js' })
same<typeof childByPath, { ok: boolean }>(true)
phase('Review')
phase('Review', { detail: 'x' })
log('a', 1, { b: 2 })
console.debug(plain, extra, child)
if (budget.total !== null && budget.remaining() < budget.spent()) console.warn(args['topic'])
const timer = setTimeout((name: string) => log(name), 5, 'x')
clearTimeout(timer)
queueMicrotask(() => log(structuredClone({ a: atob(btoa('x')) }).a))

const handler: WorkflowHandler<{ topic: string }, string> = async (input, ctx) => {
  ctx.phase('Review')
  return ctx.agent(input.topic)
}
export default handler

// @ts-expect-error a prompt is text
agent({ prompt: 'x' })
// @ts-expect-error a prompt is needed
agent()
// @ts-expect-error not an isolation
agent('x', { isolation: 'sandbox' })
// @ts-expect-error not an option
agent('x', { colour: 'red' })
// @ts-expect-error not an effort
agent('x', { effort: 'huge' })
// @ts-expect-error not a type
agent('x', { schema: { type: 'strnig' } })
// @ts-expect-error not a type, further down
agent('x', { schema: { type: 'object', properties: { a: { type: 'text' } } } })
// @ts-expect-error no such member
literal.m
// @ts-expect-error a branch is a function, not a promise
parallel([agent('x')])
// @ts-expect-error not an option
parallel([() => 1], { limit: 5 })
// @ts-expect-error the item is a string
pipeline(['a'], (previous) => previous.toFixed())
// @ts-expect-error a reference is a name or has a scriptPath
workflow({ path: './child.js' })
// @ts-expect-error a phase has a name
phase()
// @ts-expect-error metadata needs a description
meta satisfies { name: string; description: number }
// @ts-expect-error titles are text
export const badMeta: WorkflowMetadata = { name: 'a', description: 'b', phases: [{ title: 5 }] }

// The console of Node.js, as far as there is one.
console.log('%s', 1)
console.dir({ a: 1 }, { depth: null })
console.table([{ a: 1 }], ['a'])
console.group('label')
console.groupEnd()
console.assert(false, 'why')
console.timeLog('label', 1)
// @ts-expect-error no such method
console.nope()
