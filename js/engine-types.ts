/**
 * What `createEngine` takes and gives. Types only.
 *
 * @module
 */

import type { RunWorkflowOptions, RunWorkflowSourceOptions, WorkflowBudgetState, WorkflowEvent, WorkflowWait } from './types.js'
import type { JSONValue } from './workflow-types.js'

/** Where a run stands. */
export type RunStatus = 'queued' | 'running' | 'suspended' | 'cancelling' | 'completed' | 'failed' | 'cancelled'

/** Where the journals of runs are kept. */
export type EngineStoreOptions = {
  /** The file. Default: `$SMOL_WF_DB`, else `.smol/runs.db` below `cwd`. */
  path?: string
  /**
   * What a recorded step survives: `full`, the loss of power, for one sync of the disk for all that is written at the same
   * time; `normal`, the end of the process. Default: `full`.
   */
  synchronous?: 'full' | 'normal'
  /** Whether the file is created if it is not there. Otherwise: `ERR_STORE_MISSING`. Default: true. */
  create?: boolean
  /** How much may be stored at once. Beyond it: `ERR_STORE_TOO_LARGE`, and nothing is lost that was there. */
  limits?: EngineStoreLimits
  /** For looking only: nothing can be run, cancelled or deleted, and nothing is created. Default: false. */
  readOnly?: boolean
}

/** How large texts may be, in bytes. */
export type EngineStoreLimits = {
  /** The script with its helpers. Default: 16 MiB. */
  sourceBytes?: number
  /** The arguments. Default: 64 MiB. */
  argsBytes?: number
  /** The result of a run. Default: 64 MiB. */
  resultBytes?: number
  /** One entry of a journal, such as the answer of an agent. Default: 64 MiB. */
  entryBytes?: number
}

/** What holds for all runs of an engine, unless a run says otherwise, and where their journals are. */
export type EngineOptions = Omit<
  RunWorkflowOptions,
  'scriptPath' | 'source' | 'scriptName' | 'args' | 'signal' | 'budgetState'
> & {
  /** The file of the store, or more about it. */
  store?: string | EngineStoreOptions
  /**
   * Whether runs keep what their agents print beside the answers, for `output()`; kept with each run. Default: true.
   */
  keepOutput?: boolean
  /**
   * Which suspended runs this engine wakes when their time has come: `own`, those that it has put away itself, or `all` of
   * the store, which it then goes on with by its own options. Default: `all` if those say who answers agent calls
   * (`onAgent`, `agentProvider`), else `own`.
   */
  wake?: 'own' | 'all'
}

/** How one run is started. */
export type EngineRunOptions = Omit<RunWorkflowOptions, 'scriptPath' | 'source' | 'scriptName' | 'budgetState'> & {
  /** Whether what its agents print is kept, for `output()`. Default: what the engine says. */
  keepOutput?: boolean
  /** The caller's own id: starting it twice with the same source and arguments joins the run. Default: made up. */
  runId?: string
}

/** What becomes of calls that are not what the journal says. */
export type ReplayDrift =
  /** The run stops with `ERR_REPLAY_MISMATCH`; nothing is lost. The default for a run's own source. */
  | 'fail'
  /** Any recorded answer to an equal call is taken, wherever it stood; all else runs. The default for a changed source. */
  | 'match'
  /** The first calls are taken as long as they are equal; the first different one and all after it run. */
  | 'prefix'

/** How a run is taken up again. Whatever else is absent is as it was when the run began. */
export type EngineResumeOptions = Omit<EngineRunOptions, 'runId' | 'args'> & {
  /** A changed script, by its path, instead of the run's own. */
  scriptPath?: string
  /** A changed script, by its text. */
  source?: string
  /** What errors call that text. */
  scriptName?: string
  /** Default: `fail`; `match` with a changed script or `retryFailed`; `prefix` with `from`. */
  drift?: ReplayDrift
  /**
   * Where the run is to be done again from, whatever came of it: a call, by the number that events give it, or the title of
   * a phase, for its first call. What was there before is taken over. `ERR_UNKNOWN_POINT` if the run has not come there.
   */
  from?: number | string
  /** Takes up a run that has failed or was cancelled: what has failed runs again. */
  retryFailed?: boolean
}

/** How a copy of a run is started. Whatever else is absent is as it was when that run began. */
export type EngineForkOptions = Omit<EngineResumeOptions, 'retryFailed'> & {
  /** The id of the copy. Default: made up. */
  runId?: string
  /** Other arguments. Default: those of the run. */
  args?: EngineRunOptions['args']
}

/** A run as lists show it. */
export type RunSummary = {
  id: string
  /** The name of the workflow. */
  name: string
  status: RunStatus
  /** What a suspended run waits for: the first of its waits, those that end first; `null` for others. */
  blockedOn: WorkflowWait[] | null
  /** When it goes on by itself, in milliseconds since 1970. */
  wakeAt: number | null
  /** Who is at work on it. If the process is not `alive`, it was killed, and the run can be resumed. */
  owner: { pid: number; host: string; alive: boolean } | null
  createdAt: number
  updatedAt: number
  finishedAt: number | null
  /** Output tokens. */
  spent: number
  /** Why it is to be cancelled, if it is. */
  cancelRequested: string | null
  forkOf: string | null
  /** The `seq` of the last event. */
  lastSeq: number
}

/** Everything about a run but its events. */
export type RunInspection = RunSummary & {
  /** The name of the script. */
  script: string
  args: JSONValue
  result: JSONValue
  error: { code: string; message: string; details: Record<string, JSONValue> } | null
}

/** What an agent has printed in one attempt of a call. */
export type AttemptOutput = {
  /** The number of the call, as events give it. */
  call: number
  /** 1 for the first attempt. */
  attempt: number
  /** When the attempt was over, in milliseconds since 1970. */
  at: number
  /**
   * What its provider gives as `raw`. Of the built-in ones: the events of the agent's program, or its response, and its
   * stderr. Of what is longer than 1 MiB the middle is left out.
   */
  raw: JSONValue
}

/** Which runs. */
export type RunFilter = {
  status?: RunStatus | readonly RunStatus[]
  /** The name of the workflow. */
  name?: string
  /** Created at this time or later, in milliseconds since 1970. */
  since?: number
  /** Created before. */
  until?: number
  finishedBefore?: number
  /** At most so many, the newest ones. */
  limit?: number
}

/** What was deleted, or would be. */
export type DeletedRuns = { runs: number; entries: number; bytes: number; fileBytes: number }

/** A durable run. */
export type Run = {
  readonly id: string
  /**
   * Its result, however often the run is put away and woken; rejects with a `WorkflowError`. `ERR_RUN_LEFT`: the engine was
   * closed, and the run can be resumed. The process stays alive for it from when it was first read.
   */
  readonly result: Promise<unknown>
  /**
   * Its events from `seq` `from` on (default 1), those that have happened and those that will, to the last. They are read
   * from the store as they are asked for: whoever is slow holds nobody up and misses nothing.
   */
  events(options?: { from?: number }): AsyncIterableIterator<WorkflowEvent>
  inspect(): Promise<RunInspection>
  /** What it has spent so far. */
  usage(): Promise<WorkflowBudgetState>
  /** Cancels it: its `finally` blocks run. */
  cancel(reason?: string): Promise<void>
}

/** A script: its path, or its text. */
export type RunSource = string | Pick<RunWorkflowSourceOptions, 'source' | 'scriptName'>

/** Runs workflows durably: a run outlives its process, and no answer that was recorded is paid for twice. */
export type Engine = {
  /** Starts a run. */
  run(source: RunSource, options?: EngineRunOptions): Promise<Run>
  /** Goes on with a run that nobody is at work on. */
  resume(id: string, options?: EngineResumeOptions): Promise<Run>
  /**
   * Starts a copy of a run: what the run has done is taken over, up to `from` if that is given, and not paid for again; the
   * rest runs. What has failed runs again, unless it stands before `from`. The run itself stays as it is.
   */
  fork(id: string, options?: EngineForkOptions): Promise<Run>
  /**
   * Takes up the runs whose processes are gone, and suspended ones whose time has come; agents that were left behind are
   * ended first. One that cannot be taken up is given with a `result` that rejects.
   */
  recover(options?: EngineResumeOptions): Promise<Run[]>
  list(filter?: RunFilter): Promise<RunSummary[]>
  inspect(id: string): Promise<RunInspection>
  /**
   * The events of a run from `seq` `from` on (default 1). `follow`: also those that will come, until the run is over or
   * nobody is at work on it any more.
   */
  events(id: string, options?: { from?: number; follow?: boolean }): AsyncIterableIterator<WorkflowEvent>
  /**
   * What the agent of a call has printed, attempt by attempt: of those that have ended, well or not. `ERR_NO_OUTPUT` if
   * nothing is kept of such a call; the message says of which there is something.
   */
  output(id: string, call: number): Promise<AttemptOutput[]>
  /**
   * Asks whoever is at work on a run to cancel it. A suspended one is woken to clean up, and is over then. Another that
   * nobody is at work on is cancelled when it is taken up; agents that its dead process has left behind are ended at once.
   */
  cancel(id: string, reason?: string): Promise<RunSummary>
  delete(which: readonly string[] | RunFilter, options?: { dryRun?: boolean }): Promise<DeletedRuns>
  /** Reads the whole store and says what is wrong with it; an empty array if it is sound. */
  verify(): Promise<string[]>
  /** Leaves all runs as they are, to be resumed, and closes the store. */
  close(): Promise<void>
}
