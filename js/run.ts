/**
 * `runWorkflow`: hands a run to the native engine and calls the user's callbacks for it.
 *
 * @module
 */

import { resolve } from 'node:path'

import { type BuiltIn, builtIn } from './agent-providers/index.js'
import type {
  AgentProgress,
  AgentProvider,
  AgentProviderContext,
  AgentProviderResult,
} from './agent-providers/types.js'
import {
  CancelledError,
  describeThrown,
  fromNativeThrow,
  type NativeError,
  toWorkflowError,
  WorkflowError,
} from './errors.js'
import { formatLogValue } from './log-format.js'
import { type NativeRunOptions, type NativeStore, providerNames, type RunHandle, startRun } from './native.js'
import { checkOptions } from './options.js'
import type { RunWorkflowOptions, RunWorkflowSourceOptions, WorkflowBudgetState, WorkflowEvent } from './types.js'
import type { AgentRunOptions, JSONValue } from './workflow-types.js'

type Options = RunWorkflowOptions | RunWorkflowSourceOptions

/** One attempt of an agent call. */
type AgentMessage = {
  k: 'agent'
  call: number
  attempt: number
  /** The provider that the call names, if it does. */
  provider?: string
  /** The worktree to work in. */
  cwd?: string
  /** The session to go on with. */
  session?: string
  prompt?: JSONValue
  options?: AgentRunOptions | null
}

/** One message of the engine. */
type Message =
  | AgentMessage
  | { k: 'abort'; calls: number[] }
  | { k: 'event'; event: WorkflowEvent }
  | { k: 'charged'; charged: number }
  | { k: 'end'; dropped: number; value?: JSONValue; error?: NativeError }

/**
 * Runs a workflow script in its sandbox and resolves to its result, as JSON.
 *
 * Rejects with a {@link WorkflowError}; errors thrown by callbacks end up in its `cause`. Never throws synchronously.
 */
export async function runWorkflow(options: Options): Promise<unknown> {
  if (options !== undefined && options !== null) checkOptions(options)
  const native = toNativeOptions(options)
  const { signal } = options
  if (signal?.aborted) throw cancelled(signal.reason)
  return await new Promise((resolve, reject) => new Run(options, native, resolve, reject))
}

/** What makes a run durable: the store, and how, as the native engine takes it. */
export type Durability = { /** A `NativeStore`; callers do not see the native types. */ store: unknown; wish: string }

/** A run that was started. */
export type Launched = {
  result: Promise<unknown>
  cancel: () => void
  /** Leaves a durable run as it is. */
  leave: () => void
}

/** Starts a durable run. Options must have been checked. Never throws: what is wrong rejects `result`. */
export function launch(options: Options, durability: Durability): Launched {
  let run: Run | undefined
  const result = new Promise((resolve, reject) => {
    const native = toNativeOptions(options)
    if (options.signal?.aborted) reject(cancelled(options.signal.reason))
    else run = new Run(options, native, resolve, reject, durability)
  })
  return { result, cancel: () => run?.cancel(), leave: () => run?.leave() }
}

function cancelled(reason: unknown): CancelledError {
  return new CancelledError('workflow run was cancelled: cancelled by the caller', {
    code: 'ERR_RUN_CANCELLED',
    details: { reason: 'user' },
    cause: reason,
  })
}

function toNativeOptions(options: Options): NativeRunOptions {
  // Read first and this way: what is no object at all fails in the words that callers of the original know.
  const scriptPath = options.scriptPath
  const { budgetState } = options
  const agentProvider = options.agentProvider ?? undefined
  // JSON.stringify gives `undefined` for what JSON cannot hold at all, such as a function.
  const args = options.args === undefined ? undefined : (JSON.stringify(options.args) as string | undefined)
  const total = budgetState ? budgetState.total : options.budgetTotal
  const native = agentProvider && builtIn(agentProvider)
  const named = readProviders(options.providers ?? {}, native)
  return {
    ...(options.source === undefined
      ? { scriptPath: resolve(scriptPath as string) }
      : { source: options.source, sourceName: options.scriptName }),
    args,
    budgetTotal: typeof total === 'number' && Number.isFinite(total) ? total : undefined,
    budgetSpent: Number.isFinite(budgetState?.spent) ? budgetState?.spent : undefined,
    budgetMode: options.budgetMode,
    onAgentError: options.onAgentError,
    maxParallelAgents: options.maxParallelAgents,
    maxAgents: options.maxAgents,
    nestingDepth: options.nestingDepth,
    maxDepth: options.maxDepth,
    cancelGraceMs: options.cancelGraceMs,
    maxSleepMs: options.maxSleepMs,
    cwd: options.cwd,
    imports: options.imports,
    limits: options.limits,
    provider: native?.name ?? (agentProvider && String(agentProvider.name)),
    ...named,
    customProvider: agentProvider && !native ? JSON.stringify(traits(agentProvider)) : undefined,
    worktree: options.worktree ? JSON.stringify(options.worktree) : undefined,
    handler: options.onAgent !== undefined,
    events: options.onEvent !== undefined,
  }
}

/** What the engine has to know of a provider of the caller's. */
function traits({ worktrees, resumes }: AgentProvider): { worktrees: boolean; resumes: boolean } {
  return { worktrees: worktrees === true, resumes: resumes === true }
}

/** The providers by name, as the engine takes them. `main` is the one for calls that name none, if it is built in. */
function readProviders(
  providers: NonNullable<Options['providers']>,
  main: BuiltIn | undefined,
): Pick<NativeRunOptions, 'providers' | 'aliases' | 'namedProviders'> {
  const settings: Record<string, unknown> = {}
  const aliases: Record<string, string> = {}
  const named: unknown[] = []
  for (const [name, provider] of Object.entries(providers)) {
    if (typeof provider !== 'object' || provider === null) {
      throw refused(`providers.${name}`, `must be a provider or the options of one, got ${String(provider)}`)
    }
    if (!isProvider(provider)) {
      if (!providerNames().includes(name)) {
        throw refused(`providers.${name}`, 'must have a function run, unless it is the name of a built-in provider')
      }
      settings[name] = provider
      continue
    }
    const native = builtIn(provider)
    if (native === undefined) {
      named.push({ name, ...traits(provider) })
      continue
    }
    if (native.name !== name) aliases[name] = native.name
    settings[name] = (JSON.parse(native.options ?? '{}') as Record<string, unknown>)[native.name] ?? {}
  }
  // What the caller has made an object of goes before what stands in a list.
  if (main?.options !== undefined) Object.assign(settings, JSON.parse(main.options))
  return {
    providers: JSON.stringify(settings),
    aliases: JSON.stringify(aliases),
    namedProviders: JSON.stringify(named),
  }
}

function isProvider(value: object): value is AgentProvider {
  return typeof (value as Partial<AgentProvider>).run === 'function'
}

function refused(option: string, message: string): WorkflowError {
  return new WorkflowError(`${option}: ${message}`, { code: 'ERR_INVALID_OPTION', details: { option } })
}

/** The runs that share a budget object. */
const sharers = new WeakMap<WorkflowBudgetState, Set<Run>>()

/** One run between its start and its end. */
class Run {
  readonly #options: Options
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #handle: RunHandle | undefined
  /** What callbacks threw, by call, so that the caller gets those very errors back. */
  readonly #thrown = new Map<number, unknown>()
  /** What is under way in JavaScript, with the means to stop it. */
  readonly #calls = new Map<number, AbortController | undefined>()
  readonly #abort = () => this.#handle?.cancel()
  /** The first error of a callback that belongs to no call. It decides how the run ends. */
  #failure: { error: unknown } | undefined
  #ended = false
  /** The caller's budget object, with what the engine knows to be in it. */
  readonly #budget: { readonly state: WorkflowBudgetState; spent: number; total: number | null } | undefined

  constructor(
    options: Options,
    native: NativeRunOptions,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    durability?: Durability,
  ) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    try {
      const store = durability?.store as NativeStore | undefined
      this.#handle = startRun(native, (batch) => this.#dispatch(batch), store, durability?.wish)
    } catch (error) {
      reject(fromNativeThrow(error))
      return
    }
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    const state = options.budgetState
    if (state) {
      this.#budget = { state, spent: state.spent, total: native.budgetTotal ?? null }
      const runs = sharers.get(state) ?? new Set()
      sharers.set(state, runs.add(this))
    }
  }

  cancel(): void {
    this.#handle?.cancel()
  }

  leave(): void {
    this.#handle?.leave()
  }

  /** Takes a batch of messages. Nothing may leave this function: there is nobody to catch it. */
  #dispatch(batch: string): void {
    this.#hearOfBudget()
    for (const message of JSON.parse(batch) as Message[]) {
      try {
        this.#take(message)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** A callback that is only told something has thrown, or rejected: the run is over, with that error. */
  #fail(error: unknown): void {
    if (this.#ended) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      process.emitWarning(`a callback rejected after the run was over: ${text}`, {
        type: 'WorkflowWarning',
        code: 'WARN_CALLBACK_FAILED',
      })
    } else if (!this.#failure) {
      this.#failure = { error }
      this.#handle?.cancel()
    }
  }

  /** Calls a callback whose answer nobody waits for, and hears of its failure all the same. */
  #tell(result: unknown): void {
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return
    void Promise.resolve(result).catch((error: unknown) => this.#fail(error))
  }

  #take(message: Message): void {
    switch (message.k) {
      case 'agent':
        void this.#answer(message)
        return
      case 'abort':
        for (const call of message.calls) {
          this.#calls.get(call)?.abort()
          this.#calls.delete(call)
        }
        return
      case 'event':
        this.#event(message.event)
        return
      case 'charged':
        this.#charge(message.charged)
        return
      case 'end':
        this.#end(message)
        return
    }
  }

  #charge(charged: number): void {
    const known = this.#budget
    if (!known) return
    this.#hearOfBudget()
    known.state.spent += charged
    known.spent = known.state.spent
    for (const other of sharers.get(known.state) ?? []) other.#hearOfBudget()
  }

  /** Tells the engine what others have done to the budget object: the caller, or another run over the same object. */
  #hearOfBudget(): void {
    const known = this.#budget
    if (!known) return
    const { spent, total } = known.state
    const more = spent - known.spent
    // What is no number says nothing, as in the original.
    const limit = total === null || Number.isFinite(total) ? total : known.total
    if (!Number.isFinite(more) || (more === 0 && limit === known.total)) return
    this.#handle?.changeBudget(more, limit !== known.total, limit)
    known.spent = spent
    known.total = limit
  }

  #event(event: WorkflowEvent): void {
    const { onEvent, onLog, onPhase } = this.#options
    // After a callback has thrown, the run only winds down.
    if (this.#failure) return
    this.#tell(onEvent?.(event))
    if (event.type === 'log') {
      if (event.level === 'log') this.#tell(onLog?.(...event.values))
      else if (!onEvent) process.stderr.write(`${event.values.map(formatLogValue).join(' ')}\n`)
    } else if (event.type === 'phase') {
      this.#tell(onPhase?.(event.name as string, event.options))
    } else if (event.type === 'warning' && !onEvent) {
      process.emitWarning(event.message, { type: 'WorkflowWarning', code: event.code })
    }
  }

  /** Answers one agent call by the user's handler or provider, whatever that does. */
  async #answer(message: AgentMessage): Promise<void> {
    const { call, prompt, options } = message
    const { onAgent, agentProvider, providers } = this.#options
    this.#calls.set(call, undefined)
    try {
      const provider = message.provider === undefined ? agentProvider : providers?.[message.provider]
      const result = onAgent
        ? normalizeHandlerResult(await onAgent(prompt as string, options as AgentRunOptions | undefined))
        : await this.#runProvider(provider as AgentProvider, message)
      // The original reads this first, and fails with these words of V8's if there is no object to read it from.
      const usage = result.usage
      const { sessionId, raw } = result
      const extra =
        usage === undefined && sessionId === undefined && raw === undefined
          ? undefined
          : JSON.stringify({ usage, sessionId, raw })
      this.#hearOfBudget()
      this.#handle?.answer(call, JSON.stringify(result.output) as string | undefined, extra)
    } catch (error) {
      this.#thrown.set(call, error)
      this.#hearOfBudget()
      this.#handle?.fail(call, describeThrown(error), rawOf(error))
    } finally {
      this.#calls.delete(call)
    }
  }

  #runProvider(
    provider: AgentProvider,
    { call, prompt, options, cwd, session }: AgentMessage,
  ): Promise<AgentProviderResult> {
    const context: AgentProviderContext = {
      phase: options?.phase as string,
      key: options?.key as string,
      ...(cwd !== undefined && { cwd }),
      ...(session !== undefined && { sessionId: session }),
    }
    // Not enumerable: providers that log or compare their context see what they have always seen. The signal is made
    // when somebody looks at it.
    Object.defineProperties(context, {
      report: {
        configurable: true,
        value: (progress: AgentProgress) => this.#report(call, progress),
      },
      signal: {
        configurable: true,
        get: () => {
          let controller = this.#calls.get(call)
          if (!controller) {
            controller = new AbortController()
            if (this.#calls.has(call)) this.#calls.set(call, controller)
            else controller.abort()
          }
          return controller.signal
        },
      },
    })
    const input =
      options === undefined ? { prompt, context } : { prompt, options: options ?? undefined, context }
    return provider.run(input as Parameters<AgentProvider['run']>[0])
  }

  #report(call: number, progress: AgentProgress): void {
    try {
      this.#handle?.progress(call, JSON.stringify(progress) as string | undefined ?? 'null')
    } catch (error) {
      throw new TypeError(`report(): ${(error as Error).message}`)
    }
  }

  #end(end: Extract<Message, { k: 'end' }>): void {
    const { signal } = this.#options
    this.#ended = true
    if (this.#budget) sharers.get(this.#budget.state)?.delete(this)
    signal?.removeEventListener('abort', this.#abort)
    for (const controller of this.#calls.values()) controller?.abort()
    this.#calls.clear()
    if (end.dropped > 0) {
      process.emitWarning(`${end.dropped} log lines were dropped: they came faster than they were taken`, {
        type: 'WorkflowWarning',
        code: 'WARN_LOG_DROPPED',
      })
    }
    if (this.#failure) {
      this.#reject(callbackFailed(this.#failure.error))
    } else if (end.error) {
      this.#reject(toWorkflowError(end.error, this.#thrown, signal?.reason))
    } else {
      this.#resolve(end.value)
    }
  }
}

/** What a provider wants kept of an attempt that has failed, as JSON. */
function rawOf(error: unknown): string | undefined {
  const raw = error instanceof Error ? (error as { raw?: unknown }).raw : undefined
  try {
    return JSON.stringify(raw) as string | undefined
  } catch {
    // It is for looking at. That it is no JSON must not hide the error.
    return undefined
  }
}

/** The error of a run whose `onLog`, `onPhase` or `onEvent` threw. */
function callbackFailed(error: unknown): WorkflowError {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new WorkflowError(text, { code: 'ERR_CALLBACK_FAILED', cause: error })
}

/**
 * What a handler returned: an object with `output` and at least one of `usage`, `sessionId`, `raw` is a full result,
 * anything else is the output itself.
 */
function normalizeHandlerResult(value: unknown): AgentProviderResult {
  const full =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    'output' in value &&
    ('usage' in value || 'sessionId' in value || 'raw' in value)
  return full ? (value as AgentProviderResult) : { output: value }
}
