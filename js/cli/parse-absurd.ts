/**
 * The command lines of the absurd backend: `run --backend absurd`, and `absurd` with its commands. Pure.
 *
 * @module
 */

import type { JSONValue, WorkflowArgs } from '../workflow-types.js'
import { type ArgToken, collectArgs, isArgFlag } from './args.js'
import type { ParseContext } from './parse.js'
import { parseBudget, parseText, splitToken, type Value } from './tokens.js'
import { UsageError } from './usage-error.js'

/** Which queue is meant, and of what its tasks are called. */
export type AbsurdChoice = {
  /** As it was given. */
  readonly db: string
  /** `undefined`: what the environment says. */
  readonly extension: string | undefined
  readonly queue: string | undefined
  readonly task: string | undefined
}

/** How `run --backend absurd` queues a workflow and does it. */
export type AbsurdRun = AbsurdChoice & {
  readonly idempotencyKey: string | undefined
  readonly maxAttempts: number | undefined
  readonly timeoutMs: number | undefined
  readonly pollIntervalMs: number | undefined
  readonly batchSize: number | undefined
  /** In seconds. */
  readonly claimTimeout: number | undefined
  readonly workerId: string | undefined
}

type Warned = AbsurdChoice & {
  /** Flags that mean nothing to the command, as typed. */
  readonly unknown: readonly string[]
}

/** Who answers, for commands that do tasks. */
type Answering = { readonly agentProvider: string | undefined; readonly config: string | false | undefined }

/** What `absurd …` asks for. */
export type AbsurdCommand =
  | (Warned & { readonly kind: 'absurd-init' })
  | (Warned & {
      readonly kind: 'absurd-submit'
      readonly scriptPath: string
      readonly args: WorkflowArgs | JSONValue | undefined
      readonly idempotencyKey: string | undefined
      readonly maxAttempts: number | undefined
      readonly budgetTotal: number | undefined
      /** Kept with the task. */
      readonly agentProvider: string | undefined
    })
  | (Warned &
      Answering & {
        readonly kind: 'absurd-worker'
        readonly concurrency: number
        /** In seconds. */
        readonly pollInterval: number | undefined
        readonly claimTimeout: number | undefined
        readonly workerId: string | undefined
      })
  | (Warned &
      Answering & {
        readonly kind: 'absurd-work-batch'
        readonly batchSize: number
        readonly claimTimeout: number | undefined
        readonly workerId: string | undefined
      })

/** Flags of `run --backend absurd`, each with a value. */
export const BACKEND_FLAGS: readonly string[] = [
  '--db',
  '--extension',
  '--queue',
  '--task',
  '--idempotency-key',
  '--max-attempts',
  '--timeout',
  '--poll-interval',
  '--batch-size',
  '--claim-timeout',
  '--worker-id',
]

const DEFAULT_DB = 'smol-workflows.db'
const CHOICE = ['--db', '--extension', '--queue', '--task']

/** What else the commands take. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  init: [],
  submit: ['--idempotency-key', '--max-attempts', '--budget-allowance', '--agent-provider'],
  worker: ['--concurrency', '--poll-interval', '--claim-timeout', '--worker-id', '--agent-provider', '--config'],
  'work-batch': ['--batch-size', '--claim-timeout', '--worker-id', '--agent-provider', '--config'],
}

type Values = ReadonlyMap<string, Value>

/** Reads what follows `absurd`. Throws {@link UsageError}, or what reading a file throws. */
export function parseAbsurd(
  [subcommand, ...tokens]: readonly string[],
  context: ParseContext,
): AbsurdCommand | { readonly kind: 'help'; readonly topic: 'absurd' } {
  const asksForHelp = (token: string | undefined) => token === '--help' || token === '-h'
  if (subcommand === undefined || asksForHelp(subcommand)) return { kind: 'help', topic: 'absurd' }
  const known = Object.hasOwn(FLAGS, subcommand) ? FLAGS[subcommand] : undefined
  if (known === undefined) throw new UsageError(`Unknown absurd subcommand: ${subcommand}`)
  if (tokens.some(asksForHelp)) return { kind: 'help', topic: 'absurd' }
  const { words, values, args, unknown, config } = read(tokens, [...CHOICE, ...known], subcommand)
  const [scriptPath] = words
  const warned = { ...absurdChoice(values, context.env), unknown }
  const answering = { agentProvider: providerOf(values) ?? context.env['SMOL_WF_AGENT_PROVIDER'], config }
  const working = { claimTimeout: count(values, '--claim-timeout'), workerId: text(values, '--worker-id') }
  switch (subcommand) {
    case 'init':
      return { kind: 'absurd-init', ...warned }
    case 'submit':
      if (!scriptPath) throw new UsageError('Missing workflow script path')
      return {
        kind: 'absurd-submit',
        ...warned,
        scriptPath,
        args: collectArgs(args, context.readFile),
        idempotencyKey: text(values, '--idempotency-key'),
        maxAttempts: count(values, '--max-attempts'),
        budgetTotal: values.has('--budget-allowance')
          ? parseBudget('--budget-allowance', values.get('--budget-allowance') as Value)
          : undefined,
        agentProvider: providerOf(values),
      }
    case 'worker':
      return {
        kind: 'absurd-worker',
        ...warned,
        ...answering,
        ...working,
        concurrency: count(values, '--concurrency') ?? 1,
        pollInterval: count(values, '--poll-interval'),
      }
    default:
      return { kind: 'absurd-work-batch', ...warned, ...answering, ...working, batchSize: count(values, '--batch-size') ?? 1 }
  }
}

/** What `run --backend absurd` was given. Throws {@link UsageError}. */
export function parseAbsurdRun(values: Values, env: ParseContext['env']): AbsurdRun {
  return {
    ...absurdChoice(values, env),
    idempotencyKey: text(values, '--idempotency-key'),
    maxAttempts: count(values, '--max-attempts'),
    timeoutMs: count(values, '--timeout'),
    pollIntervalMs: count(values, '--poll-interval'),
    batchSize: count(values, '--batch-size'),
    claimTimeout: count(values, '--claim-timeout'),
    workerId: text(values, '--worker-id'),
  }
}

type Typed = {
  words: string[]
  values: Map<string, Value>
  args: ArgToken[]
  unknown: string[]
  config: string | false | undefined
}

/** Reads tokens: of a flag the last one counts, and one that nobody knows does no harm, as in the original. */
function read(tokens: readonly string[], known: readonly string[], subcommand: string): Typed {
  const typed: Typed = { words: [], values: new Map(), args: [], unknown: [], config: undefined }
  const submits = subcommand === 'submit'
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index] as string
    const { flag, value, used } = splitToken(token, tokens[index + 1])
    if (!token.startsWith('--')) {
      if (!submits || typed.words.length > 0) throw new UsageError(`Unexpected positional argument: ${token}`)
      typed.words.push(token)
      index += 1
      continue
    }
    if (submits && isArgFlag(flag)) typed.args.push({ flag, value })
    else if (token === '--no-config' && known.includes('--config')) typed.config = false
    else if (flag === '--config' && known.includes(flag)) typed.config = parseText(flag, value)
    else if (known.includes(flag)) typed.values.set(flag, value)
    else typed.unknown.push(...tokens.slice(index, index + used))
    index += token === '--no-config' ? 1 : used
  }
  return typed
}

function absurdChoice(values: Values, env: ParseContext['env']): AbsurdChoice {
  return {
    db: text(values, '--db') ?? env['SMOL_WF_ABSURD_DB'] ?? DEFAULT_DB,
    extension: text(values, '--extension'),
    queue: text(values, '--queue'),
    task: text(values, '--task'),
  }
}

/** A text; without a value the flag counts as absent. */
function text(values: Values, flag: string): string | undefined {
  const value = values.get(flag)
  return value === true ? undefined : value
}

function providerOf(values: Values): string | undefined {
  const value = values.get('--agent-provider')
  return value === undefined ? undefined : String(value)
}

/** A number, read as far as it is one. */
function count(values: Values, flag: string): number | undefined {
  const value = values.get(flag)
  if (value === undefined) return undefined
  if (value === true) throw new UsageError(`${flag} must be a number`)
  const number = Number.parseInt(value, 10)
  if (!(number > 0)) throw new UsageError(`${flag} must be a positive integer`)
  return number
}
