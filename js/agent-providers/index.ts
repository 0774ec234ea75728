/**
 * `@smol-workflow/engine/agent-providers`: the providers that come with the engine.
 *
 * @module
 */

import { fromProviderThrow } from '../errors.js'
import { providerNames, runDebugProvider, sampleSchema } from '../native.js'
import type { JSONSchema, JSONValue } from '../workflow-types.js'
import type { AgentProvider, AgentProviderName, AgentProviderOptions } from './types.js'

export type * from './types.js'

/** The provider objects that stand for native providers, with the `run` that they were made with. */
const builtIns = new WeakMap<AgentProvider, { name: string; run: AgentProvider['run'] }>()

/** Names of the original engine's providers that this version does not have yet. */
const LATER: readonly string[] = ['claude-code', 'codex', 'opencode', 'pi']

/**
 * The provider of that name. Nothing is started before its first call. `debug` takes no options.
 *
 * @throws Error `Unknown agent provider: <name>`
 */
export function createAgentProvider(
  name: AgentProviderName | string = 'debug',
  _options: AgentProviderOptions = {},
): AgentProvider {
  if (providerNames().includes(name)) return createDebugAgentProvider()
  if (LATER.includes(name)) {
    throw new Error(
      `Agent provider ${name} is not part of this version of the engine; built in: ${providerNames().join(', ')}. ` +
        'An object with name and run() can stand in for it.',
    )
  }
  throw new Error(`Unknown agent provider: ${name}`)
}

/** A provider that asks nobody: it echoes the prompt, or makes up a value in the shape of the schema. */
export function createDebugAgentProvider(): AgentProvider {
  const run: AgentProvider['run'] = async (input) => {
    const options = input.options === undefined ? undefined : JSON.stringify(input.options)
    try {
      return JSON.parse(runDebugProvider(JSON.stringify(input.prompt) as string | undefined, options))
    } catch (error) {
      throw fromProviderThrow(error)
    }
  }
  const provider: AgentProvider = { name: 'debug', schemaMode: 'builtin', usageMode: 'builtin', run }
  builtIns.set(provider, { name: 'debug', run })
  return provider
}

/** The name under which the engine itself runs this provider, if it does. */
export function builtInName(provider: AgentProvider): string | undefined {
  const builtIn = builtIns.get(provider)
  // Somebody may have put a function of his own in its place.
  return builtIn && builtIn.run === provider.run && builtIn.name === provider.name ? builtIn.name : undefined
}

/** A value in the shape of a JSON Schema, always the same for the same schema. Constraints are not looked at. */
export function generateDebugValueFromSchema(schema: JSONSchema): JSONValue {
  const json = sampleSchema(JSON.stringify(schema))
  return (json === null ? undefined : JSON.parse(json)) as JSONValue
}
