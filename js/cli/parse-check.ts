/**
 * The command line of `smol-wf check`. Pure.
 *
 * @module
 */

import { UsageError } from './usage-error.js'

/** Workflows to check. */
export type CheckCommand = {
  readonly kind: 'check'
  /** Files and folders, at least one. */
  readonly paths: readonly string[]
  readonly json: boolean
  /** Warnings count as errors. */
  readonly strict: boolean
  /** `undefined`: the working directory. */
  readonly cwd: string | undefined
  readonly imports: 'none' | 'relative'
}

/** The exit status for a command line that cannot be obeyed: 1 would say that the workflows are wrong. */
const USAGE = 2

/** Reads what follows `check`. Throws {@link UsageError}. */
export function parseCheck(tokens: readonly string[]): CheckCommand | { kind: 'help'; topic: 'check' } {
  const paths: string[] = []
  let json = false
  let strict = false
  let cwd: string | undefined
  let imports: CheckCommand['imports'] = 'none'
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as string
    if (token === '--help' || token === '-h') return { kind: 'help', topic: 'check' }
    if (token === '--') {
      paths.push(...tokens.slice(index + 1))
      break
    }
    if (token === '--json') json = true
    else if (token === '--strict') strict = true
    else if (token === '--cwd') cwd = tokens[++index] ?? ''
    else if (token.startsWith('--cwd=')) cwd = token.slice('--cwd='.length)
    else if (token === '--imports' || token.startsWith('--imports=')) {
      const value = token === '--imports' ? tokens[++index] : token.slice('--imports='.length)
      if (value !== 'none' && value !== 'relative') throw usage('--imports must be none or relative')
      imports = value
    } else if (token.startsWith('-')) throw usage(`Unknown option: ${token}`, 'smol-wf check --help lists the options')
    else paths.push(token)
    if (cwd === '' || cwd?.startsWith('--')) throw usage('Missing value for --cwd')
  }
  if (paths.length === 0 || paths.includes('')) throw usage('Missing workflow script path')
  return { kind: 'check', paths, json, strict, cwd, imports }
}

function usage(message: string, hint?: string): UsageError {
  return new UsageError(message, hint, USAGE)
}
