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
  /** Settings by the name of the provider: `claude-code`, `codex`, `opencode`, `pi`, or one of your own. */
  providers?: Record<string, SmolProviderSettings>
}

/** What an agent may do without being asked. Absent: whatever the CLI does by itself. */
export type SmolPermissions = 'read-only' | 'edits' | 'full'

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
