/**
 * From `--args…` tokens to the arguments of a workflow. Reads files through its caller only.
 *
 * @module
 */

import type { JSONValue, WorkflowArgs } from '../workflow-types.js'
import { UsageError } from './usage-error.js'

/** One `--args…` token with its value; `true` where it has none. */
export type ArgToken = { readonly flag: string; readonly value: string | true }

const PREFIX = '--args-'
const FROM_FILE = '--args-from-file'
const JSON_TEXT = '--args'

/** Whether a flag, without `=value`, says something about the arguments of the workflow. */
export function isArgFlag(flag: string): boolean {
  return flag === JSON_TEXT || flag.startsWith(PREFIX)
}

/**
 * The arguments that the tokens describe, `undefined` when there are none. Named values and files accumulate from left
 * to right: a name that comes again makes an array. `--args` stands alone and takes any JSON value.
 */
export function collectArgs(
  tokens: readonly ArgToken[],
  readFile: (path: string) => string,
): WorkflowArgs | JSONValue | undefined {
  const jsonTexts = tokens.filter((token) => token.flag === JSON_TEXT)
  const last = jsonTexts.at(-1)
  if (last !== undefined) {
    if (jsonTexts.length < tokens.length) {
      throw new UsageError('--args cannot be combined with --args-<name> or --args-from-file')
    }
    return parseJsonText(last.value)
  }
  if (tokens.length === 0) return undefined

  const args: WorkflowArgs = {}
  for (const { flag, value } of tokens) {
    if (flag === FROM_FILE) {
      for (const [name, item] of Object.entries(readArgsFile(value, readFile))) add(args, name, item)
    } else {
      add(args, flag.slice(PREFIX.length), value)
    }
  }
  return args
}

function parseJsonText(text: string | true): JSONValue {
  if (text === true) throw new UsageError('Missing value for --args', "--args '<json>' takes any JSON value")
  try {
    return JSON.parse(text) as JSONValue
  } catch (error) {
    throw new UsageError(
      `--args must be valid JSON: ${(error as Error).message}`,
      'quote the value for the shell, as in --args \'{"topic":"parsers"}\', or pass text with --args-<name>',
    )
  }
}

function readArgsFile(path: string | true, readFile: (path: string) => string): object {
  if (path === true || path === '') throw new UsageError('Missing value for --args-from-file')
  const content: unknown = JSON.parse(readFile(path))
  if (content === null || typeof content !== 'object' || Array.isArray(content)) {
    throw new UsageError(`--args-from-file must contain a JSON object: ${path}`)
  }
  return content
}

function add(args: WorkflowArgs, name: string, value: unknown): void {
  if (name === '') throw new UsageError('Argument name cannot be empty')
  if (!Object.hasOwn(args, name)) {
    // Defined rather than assigned: `__proto__` is a name like any other.
    Object.defineProperty(args, name, { value, writable: true, enumerable: true, configurable: true })
    return
  }
  const earlier = args[name]
  if (Array.isArray(earlier)) {
    earlier.push(value)
  } else {
    Object.defineProperty(args, name, { value: [earlier, value] })
  }
}
