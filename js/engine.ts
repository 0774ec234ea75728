/**
 * `createEngine`: durable runs over the native engine and its store.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'

import type {
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
import { fromNativeThrow, WorkflowError } from './errors.js'
import { NativeStore } from './native.js'
import { checkEngineOptions, checkForkOptions, checkOptions, checkResumeOptions, checkRunOptions } from './options.js'
import { launch, type Launched } from './run.js'
import type { RunWorkflowOptions, RunWorkflowSourceOptions, WorkflowBudgetState, WorkflowEvent } from './types.js'

/** Options that are kept with a run, so that it goes on as it began. */
const KEPT = [
  'budgetTotal',
  'budgetMode',
  'onAgentError',
  'maxParallelAgents',
  'maxAgents',
  'cancelGraceMs',
  'maxDepth',
  'cwd',
  'imports',
  'limits',
  'worktree',
] as const satisfies readonly (keyof RunWorkflowOptions)[]

/** Those that may be infinite, which JSON cannot say. */
const NUMBERS: readonly string[] = ['budgetTotal', 'maxParallelAgents', 'maxAgents'] satisfies readonly (typeof KEPT)[number][]

/** Events that are read at once. */
const PAGE = 500
/** How often a run of another process is looked at. */
const LOOK_MS = 250

const FINAL = ['completed', 'failed', 'cancelled']
/** Somebody is at work on it, or was killed while he was. */
const UNDER_WAY = ['running', 'cancelling']

type Options = RunWorkflowOptions | RunWorkflowSourceOptions

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
  /** The runs that this engine is at work on. */
  readonly #active = new Map<string, { run: Run; launched: Launched; wake: Set<() => void> }>()
  #closed = false

  constructor({ store, ...defaults }: EngineOptions) {
    const { path, readOnly, ...how }: EngineStoreOptions = typeof store === 'string' ? { path: store } : (store ?? {})
    const file = path ?? process.env['SMOL_WF_DB'] ?? join(defaults.cwd ?? '.', '.smol', 'runs.db')
    this.#defaults = defaults
    try {
      const create = how.create ?? !readOnly
      this.#store = new NativeStore(resolve(file), JSON.stringify({ ...how, create, readOnly }))
    } catch (error) {
      throw fromNativeThrow(error)
    }
  }

  async run(source: RunSource, options: EngineRunOptions = {}): Promise<Run> {
    checkRunOptions(options)
    const { runId, ...rest } = options
    const id = runId ?? madeUp()
    const where = typeof source === 'string' ? { scriptPath: source } : source
    const known = this.#active.get(id)
    if (known) return known.run
    return this.#launch(id, { ...this.#defaults, ...given(rest), ...where } as Options, undefined)
  }

  async resume(id: string, wanted: EngineResumeOptions = {}): Promise<Run> {
    checkResumeOptions(wanted)
    if (this.#active.has(id)) {
      throw new WorkflowError(`run ${id} is owned by this process, which is running it`, { code: 'ERR_RUN_OWNED' })
    }
    return this.#again(id, id, wanted, {})
  }

  async fork(of: string, options: EngineForkOptions = {}): Promise<Run> {
    checkForkOptions(options)
    const { runId, ...wanted } = options
    return this.#again(runId ?? madeUp(), of, wanted, { forkOf: of, newArgs: wanted.args !== undefined })
  }

  /** Goes on in the run `id` with what the journal of the run `of` tells. */
  async #again(id: string, of: string, wanted: EngineResumeOptions, how: object): Promise<Run> {
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
    return this.#launch(id, { ...this.#defaults, ...kept, ...given(rest), ...where } as Options, resume)
  }

  async recover(options: EngineResumeOptions = {}): Promise<Run[]> {
    const orphans = JSON.parse(await asked(this.#store.orphans(Date.now()))) as RunSummary[]
    const taken = orphans.filter(({ id }) => !this.#active.has(id)).map(async ({ id }) => {
      try {
        return await this.resume(id, options)
      } catch (error) {
        // Somebody else was faster, which is all right.
        if (error instanceof WorkflowError && error.code === 'ERR_RUN_OWNED') return undefined
        return this.#handle(id, Promise.reject(error), null, () => {})
      }
    })
    return (await Promise.all(taken)).filter((run) => run !== undefined)
  }

  /** A run as whoever started it holds it. */
  #handle(id: string, result: Promise<unknown>, total: number | null, cancel: () => void): Run {
    // Whoever wants to know of a failure looks at `result` himself.
    result.catch(() => {})
    return {
      id,
      result,
      events: (from) => this.events(id, { ...from, follow: true }),
      inspect: () => this.inspect(id),
      usage: () => this.#usage(id, total),
      cancel: async (reason) => {
        if (this.#active.has(id)) cancel()
        else await this.cancel(id, reason)
      },
    }
  }

  async #launch(id: string, options: Options, resume: object | undefined): Promise<Run> {
    if (this.#closed) throw new WorkflowError('the engine is closed', { code: 'ERR_STORE_CLOSED' })
    const wake = new Set<() => void>()
    const { onEvent } = options
    let begin: () => void = () => {}
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const watched: Options = {
      ...options,
      onEvent: (event) => {
        begin()
        for (const waiting of wake) waiting()
        return onEvent?.(event)
      },
    }
    checkOptions(watched)
    const host = Object.fromEntries(
      KEPT.flatMap((name) => (options[name] == null ? [] : [[name, NUMBERS.includes(name) ? String(options[name]) : options[name]]])),
    )
    const launched = launch(watched, { store: this.#store, wish: JSON.stringify({ id, resume, host }) })
    const result = launched.result.finally(() => {
      this.#active.delete(id)
      for (const waiting of wake) waiting()
    })
    const run = this.#handle(id, result, options.budgetTotal ?? null, () => launched.cancel())
    this.#active.set(id, { run, launched, wake })
    // From here on it is in the store. What kept it from getting there is no outcome of the run.
    await Promise.race([begun, result.catch(notBegun)])
    return run
  }

  async #usage(id: string, total: number | null): Promise<WorkflowBudgetState> {
    return { total, spent: (await this.inspect(id)).spent }
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
      const left = UNDER_WAY.includes(status) && owner?.alive !== true && !this.#active.has(id)
      for (;;) {
        const page = JSON.parse(await asked(this.#store.events(id, next, PAGE))) as { events: WorkflowEvent[]; next: number }
        yield* page.events
        if (page.next === next) break
        next = page.next
      }
      if (!follow || left || (FINAL.includes(status) && next > lastSeq)) return
      await this.#more(id)
    }
  }

  /** Waits until there may be something new. */
  async #more(id: string): Promise<void> {
    const wake = this.#active.get(id)?.wake
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, LOOK_MS)
      function done(): void {
        clearTimeout(timer)
        wake?.delete(done)
        resolve()
      }
      wake?.add(done)
    })
  }

  async cancel(id: string, reason = 'user'): Promise<RunSummary> {
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
    const active = [...this.#active.values()]
    for (const { launched } of active) launched.leave()
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

/** Passes on an error for which there is no run, or none that this process may touch. */
function notBegun(error: unknown): void {
  const code = error instanceof WorkflowError ? error.code : ''
  if (code !== 'ERR_RUN_FAILED' && code !== 'ERR_RUN_CANCELLED') throw error
}

async function asked(promise: Promise<string>): Promise<string> {
  try {
    return await promise
  } catch (error) {
    throw fromNativeThrow(error)
  }
}
