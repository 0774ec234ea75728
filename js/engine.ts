/**
 * `createEngine`: durable runs over the native engine and its store.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'

import type {
  AttemptOutput,
  DeletedRuns,
  Engine,
  EngineForkOptions,
  EngineOptions,
  EngineResumeOptions,
  EngineRunOptions,
  EngineStoreOptions,
  Run,
  RunFilter,
  RunInspection,
  RunSource,
  RunSummary,
} from './engine-types.js'
import { CancelledError, fromNativeThrow, type NativeError, toWorkflowError, WorkflowError } from './errors.js'
import { NativeStore } from './native.js'
import { checkEngineOptions, checkForkOptions, checkOptions, checkResumeOptions, checkRunOptions } from './options.js'
import { launch, type Launched } from './run.js'
import { isFinal, isInterrupted } from './status.js'
import type { RunWorkflowOptions, RunWorkflowSourceOptions, WorkflowBudgetState, WorkflowEvent } from './types.js'
import { LOOK_MS as SURVEY_MS, Waker } from './waker.js'

/** Options that are kept with a run, so that it goes on as it began. */
const KEPT = [
  'budgetTotal',
  'budgetMode',
  'onAgentError',
  'maxParallelAgents',
  'maxAgents',
  'cancelGraceMs',
  'maxSleepMs',
  'maxDepth',
  'cwd',
  'imports',
  'limits',
  'worktree',
  'keepOutput',
] as const satisfies readonly (keyof EngineRunOptions)[]

/** Those that may be infinite, which JSON cannot say. */
const NUMBERS: readonly string[] = ['budgetTotal', 'maxParallelAgents', 'maxAgents', 'maxSleepMs'] satisfies readonly (typeof KEPT)[number][]

/** Events that are read at once. */
const PAGE = 500
/** How often a run of another process is looked at. */
const LOOK_MS = 250
/** The same while it is suspended, and one of this engine's that another is at work on. */
const SUSPENDED_LOOK_MS = 1_000
/** So many parked runs are woken at once: each one replays, and there may be thousands that are due. */
const WAKES_AT_ONCE = 8

type Options = (RunWorkflowOptions | RunWorkflowSourceOptions) & Pick<EngineRunOptions, 'keepOutput'>

/** A run that this engine is at work on, or that it has parked. */
class Active {
  readonly run: DurableRun
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** What it is woken with, beside what holds for the engine. */
  options: Partial<Options>
  /** Whom to tell that there may be something new; absent while there is nobody. */
  wake: Set<() => void> | undefined = undefined
  /** Absent while nobody here is at work on it. */
  launched: Launched | undefined = undefined
  parked = false
  /** Somebody has asked for its result. */
  awaited = false
  /** Somebody wants it cancelled. */
  cancelled = false
  /** Hears of the signal while it is parked. */
  onAbort: (() => void) | undefined = undefined

  constructor(id: string, options: Partial<Options>, runs: Runs) {
    this.options = options
    let settle: Pick<Active, 'resolve' | 'reject'> | undefined
    const result = new Promise<unknown>((resolve, reject) => (settle = { resolve, reject }))
    const { resolve, reject } = settle as unknown as Pick<Active, 'resolve' | 'reject'>
    this.resolve = resolve
    this.reject = reject
    this.run = new DurableRun(this, id, result, runs)
  }
}

/** What all runs of an engine have in common. */
type Runs = Pick<Engine, 'events' | 'inspect'> & {
  usage: (active: Active) => Promise<WorkflowBudgetState>
  cancel: (active: Active, reason?: string) => Promise<void>
  awaited: (active: Active) => void
}

const ignore = (): void => {}

/** A run, whoever is at work on it. There may be very many that are parked. */
class DurableRun implements Run {
  readonly id: string
  readonly #active: Active
  readonly #runs: Runs
  readonly #result: Promise<unknown>

  constructor(active: Active, id: string, result: Promise<unknown>, runs: Runs) {
    this.id = id
    this.#active = active
    this.#runs = runs
    this.#result = result
    // Whoever wants to know of a failure looks at `result` himself.
    result.catch(ignore)
  }

  get result(): Promise<unknown> {
    if (!this.#active.awaited) {
      this.#active.awaited = true
      this.#runs.awaited(this.#active)
    }
    return this.#result
  }

  events(from?: { from?: number }): AsyncIterableIterator<WorkflowEvent> {
    return this.#runs.events(this.id, { ...from, follow: true })
  }

  inspect(): Promise<RunInspection> {
    return this.#runs.inspect(this.id)
  }

  usage(): Promise<WorkflowBudgetState> {
    return this.#runs.usage(this.#active)
  }

  cancel(reason?: string): Promise<void> {
    return this.#runs.cancel(this.#active, reason)
  }
}

/**
 * An engine whose runs are durable: each step is written to a store before the workflow sees it. A run whose process has
 * ended, in whatever way, goes on where it was by `resume`.
 *
 * @throws WorkflowError `ERR_INVALID_OPTION`, or `ERR_STORE_…` if the store cannot be opened
 */
export function createEngine(options: EngineOptions = {}): Engine {
  checkEngineOptions(options)
  return new DurableEngine(options)
}

class DurableEngine implements Engine {
  readonly #defaults: Omit<EngineOptions, 'store'>
  readonly #store: NativeStore
  /** The runs that this engine is at work on, or has parked. */
  readonly #active = new Map<string, Active>()
  /** Whether it wakes what others have parked, too. */
  readonly #wakesAll: boolean
  readonly #waker: Waker
  /** Parked runs, and those among them whose result somebody waits for. */
  #parked = 0
  #holding = 0
  /** Parked runs that are to be woken, in this order, and how many are being woken. */
  readonly #due = new Set<string>()
  #waking = 0
  /** Those that somebody else is at work on. */
  readonly #elsewhere = new Set<Active>()
  /** Runs of others that cannot be woken here. */
  readonly #refused = new Set<string>()
  #surveyed = Date.now()
  #closed = false

  readonly #runs: Runs = {
    events: (id, options) => this.events(id, options),
    inspect: (id) => this.inspect(id),
    usage: async ({ run, options }) => ({
      total: options.budgetTotal ?? this.#defaults.budgetTotal ?? null,
      spent: (await this.inspect(run.id)).spent,
    }),
    cancel: async (active, reason) => {
      active.cancelled = true
      if (active.launched) active.launched.cancel()
      else await this.cancel(active.run.id, reason)
    },
    awaited: (active) => {
      if (!active.parked) return
      this.#holding++
      this.#waker.refresh()
    },
  }

  constructor({ store, wake, ...defaults }: EngineOptions) {
    const { path, readOnly, ...how }: EngineStoreOptions = typeof store === 'string' ? { path: store } : (store ?? {})
    const file = path ?? process.env['SMOL_WF_DB'] ?? join(defaults.cwd ?? '.', '.smol', 'runs.db')
    this.#defaults = defaults
    try {
      const create = how.create ?? !readOnly
      this.#store = new NativeStore(resolve(file), JSON.stringify({ ...how, create, readOnly }))
    } catch (error) {
      throw fromNativeThrow(error)
    }
    const answers = defaults.onAgent !== undefined || defaults.agentProvider !== undefined
    this.#wakesAll = readOnly !== true && (wake == null ? answers : wake === 'all')
    this.#waker = new Waker({
      look: () => this.#look(),
      watches: () => this.#wakesAll || this.#parked > 0,
      holds: () => this.#holding > 0,
    })
    if (this.#wakesAll) this.#waker.expect(Date.now())
  }

  async run(source: RunSource, options: EngineRunOptions = {}): Promise<Run> {
    checkRunOptions(options)
    const { runId, ...rest } = options
    const id = runId ?? madeUp()
    const where = typeof source === 'string' ? { scriptPath: source } : source
    const known = this.#active.get(id)
    if (known) return known.run
    return this.#launch(id, { ...given(rest), ...where }, undefined)
  }

  async resume(id: string, wanted: EngineResumeOptions = {}): Promise<Run> {
    checkResumeOptions(wanted)
    this.#refuseActive(id)
    return this.#again(id, id, wanted, {})
  }

  async fork(of: string, options: EngineForkOptions = {}): Promise<Run> {
    checkForkOptions(options)
    const { runId, ...wanted } = options
    const id = runId ?? madeUp()
    if (this.#active.has(id)) throw new WorkflowError(`there is a run ${id} already`, { code: 'ERR_RUN_CONFLICT' })
    return this.#again(id, of, wanted, { forkOf: of, newArgs: wanted.args !== undefined })
  }

  /** Goes on in the run `id` with what the journal of the run `of` tells. */
  async #again(id: string, of: string, wanted: EngineForkOptions & EngineResumeOptions, how: object): Promise<Run> {
    const { drift, retryFailed, from, scriptPath, source, scriptName, ...rest } = wanted
    const { script, options } = JSON.parse(await asked(this.#store.inspect(of))) as {
      script: string
      options: Record<string, unknown>
    }
    const kept = Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, NUMBERS.includes(name) ? Number(value) : value]),
    ) as Partial<RunWorkflowOptions>
    const newSource = scriptPath !== undefined || source !== undefined
    // The run's own source is in the store.
    const where = scriptPath !== undefined ? { scriptPath } : { source: source ?? '', scriptName: scriptName ?? script }
    const resume = { drift, retryFailed: retryFailed === true, from, newSource, ...how }
    // It may have been taken up meanwhile.
    this.#refuseActive(id)
    const known = this.#active.get(id)
    const { scriptPath: _, source: __, scriptName: ___, ...before } = known?.options ?? ({} as Partial<Options>)
    const own = { ...kept, ...before, ...given(rest), ...where } as Partial<Options>
    return this.#launch(id, own, resume, known && this.#unparked(known))
  }

  #refuseActive(id: string): void {
    if (this.#active.get(id)?.parked !== false) return
    throw new WorkflowError(`run ${id} is owned by this process, which is running it`, { code: 'ERR_RUN_OWNED' })
  }

  async recover(options: EngineResumeOptions = {}): Promise<Run[]> {
    const now = Date.now()
    const orphans = JSON.parse(await asked(this.#store.orphans(now))) as RunSummary[]
    const { due } = await this.#wakes(now)
    const ids = [...orphans, ...due].map(({ id }) => id).filter((id) => this.#active.get(id)?.parked !== false)
    const runs: Run[] = []
    // A few at a time: each one replays, and there may be thousands.
    const lane = async () => {
      for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
        try {
          runs.push(await this.resume(id, options))
        } catch (error) {
          // Somebody else was faster, which is all right.
          if (['ERR_RUN_OWNED', 'ERR_RUN_FINISHED'].includes((error as { code?: string }).code ?? '')) continue
          const { run, reject } = new Active(id, {}, this.#runs)
          reject(error)
          runs.push(run)
        }
      }
    }
    await Promise.all(Array.from({ length: WAKES_AT_ONCE }, lane))
    return runs
  }

  async #wakes(now: number): Promise<{ due: RunSummary[]; next: number | null }> {
    return JSON.parse(await asked(this.#store.wakes(now))) as { due: RunSummary[]; next: number | null }
  }

  /** `known`: it was parked by this engine, and goes on as the same run. */
  async #launch(id: string, own: Partial<Options>, resume: object | undefined, known?: Active): Promise<Run> {
    if (this.#closed) throw new WorkflowError('the engine is closed', { code: 'ERR_STORE_CLOSED' })
    const options = { ...this.#defaults, ...own } as Options
    const active = known ?? new Active(id, own, this.#runs)
    const { run } = active
    const { onEvent } = options
    let begin: () => void = () => {}
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const watched: Options = {
      ...options,
      onEvent: (event) => {
        begin()
        tell(active)
        return onEvent?.(event)
      },
    }
    const host = Object.fromEntries(
      KEPT.flatMap((name) => (options[name] == null ? [] : [[name, NUMBERS.includes(name) ? String(options[name]) : options[name]]])),
    )
    // A signal that has fired would keep a parked run from being woken to clean up. The store knows of it.
    if (known && watched.signal?.aborted) delete watched.signal
    const { keepOutput, ...rest } = watched
    checkOptions(rest)
    const wish = JSON.stringify({ id, keepOutput: keepOutput ?? undefined, resume, host })
    const launched = launch(rest, { store: this.#store, wish })
    active.options = own
    active.launched = launched
    this.#active.set(id, active)
    launched.result.then(
      (value) => this.#over(active, () => active.resolve(value)),
      (error: unknown) => this.#stopped(active, error, known !== undefined),
    )
    // From here on it is in the store. What kept it from getting there is no outcome of the run; of one that was there
    // before, it is.
    await Promise.race([begun, launched.result.catch(known ? () => {} : notBegun)])
    return run
  }

  #over(active: Active, settle: () => void): void {
    if (this.#active.get(active.run.id) === active) this.#active.delete(active.run.id)
    settle()
    tell(active)
  }

  /** This engine is no longer at work on a run, for whatever reason. */
  #stopped(active: Active, error: unknown, woken: boolean): void {
    const { code, details } = error instanceof WorkflowError ? error : new WorkflowError('', { code: '' })
    if (this.#closed) {
      this.#over(active, () => active.reject(code === 'ERR_RUN_SUSPENDED' ? left(active.run.id) : error))
    } else if (code === 'ERR_RUN_SUSPENDED') {
      this.#park(active, details['until'] as number)
    } else if (woken && (code === 'ERR_RUN_OWNED' || code === 'ERR_RUN_FINISHED')) {
      void this.#taken(active)
    } else {
      this.#over(active, () => active.reject(withReason(error, active.options.signal)))
    }
  }

  /** The run has nothing to do before `until`; at the latest it is looked at then. */
  #park(active: Active, until: number): void {
    const { id } = active.run
    active.launched = undefined
    active.parked = true
    this.#parked++
    if (active.awaited) this.#holding++
    tell(active)
    // What it was given is in its store, and may be large.
    const { args: _, ...options } = active.options as Partial<RunWorkflowSourceOptions>
    if (options.source) options.source = ''
    active.options = options
    const { signal } = options
    if (active.cancelled || signal?.aborted) {
      void this.cancel(id).catch(() => {})
    } else if (signal) {
      active.onAbort = () => void this.cancel(id).catch(() => {})
      signal.addEventListener('abort', active.onAbort, { once: true })
    }
    this.#waker.expect(Math.min(until, Date.now() + SURVEY_MS))
    this.#waker.refresh()
  }

  /** The same run, no longer parked. */
  #unparked(active: Active): Active {
    active.parked = false
    this.#parked--
    if (active.awaited) this.#holding--
    if (active.onAbort) active.options.signal?.removeEventListener('abort', active.onAbort)
    active.onAbort = undefined
    // The next one, or the process, is kept from ending by the run itself from here on.
    this.#waker.refresh()
    return active
  }

  /** Wakes what is due, as far as it is this engine's to wake; gives when the next one is. */
  async #look(): Promise<number | null> {
    const now = Date.now()
    const { due, next } = await this.#wakes(now)
    for (const { id } of due) {
      const known = this.#active.get(id)
      if (known ? known.parked : this.#wakesAll && !this.#refused.has(id)) this.#due.add(id)
    }
    this.#wakeDue()
    for (const active of [...this.#elsewhere]) {
      this.#elsewhere.delete(active)
      if (active.parked) await this.#taken(this.#unparked(active))
    }
    if (this.#parked > 0 && now - this.#surveyed >= SURVEY_MS) {
      this.#surveyed = now
      await this.#survey()
    }
    return this.#wakesAll || this.#parked > 0 ? next : null
  }

  #wakeDue(): void {
    for (const id of this.#due) {
      if (this.#waking >= WAKES_AT_ONCE || this.#closed) return
      this.#due.delete(id)
      this.#waking++
      void this.#wakeOne(id).finally(() => {
        this.#waking--
        this.#wakeDue()
      })
    }
  }

  /** Never rejects. */
  async #wakeOne(id: string): Promise<void> {
    const known = this.#active.get(id)
    try {
      if (known === undefined) await this.resume(id)
      else if (known.parked) await this.#launch(id, known.options, { retryFailed: false, newSource: false }, this.#unparked(known))
    } catch (error) {
      if (known) this.#over(known, () => known.reject(error))
      // Somebody else was faster; else it is left to somebody who can.
      else if ((error as { code?: string }).code !== 'ERR_RUN_OWNED') this.#refused.add(id)
    }
  }

  /** Finds parked runs that somebody else has taken. */
  async #survey(): Promise<void> {
    const suspended = new Set(JSON.parse(await asked(this.#store.suspended())) as string[])
    for (const [id, active] of this.#active) {
      if (active.parked && !suspended.has(id)) await this.#taken(this.#unparked(active))
    }
  }

  /** Somebody else is at work on a run, or was. Its result is the same. */
  async #taken(active: Active): Promise<void> {
    const { id } = active.run
    try {
      const { status, result, error, wakeAt } = await this.inspect(id)
      if (status === 'suspended') this.#park(active, wakeAt ?? Infinity)
      else if (!isFinal(status)) {
        this.#elsewhere.add(active)
        this.#park(active, Date.now() + SUSPENDED_LOOK_MS)
      } else if (status === 'completed') this.#over(active, () => active.resolve(result))
      else this.#over(active, () => active.reject(toWorkflowError(error as NativeError, new Map(), active.options.signal?.reason)))
    } catch (error) {
      this.#over(active, () => active.reject(error))
    }
  }

  async list(filter: RunFilter = {}): Promise<RunSummary[]> {
    return JSON.parse(await asked(this.#store.list(wanted(filter)))) as RunSummary[]
  }

  async inspect(id: string): Promise<RunInspection> {
    const { options: _, ...run } = JSON.parse(await asked(this.#store.inspect(id))) as RunInspection & { options: unknown }
    return run
  }

  async *events(
    id: string,
    { from = 1, follow = false }: { from?: number; follow?: boolean } = {},
  ): AsyncIterableIterator<WorkflowEvent> {
    let next = from
    for (;;) {
      // Looked at first: what is written by the time that the run is seen to be over is all there is.
      const { status, lastSeq, owner } = await this.inspect(id)
      const interrupted = isInterrupted({ status, owner }) && !this.#active.has(id)
      for (;;) {
        const page = JSON.parse(await asked(this.#store.events(id, next, PAGE))) as { events: WorkflowEvent[]; next: number }
        yield* page.events
        if (page.next === next) break
        next = page.next
      }
      if (!follow || interrupted || (isFinal(status) && next > lastSeq)) return
      await this.#more(id, status === 'suspended' ? SUSPENDED_LOOK_MS : LOOK_MS)
    }
  }

  /** Waits until there may be something new. */
  async #more(id: string, atMost: number): Promise<void> {
    const active = this.#active.get(id)
    const wake = active && (active.wake ??= new Set())
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, atMost)
      function done(): void {
        clearTimeout(timer)
        wake?.delete(done)
        resolve()
      }
      wake?.add(done)
    })
  }

  async output(id: string, call: number): Promise<AttemptOutput[]> {
    if (!Number.isSafeInteger(call) || call < 0) {
      throw new WorkflowError(`call: must be the number of a call, got ${String(call)}`, {
        code: 'ERR_INVALID_OPTION',
        details: { option: 'call' },
      })
    }
    return JSON.parse(await asked(this.#store.output(id, call))) as AttemptOutput[]
  }

  async cancel(id: string, reason = 'user'): Promise<RunSummary> {
    const run = await this.#requestCancel(id, reason)
    if (run.status !== 'suspended') return run
    // Nobody is at work on it, so nobody would hear of it: its scripts are woken to clean up.
    const known = this.#active.get(id)
    try {
      if (known?.launched) known.launched.cancel()
      else if (known) await this.#wakeOne(id)
      const { result } = known?.run ?? (await this.resume(id))
      await result.catch(() => {})
    } catch (error) {
      // Somebody else has taken it meanwhile, and hears of it.
      if (!['ERR_RUN_OWNED', 'ERR_RUN_FINISHED'].includes((error as { code?: string }).code ?? '')) throw error
    }
    return this.#requestCancel(id, reason)
  }

  async #requestCancel(id: string, reason: string): Promise<RunSummary> {
    return JSON.parse(await asked(this.#store.requestCancel(id, reason, Date.now()))) as RunSummary
  }

  async delete(which: readonly string[] | RunFilter, { dryRun = false } = {}): Promise<DeletedRuns> {
    const what = Array.isArray(which) ? JSON.stringify({ ids: which }) : wanted(which as RunFilter)
    return JSON.parse(await asked(this.#store.delete(what, dryRun, Date.now()))) as DeletedRuns
  }

  async verify(): Promise<string[]> {
    return JSON.parse(await asked(this.#store.verify())) as string[]
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#waker.stop()
    const active = [...this.#active.values()]
    for (const each of active) {
      if (each.launched) each.launched.leave()
      else this.#over(each.parked ? this.#unparked(each) : each, () => each.reject(left(each.run.id)))
    }
    await Promise.allSettled(active.map(({ run }) => run.result))
    await asked(this.#store.close())
  }
}

/** Without what is not given: it must not hide what is. */
function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}

function wanted({ status, ...filter }: RunFilter): string {
  return JSON.stringify({ ...filter, status: status === undefined ? [] : [status].flat() })
}

/** Begins with the time, so that ids sort by it. */
function madeUp(): string {
  return `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`
}

/** Tells whoever follows the events of a run that there may be more. */
function tell({ wake }: Active): void {
  for (const waiting of wake ?? []) waiting()
}

/** A run that was cancelled while it was parked has not heard of the signal itself. */
function withReason(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof CancelledError) || !signal?.aborted || error.cause !== undefined) return error
  const { code, details } = error
  return new CancelledError(error.message, { code, details, cause: signal.reason })
}

/** The error of a run that was parked when its engine was closed. */
function left(id: string): WorkflowError {
  const hint = 'resume it: it goes on where it was'
  return new WorkflowError(`the engine was closed while run ${id} was suspended`, { code: 'ERR_RUN_LEFT', details: { hint } })
}

/** Passes on an error for which there is no run, or none that this process may touch. */
function notBegun(error: unknown): void {
  const code = error instanceof WorkflowError ? error.code : ''
  if (!['ERR_RUN_FAILED', 'ERR_RUN_CANCELLED', 'ERR_RUN_SUSPENDED'].includes(code)) throw error
}

async function asked(promise: Promise<string>): Promise<string> {
  try {
    return await promise
  } catch (error) {
    throw fromNativeThrow(error)
  }
}
