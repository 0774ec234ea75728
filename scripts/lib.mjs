// What the scripts share: running tools, and finding out what has to be installed or built. No dependencies, since these
// scripts run before anything is installed.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const NAPI = 'node_modules/@napi-rs/cli/dist/cli.js'
const TSC = 'node_modules/typescript/bin/tsc'

/** Something that the user has to put right; printed without a stack. */
export class SetupError extends Error {}

/** Prints what a script is about to do. Not to stdout, which belongs to what the user asked for. */
export function say(text) {
  console.error(process.stderr.isTTY ? `\u001b[1m> ${text}\u001b[0m` : `> ${text}`)
}

/** Runs a program to its end in the root of the repository; returns whether it succeeded. */
export function run(command, args, options = {}) {
  const { error, status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error?.code === 'ENOENT') throw new SetupError(`${command} is not on the PATH; ${advice(command)}`)
  if (error) throw error
  if (signal) throw new SetupError(`${command} was ended by ${signal}`)
  return status === 0
}

function advice(command) {
  return command === 'cargo' ? 'install the Rust toolchain: https://rustup.rs' : 'install it first'
}

/** Runs a program that must succeed. */
function must(command, args, options) {
  if (!run(command, args, options)) throw new SetupError(`failed: ${command} ${args.join(' ')}`)
}

/** Runs the TypeScript compiler. */
export function tsc(...args) {
  return run(process.execPath, [TSC, ...args])
}

/** Runs `main`, and turns what it throws into a message and an exit status. `false` is a failure too. */
export async function script(main) {
  try {
    if ((await main()) === false) process.exitCode = 1
  } catch (error) {
    console.error(error instanceof SetupError ? `error: ${error.message}` : error)
    process.exitCode = 1
  }
}

/** Installs the packages that the build needs, unless they are there and the lock file is no newer. */
export function ensurePackages() {
  if (newest(['package-lock.json']) <= newest(['node_modules/.package-lock.json'])) return
  say('installing npm packages')
  // Below `npm run` this is the very npm that runs us; npm.cmd cannot be started without a shell.
  const npm = process.env.npm_execpath
  if (npm?.endsWith('.js')) must(process.execPath, [npm, 'ci'])
  else must('npm', ['ci'], { shell: process.platform === 'win32' })
  // npm leaves its own times behind where nothing had to be done.
  touch('node_modules/.package-lock.json')
}

const PARTS = {
  native: {
    inputs: ['src', 'Cargo.toml', 'Cargo.lock', 'build.rs', 'rust-toolchain.toml', '.cargo', 'package.json'],
    outputs: () => ['index.js', 'index.d.ts', bindingFile() ?? `${manifest.napi.binaryName}.*.node`],
    generated: ['index.js', 'index.d.ts'],
    build() {
      say('building the native engine (the first time takes some minutes)')
      must('cargo', ['--version'], { stdio: 'ignore' })
      must(process.execPath, [NAPI, 'build', '--platform', '--release', '--esm'])
      must(process.execPath, [NAPI, 'create-npm-dirs'], { stdio: ['ignore', 'ignore', 'inherit'] })
    },
  },
  ts: {
    inputs: ['js', 'tsconfig.json', 'package.json', 'scripts'],
    outputs: () => [...Object.values(manifest.bin), manifest.main],
    generated: [],
    async build() {
      say('compiling TypeScript')
      const { buildTypeScript } = await import('./typescript.mjs')
      if (!buildTypeScript()) throw new SetupError('TypeScript found errors')
    },
  },
}

/** Builds one part: `native` or `ts`. */
export async function build(name) {
  const part = PARTS[name]
  if (!part) throw new SetupError(`there is no part "${name}"; there are ${Object.keys(PARTS).join(' and ')}`)
  const started = new Date()
  await part.build()
  const stamp = stampFile(name)
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, digest(part.generated))
  // What is saved while the build runs must count as newer.
  utimesSync(stamp, started, started)
}

/** Builds the parts whose sources are newer than the last build, or whose results are missing or were edited. */
export async function ensureBuilt() {
  for (const [name, part] of Object.entries(PARTS)) {
    const stamp = stampFile(name)
    const fresh =
      existsSync(stamp) &&
      part.outputs().every((output) => existsSync(join(root, output))) &&
      newest(part.inputs) <= statSync(stamp).mtimeMs &&
      readFileSync(stamp, 'utf8') === digest(part.generated)
    if (!fresh) await build(name)
  }
}

function stampFile(name) {
  return join(root, 'target', 'stamps', name)
}

/** The binding of this platform; napi names it, we only look for it. */
function bindingFile() {
  const prefix = `${manifest.napi.binaryName}.`
  return readdirSync(root).find((name) => name.startsWith(prefix) && name.endsWith('.node'))
}

function digest(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const path = join(root, file)
    hash.update(existsSync(path) ? readFileSync(path) : 'missing')
  }
  return hash.digest('hex')
}

function touch(file) {
  const now = new Date()
  utimesSync(join(root, file), now, now)
}

/** The latest change below any of the paths, as milliseconds; what does not exist counts as never changed. */
function newest(paths) {
  let latest = 0
  for (const path of paths) {
    const full = join(root, path)
    if (!existsSync(full)) continue
    const stats = statSync(full)
    latest = Math.max(latest, stats.mtimeMs)
    if (stats.isDirectory()) latest = Math.max(latest, newest(readdirSync(full).map((name) => join(path, name))))
  }
  return latest
}
