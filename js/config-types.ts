/**
 * What stands in smol.config.json. Generated from schema/smol.config.schema.json by a test, never edited.
 *
 * @module
 */

/** The configuration of an engine. */
export type SmolConfig = {
  /** The JSON Schema of this file, for editors. */
  $schema?: string
  /** The provider of calls that name none. */
  provider?: string
  /** What agents may do without being asked, where their provider's own settings do not say. */
  permissions?: SmolPermissions
  /** The worktrees of calls with `isolation: 'worktree'`, where those do not say otherwise. */
  worktree?: SmolWorktree
  /** Settings by the name of the provider: `claude-code`, `codex`, `opencode`, `pi`, or one of your own. */
  providers?: Record<string, SmolProviderSettings>
}

/** What an agent may do without being asked. Absent: whatever the CLI does by itself. */
export type SmolPermissions = 'read-only' | 'edits' | 'full'

/** The options of a worktree as a call, the run or a configuration file gives them; what is absent is decided by the
layer below. */
export type SmolWorktree = {
  /** What becomes of folder and branch once the agent is done. Default: `changed`. */
  keep?: SmolKeep
  /** How changes get out of the branch after a call that succeeded. Default: not at all. */
  merge?: SmolMerge
  /** Whether the user's uncommitted changes are in it, too. Default: no. */
  uncommitted?: boolean
  /** The commit, tag or branch to start from. Default: `HEAD`. */
  base?: string
}

/** What becomes of a worktree whose agent is done. */
export type SmolKeep = 'changed' | 'always' | 'never'

/** How the work of an agent gets out of its branch. */
export type SmolMerge = 'ff' | 'squash' | 'patch'

/** The settings of one provider. What is absent is decided by the layer below, in the end by the CLI itself. */
export type SmolProviderSettings = {
  /** The executable. Default: the CLI's own name, found on `PATH`. */
  command?: string
  /** Arguments put before the engine's own. */
  args?: readonly string[]
  /** What comes before all other arguments. Default: `exec` for codex, `run` for opencode, else nothing. */
  subcommand?: readonly string[]
  /** The folder to work in, for calls that name none. Default: that of the process. */
  cwd?: string
  /** Variables laid over the environment of the process. */
  env?: Record<string, string>
  /** Milliseconds after which a call fails; 0 means never, which is the default. */
  timeoutMs?: number
  /** Milliseconds without any output after which a call fails; 0 means never, which is the default. */
  stallMs?: number
  /** What agents may do without being asked. Default: what the CLI allows by itself. */
  permissions?: SmolPermissions
  /** Other names for models: `{ "opus": "gpt-5.5" }`. Names that are not here reach the CLI as they are. */
  models?: Record<string, string>
  /** How many agents of this provider run at once. Default: no limit of its own. */
  concurrency?: number
  /** Milliseconds between the starts of two agents. Default: 0. */
  staggerMs?: number
  /** At most so many starts within so much time. */
  rate?: SmolRate
  /** The most milliseconds that a call waits in all for the limits of the service behind the provider (429, the limit
of a plan, overload), which costs it no attempt; 0 means that it fails at once. Default: 6 hours. */
  maxWaitMs?: number
  /** opencode only: how its server is started. Default: `serve`. */
  serverSubcommand?: readonly string[]
  /** opencode only: arguments of its server, before the engine's own. */
  serverArgs?: readonly string[]
  /** opencode only: how often it asks again for an answer that does not fit. Default: 2. */
  structuredOutputRetryCount?: number
  /** opencode only: milliseconds that its server has to start. Default: 15000. */
  serverStartupTimeoutMs?: number
}

/** At most so many starts within so much time. */
export type SmolRate = {
  /** Agents that may start in the time. */
  starts: number
  /** The time, in milliseconds. */
  perMs: number
}
