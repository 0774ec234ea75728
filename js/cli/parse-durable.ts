/**
 * The command lines about durable runs: `resume`, `fork`, `cancel`, `history`, `events`. Pure.
 *
 * @module
 */

import type { ReplayDrift, RunStatus } from '../engine-types.js'
import type { JSONValue, WorkflowArgs } from '../workflow-types.js'
import { type ArgToken, collectArgs, isArgFlag } from './args.js'
import type { HelpTopic } from './help.js'
import type { ParseContext } from './parse.js'
import { type Moment, parseBudget, parseCap, parseMoment, parsePositive, parseText, parseWord, splitToken, type Value } from './tokens.js'
import { UsageError } from './usage-error.js'

/** Which store is meant. Neither: that of the environment, or of the project. */
export type StoreChoice = {
  readonly db: string | undefined
  /** That of the user, whatever the project. */
  readonly global: boolean
}

/** How `run --durable` keeps a run. */
export type DurableChoice = {
  readonly store: StoreChoice
  /** `undefined`: made up. */
  readonly runId: string | undefined
  readonly synchronous: 'full' | 'normal' | undefined
  /** Whether what its agents print is kept. */
  readonly keepOutput: boolean
}

/** How the journal of a run is gone on with. */
export type Again = {
  readonly store: StoreChoice
  /** A changed script. */
  readonly source: string | undefined
  readonly drift: ReplayDrift | undefined
  /** A call by its number, or a phase. */
  readonly from: number | string | undefined
  readonly synchronous: 'full' | 'normal' | undefined
  readonly agentProvider: string | undefined
  readonly config: string | false | undefined
  /** As with `run`; `undefined`: as the run began. */
  readonly budgetTotal: number | undefined
  readonly maxParallelAgents: number | undefined
}

/** A run to go on with, or all whose processes are gone. */
export type ResumeCommand = Again & {
  readonly kind: 'resume'
  /** `undefined`: all. */
  readonly id: string | undefined
  readonly retryFailed: boolean
}

/** A run to copy. */
export type ForkCommand = Again & {
  readonly kind: 'fork'
  readonly id: string
  /** The id of the copy; `undefined`: made up. */
  readonly runId: string | undefined
  /** `undefined`: those of the run. */
  readonly args: WorkflowArgs | JSONValue | undefined
}

/** A run to cancel. */
export type CancelCommand = {
  readonly kind: 'cancel'
  readonly store: StoreChoice
  readonly id: string
  readonly reason: string | undefined
}

/** Runs to show as a table. */
export type HistoryCommand = {
  readonly kind: 'history'
  readonly store: StoreChoice
  readonly status: readonly RunStatus[]
  readonly name: string | undefined
  readonly since: Moment | undefined
  readonly limit: number | undefined
  readonly json: boolean
}

/** One run to show. */
export type ShowCommand = {
  readonly kind: 'history-show'
  readonly store: StoreChoice
  readonly id: string
  /** The call whose agent's output is wanted instead. */
  readonly output: number | undefined
  readonly json: boolean
}

/** Runs to delete: by their ids, or those that fit. */
export type DeleteCommand = {
  readonly kind: 'history-delete'
  readonly store: StoreChoice
  readonly ids: readonly string[]
  readonly status: readonly RunStatus[]
  readonly name: string | undefined
  /** Finished before. */
  readonly before: Moment | undefined
  readonly dryRun: boolean
}

/** The events of a run to print. */
export type EventsCommand = {
  readonly kind: 'events'
  readonly store: StoreChoice
  readonly id: string
  readonly from: number
  readonly follow: boolean
  readonly json: boolean
}

/** What these command lines ask for. */
export type DurableCommand =
  | ResumeCommand
  | ForkCommand
  | CancelCommand
  | HistoryCommand
  | ShowCommand
  | DeleteCommand
  | EventsCommand

type Help<Topic extends HelpTopic> = { readonly kind: 'help'; readonly topic: Topic }
type Env = Readonly<Record<string, string | undefined>>

const STATUSES = ['queued', 'running', 'suspended', 'cancelling', 'completed', 'failed', 'cancelled'] as const
const DRIFTS = ['fail', 'match', 'prefix'] as const
/** What a recorded step survives. */
export const SYNCHRONOUS = ['full', 'normal'] as const

/** What stands on a command line: what is no flag, the flags with values, and those without. */
type Typed = { words: string[]; values: Map<string, Value>; switches: Set<string>; args: ArgToken[] }

/** Reads tokens. `undefined`: help was asked for. */
function read(
  tokens: readonly string[],
  command: string,
  values: readonly string[],
  switches: readonly string[],
  takesArgs = false,
): Typed | undefined {
  const typed: Typed = { words: [], values: new Map(), switches: new Set(), args: [] }
  const known = ['--db', ...values]
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index] as string
    const { flag, value, used } = splitToken(token, tokens[index + 1])
    if (token === '--help' || token === '-h') return undefined
    if (token === '--global' || switches.includes(token)) {
      typed.switches.add(token)
      index += 1
    } else if (known.includes(flag)) {
      typed.values.set(flag, value)
      index += used
    } else if (takesArgs && isArgFlag(flag)) {
      typed.args.push({ flag, value })
      index += used
    } else if (token.startsWith('-')) {
      throw new UsageError(`Unknown option: ${token}`, `smol-wf ${command} --help lists the options`)
    } else {
      typed.words.push(token)
      index += 1
    }
  }
  return typed
}

/** Which store `--db` and `--global` mean. */
export function parseStore(db: Value | undefined, global: boolean): StoreChoice {
  if (db !== undefined && global) throw new UsageError('--db and --global name different stores: leave one of them out')
  return { db: db === undefined ? undefined : parseText('--db', db), global }
}

function storeOf({ values, switches }: Typed): StoreChoice {
  return parseStore(values.get('--db'), switches.has('--global'))
}

/** The value of a flag, read; `undefined` where it was not given. */
function given<T>({ values }: Typed, flag: string, parse: (flag: string, value: Value) => T): T | undefined {
  const value = values.get(flag)
  return value === undefined ? undefined : parse(flag, value)
}

function oneId({ words }: Typed, command: string): string {
  const [id, another] = words
  if (!id) throw new UsageError('Missing id of a run', `smol-wf history lists the runs; smol-wf ${command} <id>`)
  if (another !== undefined) throw new UsageError(`One run at a time: ${another} is too much`)
  return id
}

function parseStatuses(flag: string, value: Value): RunStatus[] {
  return parseText(flag, value)
    .split(',')
    .map((word) => parseWord(flag, word, STATUSES))
}

/** Flags of `resume` and `fork` that have a value. */
const AGAIN = ['--source', '--drift', '--from', '--synchronous', '--agent-provider', '--config', '--budget-allowance', '--max-parallel-agents']

function readAgain(typed: Typed, env: Env): Again {
  return {
    store: storeOf(typed),
    source: given(typed, '--source', parseText),
    drift: given(typed, '--drift', (flag, value) => parseWord(flag, value, DRIFTS)),
    from: given(typed, '--from', parsePoint),
    synchronous: given(typed, '--synchronous', (flag, value) => parseWord(flag, value, SYNCHRONOUS)),
    agentProvider: given(typed, '--agent-provider', (_, value) => String(value)) ?? env['SMOL_WF_AGENT_PROVIDER'],
    config: typed.switches.has('--no-config') ? false : given(typed, '--config', parseText),
    budgetTotal: given(typed, '--budget-allowance', parseBudget),
    maxParallelAgents: given(typed, '--max-parallel-agents', parseCap),
  }
}

/** A whole number is a call, all else a phase. */
function parsePoint(flag: string, value: Value): number | string {
  const text = parseText(flag, value)
  return /^\d+$/.test(text) ? Number(text) : text
}

/** The number of a call, as events give it. */
function parseCall(flag: string, value: Value): number {
  const text = parseText(flag, value)
  if (!/^\d+$/.test(text)) throw new UsageError(`${flag} must be the number of a call: ${text}`, 'smol-wf events <id> --json shows the calls of a run')
  return Number(text)
}

/** Reads what follows `fork`. Throws {@link UsageError}, or what reading a file throws. */
export function parseFork(tokens: readonly string[], { env, readFile }: ParseContext): ForkCommand | Help<'fork'> {
  const typed = read(tokens, 'fork', [...AGAIN, '--run-id'], ['--no-config'], true)
  if (typed === undefined) return { kind: 'help', topic: 'fork' }
  return {
    kind: 'fork',
    id: oneId(typed, 'fork'),
    runId: given(typed, '--run-id', parseText),
    args: collectArgs(typed.args, readFile),
    ...readAgain(typed, env),
  }
}

/** Reads what follows `resume`. Throws {@link UsageError}. */
export function parseResume(tokens: readonly string[], env: Env): ResumeCommand | Help<'resume'> {
  const typed = read(tokens, 'resume', AGAIN, ['--all', '--retry-failed', '--no-config'])
  if (typed === undefined) return { kind: 'help', topic: 'resume' }
  const { switches, words } = typed
  const all = switches.has('--all')
  if (all && words.length > 0) throw new UsageError(`Either --all or the id of a run: ${words[0]}`)
  for (const flag of ['--source', '--from']) {
    if (all && typed.values.has(flag)) throw new UsageError(`${flag} is for one run, not for --all`)
  }
  if (all && switches.has('--retry-failed')) {
    throw new UsageError('--retry-failed is for one run: --all takes up those whose processes are gone, and none that has failed')
  }
  return {
    kind: 'resume',
    id: all ? undefined : oneId(typed, 'resume'),
    retryFailed: switches.has('--retry-failed'),
    ...readAgain(typed, env),
  }
}

/** Reads what follows `cancel`. Throws {@link UsageError}. */
export function parseCancel(tokens: readonly string[]): CancelCommand | Help<'cancel'> {
  const typed = read(tokens, 'cancel', ['--reason'], [])
  if (typed === undefined) return { kind: 'help', topic: 'cancel' }
  return { kind: 'cancel', store: storeOf(typed), id: oneId(typed, 'cancel'), reason: given(typed, '--reason', parseText) }
}

/** Reads what follows `events`. Throws {@link UsageError}. */
export function parseEvents(tokens: readonly string[]): EventsCommand | Help<'events'> {
  const typed = read(tokens, 'events', ['--from'], ['--follow', '--json'])
  if (typed === undefined) return { kind: 'help', topic: 'events' }
  return {
    kind: 'events',
    store: storeOf(typed),
    id: oneId(typed, 'events'),
    from: given(typed, '--from', parsePositive) ?? 1,
    follow: typed.switches.has('--follow'),
    json: typed.switches.has('--json'),
  }
}

/** Reads what follows `history`. Throws {@link UsageError}. */
export function parseHistory(tokens: readonly string[]): HistoryCommand | ShowCommand | DeleteCommand | Help<'history'> {
  const [subcommand, ...rest] = tokens
  if (subcommand === 'show') return parseShow(rest)
  if (subcommand === 'delete') return parseDelete(rest)
  const typed = read(tokens, 'history', ['--status', '--name', '--since', '--limit'], ['--json'])
  if (typed === undefined) return { kind: 'help', topic: 'history' }
  const [word] = typed.words
  if (word !== undefined) throw new UsageError(`Unknown history subcommand: ${word}`, `smol-wf history show ${word} shows a run`)
  return {
    kind: 'history',
    store: storeOf(typed),
    status: given(typed, '--status', parseStatuses) ?? [],
    name: given(typed, '--name', parseText),
    since: given(typed, '--since', parseMoment),
    limit: given(typed, '--limit', parsePositive),
    json: typed.switches.has('--json'),
  }
}

function parseShow(tokens: readonly string[]): ShowCommand | Help<'history'> {
  const typed = read(tokens, 'history', ['--output'], ['--json'])
  if (typed === undefined) return { kind: 'help', topic: 'history' }
  return {
    kind: 'history-show',
    store: storeOf(typed),
    id: oneId(typed, 'history show'),
    output: given(typed, '--output', parseCall),
    json: typed.switches.has('--json'),
  }
}

function parseDelete(tokens: readonly string[]): DeleteCommand | Help<'history'> {
  const typed = read(tokens, 'history', ['--status', '--name', '--before'], ['--dry-run'])
  if (typed === undefined) return { kind: 'help', topic: 'history' }
  const { words, values } = typed
  if (words.includes('')) throw new UsageError('Missing id of a run')
  const filtered = values.has('--status') || values.has('--before')
  if (words.length > 0 && (filtered || values.has('--name'))) {
    throw new UsageError('Either ids of runs, or --status, --before and --name')
  }
  // Not by the name alone: that would take the runs that are still to be resumed, too.
  if (words.length === 0 && !filtered) {
    throw new UsageError('Which runs are to be deleted?', 'smol-wf history delete <id…>, or --status failed, or --before 30d; --dry-run only says which')
  }
  return {
    kind: 'history-delete',
    store: storeOf(typed),
    ids: words,
    status: given(typed, '--status', parseStatuses) ?? [],
    name: given(typed, '--name', parseText),
    before: given(typed, '--before', parseMoment),
    dryRun: typed.switches.has('--dry-run'),
  }
}
