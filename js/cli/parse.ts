/**
 * From what was typed to what is to be done. Pure: the environment and files come in as arguments.
 *
 * @module
 */

import type { JSONValue, WorkflowArgs } from '../workflow-types.js'
import { type ArgToken, collectArgs, isArgFlag } from './args.js'
import type { HelpTopic } from './help.js'
import { type AbsurdCommand, type AbsurdRun, BACKEND_FLAGS, parseAbsurd, parseAbsurdRun } from './parse-absurd.js'
import { type CheckCommand, parseCheck } from './parse-check.js'
import { type DoctorCommand, parseDoctor } from './parse-doctor.js'
import {
  type DurableChoice,
  type DurableCommand,
  parseCancel,
  parseEvents,
  parseFork,
  parseHistory,
  parseResume,
  parseStore,
  SYNCHRONOUS,
} from './parse-durable.js'
import { parseBudget, parseCap, parseText, parseWord, splitToken, type Value } from './tokens.js'
import { UsageError } from './usage-error.js'

/** One workflow to run. */
export type RunCommand = {
  readonly kind: 'run'
  readonly scriptPath: string
  /** `undefined`: none given. */
  readonly args: WorkflowArgs | JSONValue | undefined
  /** `undefined`: what the configuration says. */
  readonly agentProvider: string | undefined
  /** The configuration file; `false`: none. `undefined`: searched. */
  readonly config: string | false | undefined
  /** `undefined`: unlimited. */
  readonly budgetTotal: number | undefined
  /** `undefined`: what the script's form says. `Infinity`: no cap. */
  readonly maxParallelAgents: number | undefined
  readonly imports: 'none' | 'relative'
  /** Whether and how its steps are kept. `undefined`: they are not. */
  readonly durable: DurableChoice | undefined
  /** How it is queued and done as a task. `undefined`: it is not. */
  readonly absurd: AbsurdRun | undefined
}

/** The workflows that can be run by name, to be shown. */
export type ListCommand = {
  readonly kind: 'list'
  /** The project. `undefined`: the working directory. */
  readonly cwd: string | undefined
  /** As JSON instead of text. */
  readonly json: boolean
  /** The files that no name leads to as well. */
  readonly all: boolean
}

/** What a command line asks for. */
export type Command =
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' }
  | RunCommand
  | ListCommand
  | CheckCommand
  | DoctorCommand
  | DurableCommand
  | AbsurdCommand

/** What parsing may look at besides the command line. */
export type ParseContext = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a text file; its errors are reported as they are. */
  readFile(path: string): string
}

const BUDGET_VARIABLE = 'SMOL_WF_BUDGET_ALLOWANCE'

/** Reads a command line (without the executable). Throws {@link UsageError}, or what reading a file throws. */
export function parseCommand(argv: readonly string[], context: ParseContext): Command {
  const [command, ...rest] = argv
  switch (command) {
    case undefined:
    case '':
    case '--help':
    case '-h':
      return { kind: 'help', topic: 'general' }
    case '--version':
    case '-V':
      return { kind: 'version' }
    case 'run':
      return parseRun(rest, context)
    case 'list':
      return parseList(rest)
    case 'check':
      return parseCheck(rest)
    case 'doctor':
      return parseDoctor(rest)
    case 'resume':
      return parseResume(rest, context.env)
    case 'fork':
      return parseFork(rest, context)
    case 'cancel':
      return parseCancel(rest)
    case 'history':
      return parseHistory(rest)
    case 'events':
      return parseEvents(rest)
    case 'absurd':
      return parseAbsurd(rest, context)
    default:
      throw new UsageError(`Unknown command: ${command}`, 'smol-wf --help lists the commands')
  }
}

function parseList(tokens: readonly string[]): Command {
  const typed: { cwd?: string; json: boolean; all: boolean } = { json: false, all: false }
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index] as string
    const { flag, value, used } = splitToken(token, tokens[index + 1])
    if (token === '--help' || token === '-h') {
      return { kind: 'help', topic: 'list' }
    } else if (token === '--json' || token === '--all') {
      typed[token === '--json' ? 'json' : 'all'] = true
      index += 1
    } else if (flag === '--cwd') {
      if (value === true || value === '') throw new UsageError('Missing value for --cwd')
      typed.cwd = value
      index += used
    } else {
      throw new UsageError(`Unknown option: ${token}`, 'smol-wf list --help lists the options')
    }
  }
  return { kind: 'list', cwd: typed.cwd, json: typed.json, all: typed.all }
}

function parseRun([scriptPath, ...tokens]: readonly string[], context: ParseContext): Command {
  if (scriptPath === '--help' || scriptPath === '-h') return { kind: 'help', topic: 'run' }
  if (!scriptPath) throw new UsageError('Missing workflow script path')

  // The order of these steps decides which of several mistakes is reported.
  const budgetVariable = context.env[BUDGET_VARIABLE]
  const defaultBudget = budgetVariable === undefined ? undefined : parseBudget(BUDGET_VARIABLE, budgetVariable)
  const typed = readRunTokens(tokens)
  const args = collectArgs(typed.args, context.readFile)
  const durable = parseDurable(typed)
  const absurd = parseBackend(typed, durable !== undefined, context.env)

  return {
    kind: 'run',
    scriptPath,
    args,
    agentProvider: typed.agentProvider ?? context.env['SMOL_WF_AGENT_PROVIDER'],
    config: typed.config,
    budgetTotal: typed.budget ?? defaultBudget,
    maxParallelAgents: typed.maxParallelAgents,
    imports: typed.imports ?? 'none',
    durable,
    absurd,
  }
}

/** Says how a run is kept, if it is. `--db` is a flag of the absurd backend, too. */
function parseDurable({ durable, global, noOutput, runId, synchronous, db, backend }: RunTokens): DurableChoice | undefined {
  if (backend !== 'simple') {
    if (durable || runId !== undefined) throw new UsageError('--durable and --run-id are for the backend simple')
    if (global || synchronous !== undefined) throw new UsageError('--global and --synchronous are for the backend simple')
    if (noOutput) throw new UsageError('--no-output is for the backend simple')
    return undefined
  }
  if (!durable && runId === undefined) {
    const flag = global ? '--global' : noOutput ? '--no-output' : '--synchronous'
    if (global || noOutput || synchronous !== undefined) throw new UsageError(`${flag} requires --durable`)
    return undefined
  }
  return { store: parseStore(db, global), runId, synchronous, keepOutput: !noOutput }
}

type RunTokens = {
  durable: boolean
  global: boolean
  noOutput: boolean
  runId?: string
  synchronous?: 'full' | 'normal'
  db?: Value
  args: ArgToken[]
  agentProvider?: string
  config?: string | false
  budget?: number
  maxParallelAgents?: number
  imports?: RunCommand['imports']
  backend: string
  backendTokens: { flag: string; tokens: readonly string[] }[]
  backendValues: Map<string, Value>
}

function readRunTokens(tokens: readonly string[]): RunTokens {
  const typed: RunTokens = {
    durable: false,
    global: false,
    noOutput: false,
    args: [],
    backend: 'simple',
    backendTokens: [],
    backendValues: new Map(),
  }
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index] as string
    if (token === '--no-config') {
      typed.config = false
      index += 1
      continue
    }
    if (token === '--durable' || token === '--global') {
      typed[token === '--durable' ? 'durable' : 'global'] = true
      index += 1
      continue
    }
    if (token === '--no-output') {
      typed.noOutput = true
      index += 1
      continue
    }
    const { flag, value, used } = splitToken(token, tokens[index + 1])
    if (isArgFlag(flag)) {
      typed.args.push({ flag, value })
    } else if (flag === '--agent-provider') {
      typed.agentProvider = String(value)
    } else if (flag === '--config') {
      if (value === true || value === '') throw new UsageError('Missing value for --config')
      typed.config = value
    } else if (flag === '--budget-allowance') {
      typed.budget = parseBudget(flag, value)
    } else if (flag === '--max-parallel-agents') {
      typed.maxParallelAgents = parseCap(flag, value)
    } else if (flag === '--imports') {
      typed.imports = parseImports(flag, value)
    } else if (flag === '--run-id') {
      typed.runId = parseText(flag, value)
    } else if (flag === '--synchronous') {
      typed.synchronous = parseWord(flag, value, SYNCHRONOUS)
    } else if (flag === '--backend') {
      typed.backend = String(value)
    } else if (BACKEND_FLAGS.includes(flag)) {
      typed.backendTokens.push({ flag, tokens: tokens.slice(index, index + used) })
      if (flag === '--db') typed.db = value
      typed.backendValues.set(flag, value)
    } else {
      throw new UsageError(`Unknown option: ${token}. Run arguments must use --args-<name> or --args-from-file.`)
    }
    index += used
  }
  return typed
}

/** How a task of the run is made and done, if the backend says that it becomes one. */
function parseBackend(typed: RunTokens, durable: boolean, env: ParseContext['env']): AbsurdRun | undefined {
  const { backend, backendTokens, backendValues, db } = typed
  if (backend === 'simple') {
    const others = backendTokens.filter(({ flag }) => !(durable && flag === '--db')).flatMap(({ tokens }) => tokens)
    if (others.length > 0) {
      const hint = db === undefined || durable ? undefined : 'with --durable, --db names the store of the run'
      throw new UsageError(`Backend options require --backend absurd: ${others.join(' ')}`, hint)
    }
    return undefined
  }
  if (backend !== 'absurd') throw new UsageError(`Unknown backend: ${backend}`)
  const absurd = parseAbsurdRun(backendValues, env)
  // What stands in no task cannot be kept to by whoever does it.
  const others = { '--max-parallel-agents': typed.maxParallelAgents, '--imports': typed.imports }
  for (const [flag, value] of Object.entries(others)) {
    if (value !== undefined) throw new UsageError(`${flag} is for the backend simple`)
  }
  return absurd
}

function parseImports(flag: string, value: Value): RunCommand['imports'] {
  if (value === 'none' || value === 'relative') return value
  throw new UsageError(`${flag} must be none or relative`)
}
