/**
 * Which options the functions of this package take, and of which type: what TypeScript checks for some callers, checked
 * for all.
 *
 * @module
 */

import type { EngineStoreLimits } from './engine-types.js'
import { WorkflowError } from './errors.js'
import type { ListWorkflowsOptions } from './list.js'
import type { RunWorkflowOptions, RunWorkflowSourceOptions, WorkflowLimits } from './types.js'

/** What `typeof` says of an option. */
export type Kind = 'string' | 'number' | 'boolean' | 'function' | 'object' | 'any'
type Known = keyof RunWorkflowOptions | keyof RunWorkflowSourceOptions

const OPTIONS: Record<Known, Kind> = {
  // `scriptPath` is Node's to check: its error is the one that callers know.
  scriptPath: 'any',
  args: 'any',
  agentProvider: 'object',
  providers: 'object',
  onAgent: 'function',
  onLog: 'function',
  onPhase: 'function',
  // The budget takes whatever the original takes: what is no finite number is no limit.
  budgetTotal: 'any',
  budgetState: 'object',
  nestingDepth: 'number',
  signal: 'object',
  onEvent: 'function',
  maxParallelAgents: 'number',
  maxAgents: 'number',
  budgetMode: 'string',
  onAgentError: 'string',
  cancelGraceMs: 'number',
  maxSleepMs: 'number',
  maxDepth: 'number',
  cwd: 'string',
  imports: 'string',
  limits: 'object',
  worktree: 'object',
  source: 'string',
  scriptName: 'string',
}

const STORE = { path: 'string', synchronous: 'string', create: 'boolean', readOnly: 'boolean', limits: 'object' } as const
const STORE_LIMITS: Record<keyof EngineStoreLimits, Kind> = {
  sourceBytes: 'number',
  argsBytes: 'number',
  resultBytes: 'number',
  entryBytes: 'number',
}

/** What does not hold for all runs of an engine. */
const ONE_RUN = ['scriptPath', 'source', 'scriptName', 'args', 'signal', 'budgetState']

function without(names: readonly string[]): Record<string, Kind> {
  return Object.fromEntries(Object.entries(OPTIONS).filter(([name]) => !names.includes(name)))
}

/** Refuses options of `createEngine` that nobody knows. */
export function checkEngineOptions(options: object): void {
  check(options, { ...without(ONE_RUN), store: 'any', wake: 'string', keepOutput: 'boolean' }, 'createEngine()', '')
  const { wake } = options as { wake?: string | null }
  if (wake !== undefined && wake !== null && wake !== 'own' && wake !== 'all') {
    throw refuse('wake', `must be "own" or "all", got ${shown(wake)}`)
  }
  const { store } = options as { store?: unknown }
  if (store === undefined || store === null || typeof store === 'string') return
  if (typeof store !== 'object') throw refuse('store', `must be a path or an object, got ${shown(store)}`)
  check(store, STORE, 'store', 'store.')
  const { limits } = store as { limits?: object | null }
  if (limits === undefined || limits === null) return
  check(limits, STORE_LIMITS, 'store.limits', 'store.limits.')
  for (const [name, size] of Object.entries(limits)) {
    if (size !== undefined && size !== null && !(Number.isSafeInteger(size) && size > 0)) {
      throw refuse(`store.limits.${name}`, `must be a positive whole number of bytes, got ${size}`)
    }
  }
}

/** The same for `engine.run`. */
export function checkRunOptions(options: object): void {
  check(options, { ...without(['scriptPath', 'source', 'scriptName', 'budgetState']), runId: 'string', keepOutput: 'boolean' }, 'run()', '')
  checkRunId(options)
}

function checkRunId(options: object): void {
  const { runId } = options as { runId?: string }
  if (runId === '') throw refuse('runId', 'must not be empty')
}

/** The same for `engine.resume`. */
export function checkResumeOptions(options: object): void {
  const { args: _, ...known } = AGAIN
  checkAgain(options, { ...known, retryFailed: 'any' }, 'resume()')
}

/** The same for `engine.fork`. */
export function checkForkOptions(options: object): void {
  checkAgain(options, { ...AGAIN, runId: 'string' }, 'fork()')
  checkRunId(options)
}

const AGAIN: Record<string, Kind> = { ...without(['budgetState']), drift: 'string', from: 'any', keepOutput: 'boolean' }

function checkAgain(options: object, known: Record<string, Kind>, owner: string): void {
  check(options, known, owner, '')
  const { drift, from, scriptPath, source } = options as { drift?: string; from?: unknown; scriptPath?: unknown; source?: unknown }
  if (scriptPath !== undefined && source !== undefined) {
    throw refuse('source', 'leave either this or scriptPath out: there is one changed script')
  }
  const isCall = typeof from === 'number' && Number.isSafeInteger(from) && from >= 0
  if (from !== undefined && typeof from !== 'string' && !isCall) {
    throw refuse('from', `must be the number of a call or the title of a phase, got ${typeof from === 'number' ? from : shown(from)}`)
  }
  if (drift !== undefined && !['fail', 'match', 'prefix'].includes(drift)) {
    throw refuse('drift', `must be "fail", "match" or "prefix", got ${shown(drift)}`)
  }
}

const LIMITS: Record<keyof WorkflowLimits, Kind> = {
  memoryBytes: 'number',
  stackBytes: 'number',
  cpuMs: 'number',
  sourceBytes: 'number',
  pendingCalls: 'number',
  pendingBytes: 'number',
  logBytes: 'number',
}

const LIST_OPTIONS: Record<keyof ListWorkflowsOptions, Kind> = { cwd: 'string' }

/**
 * Refuses options that nobody knows, and values that cannot be meant.
 *
 * @throws WorkflowError `ERR_INVALID_OPTION`, with the known options in the message
 */
export function checkOptions(options: object): void {
  check(options, OPTIONS, 'runWorkflow()', '')
  const limits: unknown = (options as { limits?: unknown }).limits
  if (typeof limits === 'object' && limits !== null) check(limits, LIMITS, 'limits', 'limits.')
}

/** The same for `listWorkflows`. */
export function checkListOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw refuse('options', `must be an object, got ${shown(options)}`)
  check(options, LIST_OPTIONS, 'listWorkflows()', '')
}

/**
 * The same for the options of another function.
 *
 * @throws WorkflowError `ERR_INVALID_OPTION`
 */
export function checkKnown(options: object, known: Record<string, Kind>, owner: string): void {
  check(options, known, owner, '')
}

function check(options: object, known: Record<string, Kind>, owner: string, prefix: string): void {
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined
    if (kind === undefined) {
      throw refuse(prefix + name, `${owner} does not know this option; it knows ${Object.keys(known).join(', ')}`)
    }
    // `null` is "not given", as in the original; for a state or a limit too.
    if (kind === 'any' || value === undefined || value === null) continue
    if (typeof value !== kind) throw refuse(prefix + name, `must be ${article(kind)}, got ${shown(value)}`)
  }
}

function refuse(option: string, message: string): WorkflowError {
  return new WorkflowError(`${option}: ${message}`, { code: 'ERR_INVALID_OPTION', details: { option } })
}

function article(kind: Kind): string {
  return `${kind === 'object' ? 'an' : 'a'} ${kind}`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `the string ${JSON.stringify(value)}` : `a value of type ${typeof value}`
}
