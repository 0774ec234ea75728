/**
 * The words of workflow authors: JSON, schemas, metadata, and what the globals of a script look like. Types only, and
 * no globals: hosts import them too. `types/workflow.d.ts` declares the globals themselves.
 *
 * @module
 */

import type { FromSchema } from './schema-types.js'

export type { FromSchema } from './schema-types.js'

/** A JSON value without structure. */
export type JSONPrimitive = string | number | boolean | null

/** A JSON object. */
export type JSONObject = { [key: string]: JSONValue }

/** A JSON array. */
export type JSONArray = JSONValue[]

/** Whatever JSON can express. */
export type JSONValue = JSONPrimitive | JSONObject | JSONArray

/** A JSON value that is only read, so that literals under `as const` fit. */
export type ReadonlyJSONValue =
  | JSONPrimitive
  | { readonly [key: string]: ReadonlyJSONValue }
  | readonly ReadonlyJSONValue[]

/** Values of the keyword `type`. */
export type JSONSchemaType = 'null' | 'boolean' | 'object' | 'array' | 'number' | 'integer' | 'string'

/** A JSON Schema: `true` allows everything, `false` nothing. */
export type JSONSchema = boolean | JSONSchemaObject

/** The keywords that people use, so that typing errors show; the engine itself ignores keywords it does not know. */
export type JSONSchemaObject = {
  readonly $id?: string
  readonly $schema?: string
  readonly $ref?: string
  readonly $comment?: string
  readonly $defs?: { readonly [name: string]: JSONSchema }
  readonly definitions?: { readonly [name: string]: JSONSchema }

  readonly title?: string
  readonly description?: string
  readonly default?: ReadonlyJSONValue
  readonly examples?: readonly ReadonlyJSONValue[]

  readonly type?: JSONSchemaType | readonly JSONSchemaType[]
  readonly nullable?: boolean
  readonly enum?: readonly ReadonlyJSONValue[]
  readonly const?: ReadonlyJSONValue

  readonly properties?: { readonly [name: string]: JSONSchema }
  readonly patternProperties?: { readonly [pattern: string]: JSONSchema }
  readonly additionalProperties?: JSONSchema
  readonly required?: readonly string[]
  readonly propertyNames?: JSONSchema
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly dependencies?: { readonly [name: string]: JSONSchema | readonly string[] }
  readonly dependentSchemas?: { readonly [name: string]: JSONSchema }
  readonly dependentRequired?: { readonly [name: string]: readonly string[] }

  readonly items?: JSONSchema | readonly JSONSchema[]
  readonly prefixItems?: readonly JSONSchema[]
  readonly additionalItems?: JSONSchema
  readonly contains?: JSONSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean

  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string

  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number

  readonly allOf?: readonly JSONSchema[]
  readonly anyOf?: readonly JSONSchema[]
  readonly oneOf?: readonly JSONSchema[]
  readonly not?: JSONSchema
  readonly if?: JSONSchema
  readonly then?: JSONSchema
  readonly else?: JSONSchema
}

/** A value, or the promise of one. */
export type Awaitable<T> = T | Promise<T>

/** The arguments of a workflow. */
export type WorkflowArgs = Record<string, unknown>

/** One entry of `meta.phases`, as Claude Code's dynamic workflows know it. */
export type DynamicWorkflowPhaseMetadata = {
  /** What `phase()` is called with. */
  title: string
  detail?: string
  /** The model for agent calls of this phase that name none. */
  model?: string
}

/** `meta`, as Claude Code's dynamic workflows know it. */
export type DynamicWorkflowMetadata = {
  /** What `workflow(name)` finds it by. */
  name: string
  description: string
  /** Shown where people or agents choose a workflow. */
  whenToUse?: string
  phases?: readonly DynamicWorkflowPhaseMetadata[]
}

/** One entry of `meta.phases`. */
export type WorkflowPhaseMetadata = DynamicWorkflowPhaseMetadata & {
  /** The provider for agent calls of this phase that name none. */
  provider?: string
}

/** What a script exports as `meta`: a literal, read before anything runs. */
export type WorkflowMetadata = Omit<DynamicWorkflowMetadata, 'phases'> & {
  phases?: readonly WorkflowPhaseMetadata[]
}

/** A workflow by `meta.name`, or by its path, relative to the folder of the calling script. */
export type WorkflowRef = string | { scriptPath: string }

/** Options of an agent call as Claude Code's dynamic workflows know them. */
export type DynamicWorkflowAgentRunOptions<Schema extends JSONSchema = JSONSchema> = {
  /** What progress displays call it. */
  label?: string
  /** The phase it belongs to, instead of the one that `phase()` named last; `parallel` branches need this. */
  phase?: string
  /** What the answer must look like. An answer that does not fit is asked for once more. */
  schema?: Schema
  /** A model of the provider, instead of its default. */
  model?: string
  /** Work in a git worktree of its own, on a branch of its own. */
  isolation?: 'worktree'
  /** A kind of agent that the provider knows, such as `Explore`. */
  agentType?: string
}

/** Options of an agent call. */
export type AgentRunOptions<Schema extends JSONSchema = JSONSchema> = DynamicWorkflowAgentRunOptions<Schema> & {
  /** A name for the call that stays the same when its prompt changes. */
  key?: string
  /** A provider by name, instead of the run's own. */
  provider?: string
  /** How hard the model should think. */
  effort?: 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  /** The folder to work in. */
  cwd?: string
  /** Milliseconds after which an attempt fails. */
  timeoutMs?: number
  /** Milliseconds without any output after which an attempt fails. */
  stallMs?: number
  /** How the worktree is made and what becomes of it; with `isolation: 'worktree'`. */
  worktree?: WorktreeOptions
  /** Attempts in all (default 2) and milliseconds before the second one, doubled before each further one. */
  retry?: { maxAttempts?: number; backoffMs?: number }
  /** Passed on to the provider. The agents' programs take names of tools. */
  tools?: unknown
  /** Passed on to the provider. The agents' programs take `read-only`, `edits` and `full`. */
  permissions?: unknown
  /** Options for one provider each, such as `{ codex: { args: ['--flag'] } }`. */
  providerOptions?: Record<string, unknown>
}

/** The worktree of a call with `isolation: 'worktree'`. */
export type WorktreeOptions = {
  /** What becomes of folder and branch. Default: `changed`, the branch stays if there is anything on it. */
  keep?: 'changed' | 'always' | 'never'
  /** How changes get out of the branch after a call that succeeded. Default: not at all. */
  merge?: 'ff' | 'squash' | 'patch'
  /** Whether uncommitted changes are in it, too. Default: no. */
  uncommitted?: boolean
  /** The commit, tag or branch to start from. Default: `HEAD`. */
  base?: string
}

/** Something that runs agents. */
export type Agent = {
  /** Runs an agent; resolves to a value of the type that `schema` describes. */
  run<const Schema extends JSONSchema>(
    prompt: string,
    options: AgentRunOptions<Schema> & { schema: Schema },
  ): Promise<FromSchema<Schema>>
  /**
   * The same with a schema from a variable whose `type` TypeScript has widened to `string`. Nothing can be inferred
   * from it: declare the variable `as const`, or name the type: `agent<Finding>(prompt, { schema })`.
   */
  run<const Schema extends { readonly type: string }>(
    prompt: string,
    options: Omit<AgentRunOptions, 'schema'> & { schema: Schema } & OnlyWidened<Schema>,
  ): Promise<unknown>
  /** Runs an agent; resolves to its text. */
  run(prompt: string, options?: AgentRunOptions & { schema?: undefined }): Promise<string>
  /** Runs an agent; resolves to what the caller says it does. */
  run<Output = unknown>(prompt: string, options?: AgentRunOptions): Promise<Output>
}

type OnlyWidened<Schema extends { readonly type: string }> = string extends Schema['type'] ? unknown : never

/** `agent()`. */
export type AgentRunFn = Agent['run']

/** `agent()`. */
export type AgentFn = AgentRunFn

/** One branch of `parallel`. */
export type ParallelTask<T = unknown> = () => Awaitable<T>

/** What `parallel` resolves to: the results in the order of the tasks, `null` where one failed. */
export type ParallelResults<Tasks extends readonly ParallelTask[]> = {
  -readonly [Index in keyof Tasks]: Tasks[Index] extends () => infer Result ? Awaited<Result> | null : never
}

/** Options of `parallel`. */
export type ParallelOptions = {
  /** How many tasks may run at once. Default: all. */
  concurrency?: number
  /** Reject with the first failure instead of `null` in its place. */
  failFast?: boolean
  /** Reject when fewer tasks than this succeed. */
  minSuccess?: number
  /** Milliseconds for the whole of it; what is not done by then has failed. */
  timeoutMs?: number
  /** Say for each task how it ended, instead of `null` for the failed ones. */
  settle?: boolean
}

/** How one task ended, with `settle: true`. */
export type SettledTask<T = unknown> = { ok: true; value: T } | { ok: false; error: unknown }

/** What `parallel` resolves to with `settle: true`, in the order of the tasks. */
export type SettledResults<Tasks extends readonly ParallelTask[]> = {
  -readonly [Index in keyof Tasks]: Tasks[Index] extends () => infer Result ? SettledTask<Awaited<Result>> : never
}

/** `parallel()`: runs all tasks at once and waits for all of them. */
export type ParallelFn = {
  <const Tasks extends readonly ParallelTask[]>(
    tasks: Tasks,
    options: ParallelOptions & { settle: true },
  ): Promise<SettledResults<Tasks>>
  <const Tasks extends readonly ParallelTask[]>(
    tasks: Tasks,
    options?: ParallelOptions & { settle?: false },
  ): Promise<ParallelResults<Tasks>>
}

/** One stage of `pipeline`: what the stage before gave, the item itself, and the item's place. */
export type PipelineStage<Previous = unknown, Item = unknown, Result = unknown> = (
  previous: Previous,
  item: Item,
  index: number,
) => Awaitable<Result>

/** `pipeline()`: every item goes through the stages on its own; an item whose stage fails becomes `null`. */
export type PipelineFn = {
  <Item>(items: readonly Item[]): Promise<Item[]>
  <Item, A>(items: readonly Item[], a: PipelineStage<Item, Item, A>): Promise<(Awaited<A> | null)[]>
  <Item, A, B>(
    items: readonly Item[],
    a: PipelineStage<Item, Item, A>,
    b: PipelineStage<Awaited<A>, Item, B>,
  ): Promise<(Awaited<B> | null)[]>
  <Item, A, B, C>(
    items: readonly Item[],
    a: PipelineStage<Item, Item, A>,
    b: PipelineStage<Awaited<A>, Item, B>,
    c: PipelineStage<Awaited<B>, Item, C>,
  ): Promise<(Awaited<C> | null)[]>
  <Item, A, B, C, D>(
    items: readonly Item[],
    a: PipelineStage<Item, Item, A>,
    b: PipelineStage<Awaited<A>, Item, B>,
    c: PipelineStage<Awaited<B>, Item, C>,
    d: PipelineStage<Awaited<C>, Item, D>,
  ): Promise<(Awaited<D> | null)[]>
  <Item, A, B, C, D, E>(
    items: readonly Item[],
    a: PipelineStage<Item, Item, A>,
    b: PipelineStage<Awaited<A>, Item, B>,
    c: PipelineStage<Awaited<B>, Item, C>,
    d: PipelineStage<Awaited<C>, Item, D>,
    e: PipelineStage<Awaited<D>, Item, E>,
  ): Promise<(Awaited<E> | null)[]>
  <Item, A, B, C, D, E, F>(
    items: readonly Item[],
    a: PipelineStage<Item, Item, A>,
    b: PipelineStage<Awaited<A>, Item, B>,
    c: PipelineStage<Awaited<B>, Item, C>,
    d: PipelineStage<Awaited<C>, Item, D>,
    e: PipelineStage<Awaited<D>, Item, E>,
    f: PipelineStage<Awaited<E>, Item, F>,
  ): Promise<(Awaited<F> | null)[]>
  /** Beyond six stages the types between them are the author's to state. */
  <Item, Result = unknown>(
    items: readonly Item[],
    ...stages: readonly PipelineStage<any, Item, unknown>[]
  ): Promise<(Result | null)[]>
}

/** `workflow()`: runs another workflow inside this run. */
export type WorkflowRunFn = <Output = unknown>(nameOrRef: WorkflowRef, args?: unknown) => Promise<Output>

/** `budget`: the output tokens of the run, children included. */
export type WorkflowBudget = {
  /** `null`: unlimited. */
  total: number | null
  spent(): number
  /** Never below 0; `Infinity` when unlimited. */
  remaining(): number
}

/** `log()`. */
export type WorkflowLogFn = (...args: unknown[]) => void

/** `phase()`: names what the following agent calls belong to. */
export type PhaseFn = (name: string, options?: unknown) => void

/** Milliseconds, or text such as '500ms', '30s', '1h30m' or '2d': larger units first, none twice. */
export type WorkflowDuration = number | string

/** What `workflow:extra` exports; also `SW.extra`, and `extra` of the context. */
export type WorkflowExtra = {
  /**
   * Waits. The end of the wait is written down, so it is the same however often a durable run is resumed, and the run
   * needs no process until then.
   */
  readonly sleep: (duration: WorkflowDuration) => Promise<void>
}

/** What the default export of a script is called with besides its arguments: the globals, gathered. */
export type WorkflowContext = {
  args: WorkflowArgs
  agent: AgentRunFn
  parallel: ParallelFn
  pipeline: PipelineFn
  workflow: WorkflowRunFn
  budget: WorkflowBudget
  log: WorkflowLogFn
  phase: PhaseFn
  /** Not among its own keys: the original's context has no such member. */
  extra: WorkflowExtra
}

/** The default export of a script, where it is a function. */
export type WorkflowHandler<Input = unknown, Output = unknown> = (
  input: Input,
  ctx: WorkflowContext,
) => Awaitable<Output>

/** What a tool that runs workflows takes. `scriptPath` goes before `script`, `script` before `name`. */
export type WorkflowToolInput = {
  script?: string
  scriptPath?: string
  name?: string
  args?: unknown
  resumeFromRunId?: string
}
