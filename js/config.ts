/**
 * `loadConfig`: finds the configuration file of a project, loads it and has it checked. What stands in it is for the
 * engine to judge.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { SmolConfig, SmolProviderSettings } from './config-types.js'
import { fromNativeThrow, WorkflowError } from './errors.js'
import { resolveConfig } from './native.js'
import { checkKnown } from './options.js'

/** Where the configuration is. */
export type LoadConfigOptions = {
  /** Where to begin the search. Default: the working directory of the process. */
  cwd?: string
  /** The file itself, from `cwd` on; `false` for none, which leaves the variables. Default: searched. */
  file?: string | false
}

/** A configuration, with the variables `SMOL_WF_…` laid over the file. */
export type LoadedConfig = {
  /** Absolute. `undefined`: there is none. */
  file: string | undefined
  config: SmolConfig
  /** The settings of each provider as they hold for it: with the permissions that are for all. */
  providers: Record<string, SmolProviderSettings>
  /** Variables that begin with `SMOL_WF_` and that mean nothing. */
  unknownVariables: string[]
}

/** The names of the file, in the order in which messages list them. */
export const CONFIG_FILES: readonly string[] = ['json', 'js', 'mjs', 'ts', 'mts'].map((ending) => `smol.config.${ending}`)

const TYPESCRIPT = ['.ts', '.mts']

/**
 * Loads the configuration of a project: `smol.config.json`, `.js`, `.mjs`, `.ts` or `.mts`, and over it the variables
 * `SMOL_WF_…`. The nearest file counts, from `cwd` up to the folder of the Git repository; outside of one only `cwd` is
 * looked into. A program exports the configuration, or a function that returns it, as default; it is run.
 *
 * Rejects with a {@link WorkflowError} of the code `ERR_CONFIG`.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  checkKnown(options, { cwd: 'string', file: 'any' }, 'loadConfig()')
  const { file: given } = options
  if (given !== undefined && given !== null && given !== false && typeof given !== 'string') {
    const message = `file: must be a path or false, got a value of type ${typeof given}`
    throw new WorkflowError(message, { code: 'ERR_INVALID_OPTION', details: { option: 'file' } })
  }
  const cwd = resolve(options.cwd ?? '.')
  const file = given === false ? undefined : typeof given === 'string' ? resolve(cwd, given) : findConfig(cwd)
  const text = file === undefined ? undefined : await readConfig(file)
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('SMOL_WF_'))
  try {
    const resolved = resolveConfig(text, file === undefined ? '' : shown(file), JSON.stringify(Object.fromEntries(variables)))
    return { file, ...(JSON.parse(resolved) as Omit<LoadedConfig, 'file'>) }
  } catch (error) {
    const thrown = fromNativeThrow(error)
    if (thrown instanceof WorkflowError && file !== undefined) thrown.details['file'] = file
    throw thrown
  }
}

/** The settings of each provider, for `runWorkflow` and `createAgentProvider`. */
export function providersFor(loaded: LoadedConfig): Record<string, SmolProviderSettings> {
  return loaded.providers
}

/** The configuration file that counts for a folder. Throws if there is a choice. */
export function findConfig(cwd: string): string | undefined {
  for (const folder of searchedFolders(cwd)) {
    const found = CONFIG_FILES.map((name) => join(folder, name)).filter((file) => existsSync(file))
    if (found.length > 1) {
      throw configError(
        `${found.map(shown).join(' and ')}: there may be only one configuration file in a folder`,
        found[0] as string,
        { hint: 'remove one of them, or say which one is meant: --config <file>' },
      )
    }
    if (found.length === 1) return found[0]
  }
  return undefined
}

/** Up to the repository's own folder. Without one, what lies further up is not known to belong to the project. */
function searchedFolders(cwd: string): string[] {
  const folders: string[] = []
  for (let folder = cwd; ; folder = dirname(folder)) {
    folders.push(folder)
    if (existsSync(join(folder, '.git'))) return folders
    if (dirname(folder) === folder) return [cwd]
  }
}

/** The file as JSON text. */
async function readConfig(file: string): Promise<string> {
  if (extname(file) === '.json') return await readText(file)
  if (!CONFIG_FILES.some((name) => extname(name) === extname(file))) {
    throw configError(`${shown(file)}: a configuration file ends in .json, .js, .mjs, .ts or .mts`, file)
  }
  const value = await runModule(file)
  checkPlain(value, '', file, new Set())
  return JSON.stringify(value)
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    throw configError(`${shown(file)}: cannot be read: ${messageOf(error)}`, file, { cause: error })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw configError(`${shown(file)}: is not UTF-8`, file, { cause: error })
  }
}

/** What a program exports as default, or what that returns if it is a function. */
async function runModule(file: string): Promise<unknown> {
  // An absent file is said in the same words as an absent JSON file.
  await readText(file)
  let module: { default?: unknown }
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module
  } catch (error) {
    // Said by Node.js itself; a loader that the user has added may well read it.
    const unreadable = String((error as { code?: unknown }).code).endsWith('_FILE_EXTENSION')
    if (unreadable && TYPESCRIPT.includes(extname(file))) {
      throw configError(`${shown(file)}: Node.js ${process.version} does not read TypeScript`, file, {
        cause: error,
        hint: 'use Node.js 22.18 or newer, or write the configuration as smol.config.mjs or smol.config.json',
      })
    }
    throw configError(`${shown(file)}: cannot be loaded: ${messageOf(error)}`, file, { cause: error })
  }
  const exported = module.default
  if (exported === undefined) {
    throw configError(`${shown(file)}: has no default export`, file, {
      hint: 'export default { provider: … }, or a function that returns such an object',
    })
  }
  if (typeof exported !== 'function') return exported
  try {
    return await (exported as () => unknown)()
  } catch (error) {
    throw configError(`${shown(file)}: its function failed: ${messageOf(error)}`, file, { cause: error })
  }
}

/** Refuses what JSON would drop or change without a word. */
function checkPlain(value: unknown, path: string, file: string, above: Set<unknown>): void {
  const refuse = (found: string) => {
    const place = `${shown(file)}${path === '' ? '' : `: ${path}`}`
    return configError(`${place}: must be what JSON can hold, got ${found}`, file, { place })
  }
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) throw refuse(String(value))
      return
    case 'undefined':
      // As a member it is not there.
      if (path === '' || path.endsWith(']')) throw refuse('undefined')
      return
    case 'object':
      break
    default:
      throw refuse(`a ${typeof value}`)
  }
  if (value === null) return
  if (above.has(value)) throw refuse('an object that contains itself')
  const inside = new Set(above).add(value)
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) checkPlain(item, `${path}[${index}]`, file, inside)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refuse(`an object of the class ${(prototype as { constructor?: { name?: string } }).constructor?.name ?? '?'}`)
  }
  for (const [name, item] of Object.entries(value)) checkPlain(item, path === '' ? name : `${path}.${name}`, file, inside)
}

function configError(
  message: string,
  file: string,
  { hint, place, ...cause }: { hint?: string; place?: string; cause?: unknown } = {},
): WorkflowError {
  const details = { file, ...(place !== undefined && { place }), ...(hint !== undefined && { hint }) }
  return new WorkflowError(message, { code: 'ERR_CONFIG', details, ...cause })
}

/** A path as messages show it: relative if it lies below the working directory. */
function shown(file: string): string {
  const short = relative(process.cwd(), file)
  return short === '' || short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? file : short
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
