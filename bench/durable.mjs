// node bench/durable.mjs '<case as JSON>': runs that keep a journal. Prints JSON: a list of samples by name.

import { strict as assert } from 'node:assert'
import { chmodSync, closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { createCodexAgentProvider } from '../dist/agent-providers/index.js'
import { createEngine } from '../dist/index.js'
import { measured, workflow } from './setting.mjs'

const never = () => new Promise(() => {})

/** One run with a store of its own; how long it took, in milliseconds. */
async function timed(folder, name, count, synchronous) {
  const engine = createEngine({ store: { path: join(mkdtempSync(join(folder, 'run-')), 'runs.db'), synchronous } })
  const started = performance.now()
  const run = await engine.run(workflow(name), { args: { count } })
  assert.equal(await run.result, count)
  const took = performance.now() - started
  await engine.close()
  return took
}

/** A log of this many pages is begun again, as SQLite's is. */
const LOG_PAGES = 500

/** Writes of the size that a call takes in the journal, to a log, each of them synced: milliseconds for one. */
function bareSync(folder, count) {
  const path = join(folder, 'bare')
  const file = openSync(path, 'w')
  const page = Buffer.alloc(8192, 1)
  try {
    const started = performance.now()
    for (let i = 0; i < count; i++) {
      writeSync(file, page, 0, page.length, (i % LOG_PAGES) * page.length)
      fdatasyncSync(file)
    }
    return (performance.now() - started) / count
  } finally {
    closeSync(file)
    rmSync(path)
  }
}

const CASES = {
  /** Calls one after the other, few and many, in turns. */
  async sequential({ folder, few, many, samples }) {
    const figures = { few: [], many: [], growth: [] }
    await timed(folder, 'sequential', few, 'normal')
    for (let i = 0; i < samples; i++) {
      const short = (await timed(folder, 'sequential', few, 'normal')) / few
      const long = (await timed(folder, 'sequential', many, 'normal')) / many
      figures.few.push(short)
      figures.many.push(long)
      figures.growth.push(long / short)
    }
    return figures
  },

  async parallel({ folder, count, samples }) {
    const wall = []
    for (let i = 0; i <= samples; i++) wall.push(await timed(folder, 'parallel', count, 'normal'))
    return { wall: wall.slice(1) }
  },

  /** Each call synced, and many calls that share their syncs, beside bare writes that are synced, in turns. */
  async full({ folder, count, many, samples }) {
    const figures = { call: [], sync: [], ratio: [], grouped: [], share: [] }
    for (let i = 0; i < samples; i++) {
      const sync = bareSync(folder, count)
      const call = (await timed(folder, 'sequential', count, 'full')) / count
      const grouped = (await timed(folder, 'parallel', many, 'full')) / many
      figures.call.push(call)
      figures.sync.push(sync)
      figures.ratio.push(call / sync)
      figures.grouped.push(grouped)
      figures.share.push(grouped / sync)
    }
    return figures
  },

  /** What is kept of what agents print. */
  async printed({ folder, count, bytes, samples }) {
    const figures = { none: [], kept: [], more: [], growth: [], shared: [] }
    await printed(folder, { count: 4, bytes, keepOutput: true })
    for (let i = 0; i < samples; i++) {
      const none = await printed(folder, { count, bytes, keepOutput: false })
      const kept = await printed(folder, { count, bytes, keepOutput: true })
      const same = await printed(folder, { count, bytes, same: true, keepOutput: true })
      figures.none.push(none.cpu)
      figures.kept.push(kept.cpu)
      figures.more.push(kept.cpu - none.cpu)
      figures.growth.push((kept.size - none.size) / (count * bytes))
      figures.shared.push((same.size - none.size) / bytes)
    }
    return figures
  },

  /** A run of many recorded calls is taken up: the time until it asks for what is not recorded. */
  async replay({ folder, count, samples }) {
    const path = join(folder, 'replay.db')
    const wall = []
    for (let i = 0; i <= samples + 1; i++) {
      const engine = createEngine({ store: { path, synchronous: 'normal' } })
      let asked
      const last = new Promise((resolve) => (asked = resolve))
      const providers = { last: { name: 'last', run: () => (asked(), never()) } }
      const started = performance.now()
      const run = i === 0
        ? await engine.run(workflow('sequential-last'), { runId: 'r', args: { count }, providers })
        : await engine.resume('r', { providers })
      await last
      // The first run makes the journal, the second warms up.
      if (i > 1) wall.push(performance.now() - started)
      await engine.close()
      await run.result.catch(() => {})
    }
    return { wall }
  },
}

/** A stand-in for Codex that prints so many bytes: those of its prompt, or all the same. */
const printing = (bytes, same) => `#!${process.execPath}
const { readFileSync, writeFileSync, writeSync } = require('node:fs')
const prompt = readFileSync(0, 'utf8')
writeFileSync(process.argv[process.argv.indexOf('--output-last-message') + 1], 'done')
const say = (event) => writeSync(1, JSON.stringify(event) + '\\n')
say({ type: 'thread.started', thread_id: 's' })
say({ type: 'turn.started' })
const text = (${same} ? '' : prompt) + ' some words of prose, and "code", as an agent prints them\\n'.repeat(20)
for (let left = ${bytes}, id = 0; left > 0; id++) {
  const event = { type: 'item.completed', item: { id: 'item_' + id, type: 'agent_message', text } }
  say(event)
  left -= JSON.stringify(event).length
}
say({ type: 'turn.completed', usage: { input_tokens: 1, output_tokens: 1 } })
`

/** Agents that print, four at a time: CPU time of the host for one of them, and the size of the store. */
async function printed(folder, { count, bytes, same = false, keepOutput }) {
  const own = mkdtempSync(join(folder, 'printed-'))
  const command = join(own, 'codex')
  writeFileSync(command, printing(bytes, same))
  chmodSync(command, 0o755)
  const path = join(own, 'runs.db')
  const agentProvider = createCodexAgentProvider({ command })
  const engine = createEngine({ store: { path, synchronous: 'normal' }, agentProvider, keepOutput })
  const before = process.cpuUsage()
  const run = await engine.run(workflow('parallel'), { args: { count }, maxParallelAgents: 4 })
  assert.equal(await run.result, count)
  await engine.close()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 1000 / count, size: statSync(path).size }
}

await measured(CASES)
