/**
 * Where the store of the user is, by platform. Pure.
 *
 * @module
 */

import { posix, win32 } from 'node:path'

import { UsageError } from './usage-error.js'

/** The file of the user's store: in the folder where the platform keeps the state of programs. */
export function globalStore(platform: string, env: Readonly<Record<string, string | undefined>>): string {
  if (platform === 'win32') {
    const folder = env['LOCALAPPDATA'] || (env['USERPROFILE'] && win32.join(env['USERPROFILE'], 'AppData', 'Local'))
    return win32.join(known(folder, '%LOCALAPPDATA%'), 'smol-wf', 'runs.db')
  }
  const home = () => known(env['HOME'], '$HOME')
  if (platform === 'darwin') return posix.join(home(), 'Library', 'Application Support', 'smol-wf', 'runs.db')
  // A relative path is to be passed over, as the XDG specification has it.
  const state = env['XDG_STATE_HOME']
  return posix.join(state?.startsWith('/') ? state : posix.join(home(), '.local', 'state'), 'smol-wf', 'runs.db')
}

function known(folder: string | undefined, variable: string): string {
  if (!folder) throw new UsageError(`--global needs ${variable}, which is not set`, '--db <file> names a store')
  return folder
}
