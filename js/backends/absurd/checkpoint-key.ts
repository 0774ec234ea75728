/**
 * What an agent call is known by in a task. Pure. Tasks that are under way find their answers by it: it may never change.
 *
 * @module
 */

import { createHash } from 'node:crypto'

import type { AgentRunOptions } from '../../workflow-types.js'

/** The order of the original, whatever the locale of the process. */
const { compare } = new Intl.Collator('en-US')

/**
 * The key of an agent call: its own `key`, in characters that do no harm anywhere, or a hash of what determines the answer
 * (prompt, phase, provider and schema).
 */
export function getAgentCheckpointKey(prompt: string, options?: AgentRunOptions, provider?: string): string {
  if (options?.key) return String(options.key).replace(/[^A-Za-z0-9._:-]+/g, '_')
  const { phase, schema } = options ?? {}
  const text = canonical({ prompt, phase, provider, schema })
  return `auto:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** JSON with sorted keys, in which `undefined` stands as such. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(JSON.stringify(value))
  const members = Object.entries(value).sort(([a], [b]) => compare(a, b))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
}
