// What the tests of whole programs share: scripts in folders of their own, and programs run to their end.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const cli = join(root, 'dist', 'cli.js')

/** Long enough for the slowest machine; a program that needs longer hangs. */
const DEADLINE_MS = 60_000

/** A folder with the given files, gone after the test. */
export function folder(t, files) {
  const path = mkdtempSync(join(tmpdir(), 'smol-wf-test-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

/** A script with metadata; nothing comes before `text` on its lines but on line 1. */
export function script(text) {
  return `export const meta = { name: 'test', description: 'a test' }; ${text}\n`
}

/** The environment without what would change how the command line behaves. */
export function environment(extra) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('SMOL_WF_') && name !== 'NODE_OPTIONS')
  return { ...Object.fromEntries(kept), ...extra }
}

/**
 * Runs Node.js to its end: `{ code, signal, stdout, stderr }`. `onStderr` is called with the child and all of stderr so
 * far whenever there is more of it, `onStart` with the child at once.
 */
export function node(args, { cwd, env = {}, onStart, onStderr } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
    onStart?.(child)
    const result = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8')
      child[name].on('data', (text) => {
        result[name] += text
        if (name === 'stderr') onStderr?.(child, result.stderr)
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...result }))
  })
}

/** Runs `smol-wf`. */
export function smolWf(args, options) {
  return node([cli, ...args], options)
}
