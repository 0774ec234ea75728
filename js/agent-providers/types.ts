/**
 * The contract between the engine and whatever runs an agent. Types only.
 *
 * @module
 */

import type { AgentRunOptions, JSONValue } from '../workflow-types.js'

/** The providers that come with the engine. */
export type AgentProviderName = 'debug' | 'claude-code' | 'codex' | 'opencode' | 'pi'

/** How a provider keeps to a JSON Schema: natively, through the prompt, or not at all. */
export type AgentProviderSchemaMode = 'builtin' | 'prompt' | 'none'

/** Whether a provider reports what a call cost. */
export type AgentProviderUsageMode = 'builtin' | 'none'

/** What a provider can do, declared once. */
export type AgentProviderCapabilities = {
  schemaMode: AgentProviderSchemaMode
  usageMode: AgentProviderUsageMode
}

/** Tokens and money of one call, as far as the provider tells. Only `outputTokens` counts against a budget. */
export type AgentUsage = {
  inputTokens?: number
  outputTokens?: number
  cacheReadTokens?: number
  cacheWriteTokens?: number
  totalTokens?: number
  cost?: {
    input?: number
    output?: number
    cacheRead?: number
    cacheWrite?: number
    total?: number
    /** ISO 4217 code, `USD` nearly always. */
    currency?: string
  }
}

/** What surrounds one call. */
export type AgentProviderContext = {
  /** The phase that the call belongs to. */
  phase?: string
  /** The caller's own name for the call. */
  key?: string
  /** The folder to work in. Default: the provider's own, else that of the process. */
  cwd?: string
  /** Aborted when nobody waits for the answer any more. */
  signal?: AbortSignal
  /** The provider's own session to go on with; only for providers that say {@link AgentProvider.resumes}. */
  sessionId?: string
  /** Tells whoever follows the run what the agent does. Throws a `TypeError` for what is no progress. */
  report?: (progress: AgentProgress) => void
}

/** What an agent does while it is at work. Texts are cut after 2000 characters. */
export type AgentProgress =
  /** The agent's session has an id. */
  | { kind: 'session'; id: string }
  /** Words of the answer, or said between two tool calls: a piece where the agent gives pieces. */
  | { kind: 'text'; text: string }
  | { kind: 'toolUse'; id?: string; name: string; summary: string }
  | { kind: 'toolResult'; id?: string; failed: boolean; summary: string }
  /** What a model call or a turn has cost, so far as the agent tells. */
  | { kind: 'usage'; usage: AgentUsage }
  /** The agent itself tries again. */
  | { kind: 'retrying'; reason: string; afterMs?: number }
  /** A tool call was refused. */
  | { kind: 'denied'; tool: string; target: string }
  /** Said by the agent, and not the end. */
  | { kind: 'warning'; message: string }

/** One call. */
export type AgentProviderRunInput = {
  prompt: string
  options?: AgentRunOptions
  context: AgentProviderContext
}

/** One answer. */
export type AgentProviderResult = {
  /** Text, or the structured value when the call has a schema. Reaches the script as JSON. */
  output: unknown
  /** The agent's own session, for finding its transcript. */
  sessionId?: string
  usage?: AgentUsage
  /** What the provider wants kept beside the answer, as durable runs do. Of what is longer than 1 MiB the middle is left out. */
  raw?: JSONValue
}

/** Something that runs agents. */
export type AgentProvider = AgentProviderCapabilities & {
  name: AgentProviderName | string
  /** It works in `context.cwd`: the engine then gives calls with `isolation: 'worktree'` a worktree there. */
  worktrees?: boolean
  /** It goes on with `context.sessionId`: a repair or another attempt then gets the session of the one before. */
  resumes?: boolean
  /**
   * Runs one call. A rejection fails the attempt; `retry` of the call decides whether there is another. An error with
   * the `code` `ERR_AGENT_RATE_LIMITED` or `ERR_AGENT_OVERLOADED` (and `retryAfterMs`, where that is known) makes the
   * call wait and costs it no attempt; `retryable: false` means that another attempt would be of no use. `usage`,
   * `sessionId` and `raw` of the error count as those of an answer.
   */
  run(input: AgentProviderRunInput): Promise<AgentProviderResult>
}

/** How the command line tool behind a provider is started, and when. Others are refused. */
export type AgentProviderOptions = {
  /** The executable. Default: the tool's own name, found on `PATH`. */
  command?: string
  /** Arguments put before the provider's own. */
  args?: readonly string[]
  cwd?: string
  /** Laid over the environment of the process. */
  env?: Record<string, string>
  /** Milliseconds after which a call fails; 0 for never, which is the default. */
  timeoutMs?: number
  /** Milliseconds without any output after which a call fails; 0 for never, which is the default. */
  stallMs?: number
  /** What agents may do without being asked. Default: what the tool allows by itself. */
  permissions?: 'read-only' | 'edits' | 'full'
  /** Other names for models: `{ opus: 'gpt-5.5' }`. */
  models?: Record<string, string>
  /** Calls of this provider at once, in one run. Default: no limit of its own. */
  concurrency?: number
  /** Milliseconds between the starts of two calls. Default: 0. */
  staggerMs?: number
  /** At most so many starts within so much time. */
  rate?: { starts: number; perMs: number }
  /**
   * The most milliseconds that a call waits in all for the limits of the service behind the provider (429, the limit of
   * a plan, overload), which costs it no attempt; 0 means that it fails at once. Default: 6 hours.
   */
  maxWaitMs?: number
}

/** Options of the `claude-code` provider. */
export type ClaudeCodeAgentProviderOptions = AgentProviderOptions & {
  /** Default: none. */
  subcommand?: readonly string[]
  args?: readonly string[]
}

/** Options of the `codex` provider. */
export type CodexAgentProviderOptions = AgentProviderOptions & {
  /** Default: `exec`. */
  subcommand?: readonly string[]
  args?: readonly string[]
}

/** Options of the `pi` provider. */
export type PiAgentProviderOptions = AgentProviderOptions & {
  /** Default: none. */
  subcommand?: readonly string[]
  args?: readonly string[]
}

/** Options of the `opencode` provider, which starts a server for calls with a schema. */
export type OpenCodeAgentProviderOptions = AgentProviderOptions & {
  /** Default: `run`. */
  subcommand?: readonly string[]
  args?: readonly string[]
  /** Default: `serve`. */
  serverSubcommand?: readonly string[]
  serverArgs?: readonly string[]
  /** Default: 2. */
  structuredOutputRetryCount?: number
  /** Milliseconds. Default: 15000. */
  serverStartupTimeoutMs?: number
}

/** {@link AgentProviderContext} as it can be stored. */
export type PersistedAgentProviderContext = Omit<AgentProviderContext, 'signal'>

/** {@link AgentProviderRunInput} as it can be stored. */
export type PersistedAgentProviderRunInput = {
  prompt: string
  options?: AgentRunOptions
  context: PersistedAgentProviderContext
}

/** Where one stored agent call stands. */
export type AgentRunSessionStatus = 'running' | 'completed' | 'failed' | 'cancelled'

/** The record of one agent call, for callers that keep such records; the engine produces none. */
export type AgentRunSession = {
  id: string
  status: AgentRunSessionStatus
  provider: string
  providerSessionId?: string
  cli?: { command: string; args: readonly string[]; cwd?: string }
  input: PersistedAgentProviderRunInput
  output?: AgentProviderResult
  error?: { name?: string; message: string; stack?: string }
  /** ISO 8601. */
  startedAt: string
  /** ISO 8601. */
  completedAt?: string
}
