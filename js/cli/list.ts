/**
 * `smol-wf list`: the workflows that can be run by name, to stdout.
 *
 * @module
 */

import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { readLibrary } from '../list.js'
import { leftOut, libraryText } from './library-text.js'
import type { ListCommand } from './parse.js'
import { UsageError } from './usage-error.js'

/** Prints the list. Finding nothing is no failure. */
export async function listCommand({ cwd, json, all }: ListCommand): Promise<void> {
  if (cwd !== undefined && !statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--cwd must be a folder: ${cwd}`)
  }
  const library = await readLibrary(cwd)
  const shown = { ...library, files: library.files.filter((file) => all || file.status === 'available') }
  if (json) {
    console.log(JSON.stringify(shown.files, null, 2))
    return
  }
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
  console.log(libraryText(shown, { cwd: resolve(cwd ?? '.'), width }))
  const note = all ? undefined : leftOut(library)
  if (note !== undefined) console.error(note)
}
