/**
 * From what stands after `smol-wf run` to the file that is meant.
 *
 * @module
 */

import { statSync } from 'node:fs'

import { readLibrary } from '../list.js'

/**
 * The file as it was given or, where there is none, the file of the workflow of that name. `found` is false where there
 * is neither; the path is then what was given, for whoever reads it to say so.
 */
export async function findScript(given: string): Promise<{ path: string; found: boolean }> {
  // A pipe or a device is there, too; a folder cannot be meant.
  const entry = statSync(given, { throwIfNoEntry: false })
  if (entry && !entry.isDirectory()) return { path: given, found: true }
  const { files } = await readLibrary(undefined)
  const named = files.find((file) => file.status === 'available' && file.name === given)
  return named ? { path: named.path, found: true } : { path: given, found: false }
}
