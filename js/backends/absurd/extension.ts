/**
 * Where an extension of SQLite would be, which the original backend needed. This one finds it and does not load it.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const SUFFIXES: Readonly<Record<string, string>> = { win32: '.dll', darwin: '.dylib' }
const SUFFIX = SUFFIXES[process.platform] ?? '.so'
const NAMES = process.platform === 'win32' ? ['absurd', 'absurd_sqlite_extension'] : ['libabsurd', 'libabsurd_sqlite_extension']

/** The path that was given, or that the environment names. */
function configured(extensionPath: string | undefined): string | undefined {
  const { env } = process
  const path =
    extensionPath ??
    env['SMOL_WF_ABSURD_EXTENSION'] ??
    env['ABSURD_DATABASE_EXTENSION_PATH'] ??
    env['ABSURD_SQLITE_EXTENSION_PATH']
  return path === '' ? undefined : path
}

/** Makes sure that an extension that somebody names is there: a wrong path is a mistake, whether it is needed or not. */
export function checkConfiguredExtension(extensionPath: string | undefined): void {
  const path = configured(extensionPath)
  if (path !== undefined) find(path)
}

function find(path: string): string {
  const candidates = /\.(dll|dylib|so)$/.test(path) ? [path] : [path, path + SUFFIX]
  const found = candidates.map((candidate) => resolve(candidate)).find((candidate) => existsSync(candidate))
  if (found === undefined) throw new Error(`Absurd SQLite extension not found at configured extension path ${path}`)
  return found
}

/**
 * The extension that is named, by the argument or by `SMOL_WF_ABSURD_EXTENSION`, `ABSURD_DATABASE_EXTENSION_PATH` or
 * `ABSURD_SQLITE_EXTENSION_PATH`, or else one that was built here.
 *
 * @throws Error if there is none
 */
export function resolveAbsurdSQLiteExtensionPath(extensionPath?: string): string {
  const path = configured(extensionPath)
  if (path !== undefined) return find(path)
  const found = folders()
    .flatMap((folder) => NAMES.map((name) => join(folder, 'target', 'release', name + SUFFIX)))
    .find((candidate) => existsSync(candidate))
  if (found !== undefined) return found
  throw new Error(
    'Could not find the Absurd SQLite extension automatically. Pass --extension <path>, set SMOL_WF_ABSURD_EXTENSION, ' +
      'set ABSURD_DATABASE_EXTENSION_PATH, or build the extension at target/release/libabsurd.<ext>. ' +
      'This version of the engine works without it, and downloads nothing.',
  )
}

/** The same for callers that await it; nothing is downloaded. */
export async function resolveAbsurdSQLiteExtensionPathAsync(extensionPath?: string): Promise<string> {
  return resolveAbsurdSQLiteExtensionPath(extensionPath)
}

/** The working directory, and the folders around the package. */
function folders(): string[] {
  const ancestors = [dirname(dirname(fileURLToPath(import.meta.url)))]
  for (let level = 1; level <= 5; level++) ancestors.push(dirname(ancestors.at(-1) as string))
  return [process.cwd(), ...ancestors.slice(3)]
}
