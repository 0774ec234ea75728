// Starting processes and waiting for them.

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { root } from '../scripts/lib.mjs'

/** Runs a Node.js program to its end and gives back what it printed. */
export async function output(program, args = []) {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    errors += chunk
  })
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(errors.trim() || `ended with status ${status}`)
  return text
}

/** By name: one sample. */
const START = {
  fork: () => forked([], 'exit'),
  message: () => forked(['say'], 'message'),
  cli: nodeProcess,
  node: nodeProcess,
}

/** `{ wall, cpu, memory }` of a case of `PROCESSES`. */
export async function measureProcess({ name, args, samples }) {
  const wall = []
  for (let i = 0; i < samples; i++) wall.push(await START[name](args))
  if (!args) return { wall, cpu: [], memory: {} }
  const { cpu, peak } = await usage(args)
  return { wall, cpu: [cpu], memory: { process: peak } }
}

async function nodeProcess(args) {
  const started = performance.now()
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'ignore' })
  const [status] = await once(child, 'exit')
  const wall = performance.now() - started
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with status ${status}`)
  return wall
}

/** What a process uses; in a run of its own, since the measuring takes time. */
async function usage(args) {
  const child = spawn(process.execPath, ['--import', './bench/usage.mjs', ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stdio[3].setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'close')
  return JSON.parse(text)
}

async function forked(args, event) {
  const started = performance.now()
  const child = fork(join(root, 'bench', 'empty.mjs'), args)
  await once(child, event)
  const wall = performance.now() - started
  if (event !== 'exit') await once(child, 'exit')
  return wall
}
