/**
 * What `runWorkflow` takes and tells. Types only.
 *
 * @module
 */

import type { AgentProgress, AgentProvider, AgentProviderResult, AgentUsage } from './agent-providers/types.js'
import type { SmolProviderSettings } from './config-types.js'
import type { AgentRunOptions, JSONValue, WorkflowArgs, WorktreeOptions } from './workflow-types.js'

export type { WorkflowArgs } from './workflow-types.js'

/** An answer: a value, or an object with `output` and at least one of `usage`, `sessionId`, `raw`. */
export type WorkflowAgentHandlerResult = unknown | AgentProviderResult

/** Answers every agent call of a run in place of a provider. */
export type WorkflowAgentHandler = (
  prompt: string,
  options?: AgentRunOptions,
) => WorkflowAgentHandlerResult | Promise<WorkflowAgentHandlerResult>

/** Output tokens allowed (`null`: unlimited) and used. */
export type WorkflowBudgetState = { total: number | null; spent: number }

/** What one sandbox may use. Reaching a limit ends the run with an error of its own, never the process. */
export type WorkflowLimits = {
  /** Heap, bytes. Default 512 MiB, at least 4 MiB. */
  memoryBytes?: number
  /** Stack, bytes. Default 1 MiB, from 64 KiB to 16 MiB. */
  stackBytes?: number
  /** CPU time between two awaits, milliseconds; waiting never counts. Default 5000. */
  cpuMs?: number
  /** Size of a script together with the helpers that it imports, bytes. Default 8 MiB. */
  sourceBytes?: number
  /** Calls that may be pending at once. Default 1,000,000. */
  pendingCalls?: number
  /** Bytes of prompts and options that may be pending at once. Default 512 MiB. */
  pendingBytes?: number
  /** Bytes of log lines and phases that one turn may leave behind; more is dropped and counted. Default 16 MiB. */
  logBytes?: number
}

/** How a run is started. */
export type RunWorkflowOptions = {
  /** The script; a relative path is resolved against the working directory of the process. */
  scriptPath: string
  /** Any JSON value; a script with a default export takes an object. */
  args?: WorkflowArgs | JSONValue
  /** Answers the agent calls that name no provider. Default: `debug`. */
  agentProvider?: AgentProvider
  /**
   * Providers by the name that calls give them (`agent(…, { provider: 'mine' })`): your own, built-in ones with other
   * options, or just the options of a built-in one.
   */
  providers?: Record<string, AgentProvider | SmolProviderSettings>
  /** Answers every agent call; providers are not asked then. */
  onAgent?: WorkflowAgentHandler
  /** Called for every `log()`, in order. */
  onLog?: (...values: unknown[]) => void
  /** Called for every `phase()`, in order. */
  onPhase?: (name: string, options?: unknown) => void
  /** Output tokens allowed. Default: unlimited. */
  budgetTotal?: number | null
  /** A budget that is shared with others: changed in place as the run goes on. Goes before `budgetTotal`. */
  budgetState?: WorkflowBudgetState
  /** How deep in child workflows the run already is. Default 0. */
  nestingDepth?: number

  /** Cancels the run. */
  signal?: AbortSignal
  /** Everything that happens, in order. */
  onEvent?: (event: WorkflowEvent) => void
  /** Agent calls at once; `Infinity` for no cap. Default: no cap for scripts with a default export, else 16. */
  maxParallelAgents?: number
  /** Agent calls in all; `Infinity` for no cap. Default: no cap for scripts with a default export, else 1000. */
  maxAgents?: number
  /** What a spent budget does: nothing, or `agent()` rejects. Default: `soft` with a default export, else `hard`. */
  budgetMode?: 'soft' | 'hard'
  /** What a failed agent call does: reject, or give `null`. Default: `reject` with a default export, else `null`. */
  onAgentError?: 'reject' | 'null'
  /** How long a cancelled script may go on to clean up, milliseconds. Default 5000. */
  cancelGraceMs?: number
  /** How long one `sleep()` may be, milliseconds; `Infinity` for no cap. Default: 30 days. */
  maxSleepMs?: number
  /** How deep `workflow()` may nest. Default 1. */
  maxDepth?: number
  /** The project: where `workflow(name)` looks. Default: the working directory of the process. */
  cwd?: string
  /**
   * Which modules scripts may import: none, or `relative` ones (`./lib/x.js`) from the folder of the script and those
   * below it. Default: `none`.
   */
  imports?: 'none' | 'relative'
  limits?: WorkflowLimits
  /** The worktrees of calls with `isolation: 'worktree'`, where those do not say otherwise. */
  worktree?: WorktreeOptions

  source?: undefined
  scriptName?: undefined
}

/** How a run is started from a source text instead of a file. */
export type RunWorkflowSourceOptions = Omit<RunWorkflowOptions, 'scriptPath' | 'source' | 'scriptName'> & {
  /** The script itself. */
  source: string
  /** What messages call it. A name that ends in `.ts` or `.mts` makes it TypeScript. */
  scriptName?: string
  scriptPath?: undefined
}

/** What every event has. */
export type WorkflowEventBase = {
  runId: string
  /** Dense, from 1. What is not in the journal of a durable run bears the number of the entry that was told before it. */
  seq: number
  /** Milliseconds since the epoch. */
  at: number
}

/** Whether a script has a default export (`module`) or is the body of one function (`body`). */
export type WorkflowScriptForm = 'module' | 'body'

/** An error as data. */
export type WorkflowErrorData = {
  /** `RangeError` and the like; absent for thrown values that are no errors. */
  name?: string
  message: string
  /** The frames, without the line of name and message. */
  stack?: string
  /** A stable `ERR_…` code. */
  code?: string
  /** What to do about it. */
  hint?: string
  /** The call that failed. */
  call?: number
  cause?: WorkflowErrorData
}

/** What an agent has done in its worktree, and where that is now. */
export type WorktreeWork = {
  /** The branch with all of it. */
  branch: string
  /** Further branches, if the agent went elsewhere in the middle of its work. */
  moreBranches?: string[]
  /** The folder, if it is still there, and why. */
  folder?: { path: string; why: string }
  /** The folder was gone before the end, and with it whatever was not committed. */
  folderLost?: boolean
  /** The commit from which the agent started. */
  base: string
  /** The last commit. */
  commit: string
  /** Commits since `base`. */
  commits: number
  /** Files that differ from `base`. */
  filesChanged: number
  /** The last commit was made at the end, of what the agent had not committed. */
  uncommittedCommitted: boolean
}

/** What became of a worktree. */
export type WorktreeReport =
  /** There was nothing to keep. */
  | { outcome: 'unchanged' }
  | ({ outcome: 'kept' } & WorktreeWork)
  /** The work is in your checkout, whose branch `into` is at `merged` now. */
  | ({ outcome: 'merged'; into: string; merged: string } & WorktreeWork)
  /** The work is on its branch and in a file for `git apply`. */
  | ({ outcome: 'patch'; patch: string } & WorktreeWork)
  /** A merge was asked for and not done; the work is on its branch. */
  | ({ outcome: 'conflict'; why: string } & WorktreeWork)
  /** Thrown away, as `keep: 'never'` has it. */
  | ({ outcome: 'discarded' } & WorktreeWork)

/** What a suspended run waits for. */
export type WorkflowWait = {
  what: 'sleep'
  call: number
  /** Since when and until when, in milliseconds since 1970. */
  since: number
  until: number
}

/** What a call is. */
export type WorkflowCallInfo = {
  kind: 'agent' | 'child' | 'sleep'
  label?: string
  phase?: string
  provider?: string
  model?: string
}

/** Where a log line came from: `log()`, or a method of `console`. */
export type WorkflowLogLevel = 'log' | 'debug' | 'info' | 'warn' | 'error'

/**
 * What a run tells while it goes on. `script` numbers the scripts of a run, 0 being the one that was started; `call`
 * numbers its agent calls and children in the order in which they were made.
 */
export type WorkflowEvent = WorkflowEventBase &
  (
    | { type: 'run.started'; workflow: string; form: WorkflowScriptForm }
    /** The run goes on from its journal. `anew`: what it takes over from there is told once more; `from`: the first
     * call that is done again, where somebody has said so. */
    | { type: 'run.resumed'; drift: 'fail' | 'match' | 'prefix'; anew: boolean; from?: number }
    /**
     * Only sleeps are left: the run is put away until `wakeAt`, in milliseconds since 1970. `blockedOn` has the first of
     * them, those that end first; `waits` is how many there are.
     */
    | { type: 'run.suspended'; blockedOn: WorkflowWait[]; waits: number; wakeAt: number }
    | { type: 'run.completed'; budget: WorkflowBudgetState }
    | { type: 'run.failed'; error: WorkflowErrorData; code: string; budget: WorkflowBudgetState }
    | { type: 'run.cancelled'; reason: 'user' | 'timeout' | 'parent'; budget: WorkflowBudgetState }
    /** `name` is absent when `phase()` was called without one. */
    | { type: 'phase'; script: number; name?: JSONValue; options?: JSONValue }
    | { type: 'log'; script: number; level: WorkflowLogLevel; values: JSONValue[] }
    /** The call waits for its turn. */
    | ({ type: 'call.queued'; call: number; script: number } & WorkflowCallInfo)
    /**
     * `attempt` counts from 1. `continues` is the agent's session that it goes on with; absent for a new one. `until` is
     * when a sleep ends, in milliseconds since 1970.
     */
    | ({
        type: 'call.started'
        call: number
        script: number
        attempt: number
        continues?: string
        until?: number
      } & WorkflowCallInfo)
    /** What the agent does. Not kept, and left out where you do not keep up. */
    | { type: 'call.progress'; call: number; attempt: number; progress: AgentProgress }
    /** An attempt has failed and another one follows, after `delayMs`. */
    | { type: 'call.retrying'; call: number; attempt: number; error: WorkflowErrorData; delayMs?: number }
    /** Nothing is wrong with the call: it waits for somebody else's limit, and loses no attempt by it. */
    | {
        type: 'call.waiting'
        call: number
        attempt: number
        reason: 'rate-limited' | 'overloaded'
        delayMs: number
        error: WorkflowErrorData
      }
    /** `abandoned`: the script ended without waiting for it. */
    | ({
        type: 'call.ended'
        call: number
        script: number
        attempts: number
        outcome: 'completed' | 'failed' | 'cancelled' | 'abandoned'
        error?: WorkflowErrorData
        usage?: AgentUsage
        sessionId?: string
        /** What became of the worktree of a call with `isolation: 'worktree'`. */
        worktree?: WorktreeReport
      } & WorkflowCallInfo)
    /** All that a journal which begins anew takes over was told. This and the next five are told of durable runs only. */
    | { type: 'run.replayed' }
    /** The run is being cancelled: what follows is said by that. */
    | { type: 'run.cancelling' }
    /** The agent has begun to work in a session of its own: if the process ends now, the next attempt goes on there. */
    | { type: 'call.session'; call: number; attempt: number; sessionId: string }
    /** The last attempt of a call has ended, and its worktree is being closed. */
    | { type: 'call.attempted'; call: number }
    /** The script of a child was read, for this and all later lives of the run. */
    | { type: 'script'; call: number; name: string }
    /** A timer of a script has run down. */
    | { type: 'timer'; call: number }
    | { type: 'budget.exhausted'; budget: WorkflowBudgetState }
    /** Something that the caller should know and that does not fail the run. */
    | { type: 'warning'; code: string; message: string }
  )
