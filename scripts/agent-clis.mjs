// The command lines of agents that the end-to-end suite drives: which versions, where they stand, how they are installed,
// and how the suite is started so that none of them reaches anything but this machine. No dependencies.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { root, run, say, SetupError } from './lib.mjs'

/** The packages by the provider that starts them, in the versions that the providers were measured with. */
export const PACKAGES = {
  'claude-code': { name: '@anthropic-ai/claude-code', version: '2.1.329' },
  codex: { name: '@openai/codex', version: '0.169.0' },
  opencode: { name: 'opencode-ai', version: '1.18.33' },
  // The last one under this name, and the one that runs on Node.js 20.
  pi: { name: '@mariozechner/pi-coding-agent', version: '0.73.1' },
}

/** The server that stands in for the models. It is not part of this repository, but of the folder beside it. */
export const FAKE_MODEL = resolve(root, '../shared/tools/fake-model/server.mjs')

const TESTS = '__test__/agents'

/** Where the programs are installed: 1.3 GB. */
export function cacheFolder() {
  return resolve(root, process.env.SMOL_TEST_AGENTS_CACHE || join('.cache', 'agents'))
}

/** The Rust target in whose folder Codex keeps its program, by platform. */
const CODEX_TARGETS = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
}

/**
 * How each program is started, `{ command, subcommand? }`: the binary itself, since the launchers of two of them need
 * scripts that are not run when they are installed. `undefined` for one that is not there.
 */
export function programs() {
  const platform = `${process.platform}-${process.arch}`
  const file = (...parts) => {
    const path = join(cacheFolder(), 'node_modules', ...parts)
    return existsSync(path) ? path : undefined
  }
  const native = (...parts) => {
    const command = file(...parts)
    return command && { command }
  }
  const pi = file(PACKAGES.pi.name, 'dist', 'cli.js')
  return {
    'claude-code': native(`@anthropic-ai/claude-code-${platform}`, 'claude'),
    codex: native(`@openai/codex-${platform}`, 'vendor', CODEX_TARGETS[platform] ?? 'none', 'bin', 'codex'),
    opencode: native(`opencode-${platform}`, 'bin', 'opencode'),
    pi: pi && { command: process.execPath, subcommand: [pi] },
  }
}

/** Whether somebody has asked for the programs on this machine before. */
export function isInstalled() {
  return existsSync(join(cacheFolder(), 'node_modules'))
}

/** Why the suite cannot run here at all; `undefined` if it can. */
export function whyNot() {
  if (process.platform === 'win32') return 'the suite follows processes as POSIX systems have them'
  if (!existsSync(FAKE_MODEL)) return `there is no model server at ${FAKE_MODEL}`
  return undefined
}

/** Installs what is missing, or is there in another version. */
export function install() {
  const wanted = Object.values(PACKAGES).filter(({ name, version }) => installedVersion(name) !== version)
  if (wanted.length === 0) return
  const folder = cacheFolder()
  mkdirSync(folder, { recursive: true })
  // A folder of its own: without this, npm would look for one further up and install there.
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  const packages = Object.values(PACKAGES).map(({ name, version }) => `${name}@${version}`)
  say(`installing ${packages.join(', ')} into ${folder}`)
  // Scripts of packages are not run: nothing of them is needed.
  const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--save-exact']
  const npm = process.env.npm_execpath
  const done = npm?.endsWith('.js')
    ? run(process.execPath, [npm, ...flags, ...packages], { cwd: folder })
    : run('npm', [...flags, ...packages], { cwd: folder })
  if (!done) throw new SetupError(`npm could not install ${packages.join(', ')}; whether the registry can be reached is the first thing to look at`)
}

function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(join(cacheFolder(), 'node_modules', name, 'package.json'), 'utf8')).version
  } catch {
    return undefined
  }
}

/**
 * Runs the suite, or those of its files that are named (`codex`), and says whether it passed. Its programs get an
 * environment without anything of the user's: no home folder, no keys, no configuration.
 */
export function runSuite(names = []) {
  const files = testFiles(names)
  const home = mkdtempSync(join(tmpdir(), 'smol-wf-agents-'))
  const isolation = network()
  if (isolation.length === 0) {
    say('no network namespace can be made here (that needs Linux, and root or user namespaces): the programs are only told to ask 127.0.0.1')
  }
  const [command, ...args] = [...isolation, process.execPath, '--test', ...files]
  const env = {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: home,
    TMPDIR: home,
    SMOL_TEST_AGENTS: isolation.length === 0 ? 'open' : 'isolated',
    SMOL_TEST_AGENTS_CACHE: cacheFolder(),
  }
  try {
    return run(command, args, { env })
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  }
}

function testFiles(names) {
  const all = readdirSync(join(root, TESTS)).filter((name) => name.endsWith('.test.mjs'))
  const unknown = names.filter((name) => !all.includes(`${name}.test.mjs`))
  if (unknown.length > 0) {
    const known = all.map((name) => name.replace('.test.mjs', '')).join(', ')
    throw new SetupError(`there is no ${TESTS}/${unknown[0]}.test.mjs; there are ${known}`)
  }
  const chosen = names.length === 0 ? all : names.map((name) => `${name}.test.mjs`)
  return chosen.sort().map((name) => join(TESTS, name))
}

/** The beginning of a command line that gives a program a network of its own, with nothing in it but loopback. */
function network() {
  if (process.platform !== 'linux') return []
  const up = '(ip link set lo up || ifconfig lo up) 2>/dev/null && exec "$@"'
  const connects = `
    const server = require('node:net').createServer((socket) => socket.end())
    server.listen(0, '127.0.0.1', () => {
      require('node:net').connect(server.address().port, '127.0.0.1').on('close', () => server.close()).resume()
    })`
  // Root needs no namespace of users, and is somebody else in one.
  for (const flags of [['--net'], ['--user', '--map-root-user', '--net']]) {
    const line = ['unshare', ...flags, 'sh', '-c', up, 'sh']
    const [command, ...args] = line
    const tried = spawnSync(command, [...args, process.execPath, '-e', connects], { stdio: 'ignore', timeout: 30_000 })
    if (tried.status === 0) return line
  }
  return []
}
