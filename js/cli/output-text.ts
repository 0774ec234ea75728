/**
 * What agents have printed, as people read it. Pure.
 *
 * @module
 */

import type { AttemptOutput } from '../engine-types.js'
import type { JSONValue } from '../workflow-types.js'
import { timeText } from './history-text.js'

/** Texts that fit into the rest of a line stand there; longer ones begin a line of their own. */
const SHORT = 100

/**
 * Every attempt with all that is known of it. Nothing is left out: members stand below their names, one line each, and
 * texts as they are, line by line.
 */
export function outputText(outputs: readonly AttemptOutput[]): string {
  return outputs.map(({ attempt, at, raw }) => [`attempt ${attempt}, over at ${timeText(at)}`, ...indented(lines(raw))].join('\n')).join('\n\n')
}

/** A value over several lines. */
function lines(value: JSONValue): string[] {
  if (typeof value === 'string') return value.replace(/\r?\n$/, '').split(/\r?\n/).map(visible)
  if (Array.isArray(value)) return value.length === 0 ? ['[]'] : value.flatMap((item) => marked(lines(item)))
  if (value === null || typeof value !== 'object') return [String(value)]
  const members = Object.entries(value)
  return members.length === 0 ? ['{}'] : members.flatMap(([name, member]) => named(visible(name), member))
}

function named(name: string, value: JSONValue): string[] {
  const text = lines(value)
  const [first = ''] = text
  const nested = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (!nested && text.length === 1 && first.length <= SHORT) return [`${name}: ${first}`.trimEnd()]
  return [`${name}:`, ...indented(text)]
}

/** An item of a list. */
function marked([first = '', ...rest]: string[]): string[] {
  return [`- ${first}`.trimEnd(), ...indented(rest)]
}

function indented(text: string[]): string[] {
  return text.map((line) => (line === '' ? '' : `  ${line}`))
}

/** Agents print what programs have printed to them; none of it is to move the cursor of a terminal. */
function visible(line: string): string {
  return line.replaceAll('\t', '    ').replaceAll(/\p{Cc}/gu, '\u{fffd}')
}
