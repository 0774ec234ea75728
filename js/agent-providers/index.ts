/**
 * `@smol-workflow/engine/agent-providers`: the providers that come with the engine.
 *
 * @module
 */

import { fromNativeThrow, fromProviderThrow } from '../errors.js'
import { NativeAbort, NativeProvider, providerNames, sampleSchema } from '../native.js'
import type { JSONSchema, JSONValue } from '../workflow-types.js'
import type {
  AgentProvider,
  AgentProviderName,
  AgentProviderOptions,
  AgentProviderResult,
  AgentProviderRunInput,
  ClaudeCodeAgentProviderOptions,
  CodexAgentProviderOptions,
  OpenCodeAgentProviderOptions,
  PiAgentProviderOptions,
} from './types.js'

export type * from './types.js'

/** A native provider that an object stands for. */
export type BuiltIn = {
  readonly name: string
  /** Its options under its name, as JSON; `undefined` if it has none. */
  readonly options: string | undefined
}

/** The provider objects that stand for native providers, with the `run` that they were made with. */
const builtIns = new WeakMap<AgentProvider, BuiltIn & { readonly run: AgentProvider['run'] }>()

/**
 * The provider of that name. Nothing is started before its first call. `debug` takes no options.
 *
 * @throws Error `Unknown agent provider: <name>`
 * @throws WorkflowError `ERR_INVALID_OPTION` for options that the provider does not have
 */
export function createAgentProvider(
  name: AgentProviderName | string = 'debug',
  options: AgentProviderOptions = {},
): AgentProvider {
  if (name === 'debug') return createDebugAgentProvider()
  if (!providerNames().includes(name)) throw new Error(`Unknown agent provider: ${name}`)
  return createNative(name, options)
}

/** A provider that asks nobody: it echoes the prompt, or makes up a value in the shape of the schema. */
export function createDebugAgentProvider(): AgentProvider {
  return createNative('debug')
}

/** Claude Code: starts `claude` for each call. */
export function createClaudeCodeAgentProvider(options: ClaudeCodeAgentProviderOptions = {}): AgentProvider {
  return createNative('claude-code', options)
}

/** Codex: starts `codex exec` for each call. */
export function createCodexAgentProvider(options: CodexAgentProviderOptions = {}): AgentProvider {
  return createNative('codex', options)
}

/** OpenCode: starts `opencode run` for each call, or a server for a call with a schema. */
export function createOpenCodeAgentProvider(options: OpenCodeAgentProviderOptions = {}): AgentProvider {
  return createNative('opencode', options)
}

/** Pi: starts `pi` for each call. */
export function createPiAgentProvider(options: PiAgentProviderOptions = {}): AgentProvider {
  return createNative('pi', options)
}

function createNative(name: string, options?: AgentProviderOptions | null): AgentProvider {
  const json = options === undefined || options === null ? undefined : JSON.stringify({ [name]: options })
  const native = makeNative(name, json)
  const run: AgentProvider['run'] = async (input) => {
    const result = await runNative(native, input, name !== 'debug')
    const { output, sessionId, usage, raw } = result
    return name === 'debug' ? result : ({ output, sessionId, usage, raw } as AgentProviderResult)
  }
  const provider: AgentProvider = { name, schemaMode: 'builtin', usageMode: 'builtin', run }
  builtIns.set(provider, { name, options: json, run })
  return provider
}

function makeNative(name: string, options: string | undefined): NativeProvider {
  try {
    return new NativeProvider(name, options)
  } catch (error) {
    throw fromNativeThrow(error)
  }
}

/** One call. `debug` is done before anybody could abort it. */
async function runNative(
  native: NativeProvider,
  { prompt, options, context }: AgentProviderRunInput,
  abortable: boolean,
): Promise<AgentProviderResult> {
  const signal = (abortable && context?.signal) || undefined
  if (signal?.aborted) throw aborted(signal)
  const abort = new NativeAbort()
  const call = {
    prompt: JSON.stringify(prompt) as string | undefined,
    options: options === undefined ? undefined : JSON.stringify(options),
    cwd: abortable ? (context?.cwd ?? undefined) : undefined,
  }
  const onAbort = () => abort.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return JSON.parse(await native.run(call, abort)) as AgentProviderResult
  } catch (error) {
    throw signal?.aborted ? aborted(signal) : fromProviderThrow(error)
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** What Node.js rejects with when a child process is aborted. */
function aborted(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}

/** What the engine itself runs in place of this provider, if it does. */
export function builtIn(provider: AgentProvider): BuiltIn | undefined {
  const found = builtIns.get(provider)
  // Somebody may have put a function of his own in its place.
  return found && found.run === provider.run && found.name === provider.name ? found : undefined
}

/** A value in the shape of a JSON Schema, always the same for the same schema. Constraints are not looked at. */
export function generateDebugValueFromSchema(schema: JSONSchema): JSONValue {
  const json = sampleSchema(JSON.stringify(schema))
  return (json === null ? undefined : JSON.parse(json)) as JSONValue
}
