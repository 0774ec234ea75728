/**
 * The command line of `smol-wf doctor`. Pure.
 *
 * @module
 */

import { UsageError } from './usage-error.js'

/** Everything that a run needs, to be looked at. */
export type DoctorCommand = {
  readonly kind: 'doctor'
  readonly json: boolean
  /** `undefined`: the working directory. */
  readonly cwd: string | undefined
}

/** The exit status for a command line that cannot be obeyed: 1 would say that something is missing. */
const USAGE = 2

/** Reads what follows `doctor`. Throws {@link UsageError}. */
export function parseDoctor(tokens: readonly string[]): DoctorCommand | { kind: 'help'; topic: 'doctor' } {
  let json = false
  let cwd: string | undefined
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as string
    if (token === '--help' || token === '-h') return { kind: 'help', topic: 'doctor' }
    if (token === '--json') json = true
    else if (token === '--cwd') cwd = tokens[++index] ?? ''
    else if (token.startsWith('--cwd=')) cwd = token.slice('--cwd='.length)
    else throw new UsageError(`Unknown option: ${token}`, 'smol-wf doctor --help lists the options', USAGE)
    if (cwd === '' || cwd?.startsWith('--')) throw new UsageError('Missing value for --cwd', undefined, USAGE)
  }
  return { kind: 'doctor', json, cwd }
}

/** The folder that `--cwd` names is none. */
export function notAFolder(cwd: string): UsageError {
  return new UsageError(`--cwd must be a folder: ${cwd}`, undefined, USAGE)
}
