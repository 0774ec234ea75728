// node --expose-gc bench/parked.mjs '<case as JSON>': durable runs that sleep: what they take while they do, and how fast
// one wakes.
//
// Prints JSON: a list of samples by name. What they take is what the process has more than after as many runs that have
// ended, once V8 has thrown away what nobody needs: it would do so by itself, at a time of its own.

import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { createEngine } from '../dist/index.js'
import { memoryNow } from './memory.mjs'
import { workflow } from './setting.mjs'

const SLEEPER = workflow('sleeper')
/** Threads that nobody needs stay for ten seconds. */
const SETTLED_MS = 12_000
/** Long enough to be put away for. */
const NAP_MS = 200
/** So many runs are started at once. */
const AT_ONCE = 16

/** The memory of the process when it is at rest. */
async function settled() {
  await sleep(SETTLED_MS)
  const before = memoryNow()
  // V8 gives pages back some time after it has emptied them.
  for (let round = 0; round < 40; round++) {
    globalThis.gc()
    await sleep(100)
    const { heapTotal, heapUsed } = process.memoryUsage()
    if (heapTotal < 1.5 * heapUsed) break
  }
  return { before, after: memoryNow() }
}

async function main({ count, wakes, synchronous }) {
  const folder = mkdtempSync(join(tmpdir(), 'smol-wf-bench-'))
  const idle = memoryNow()
  /** When the agent of a run was asked, by run. */
  const asked = new Map()
  /** Told when a run is put away, and until when. */
  const parked = new Map()
  const engine = createEngine({
    store: { path: join(folder, 'runs.db'), synchronous },
    onAgent: (id) => void asked.set(id, Date.now()),
    onEvent: ({ type, runId, wakeAt }) => type === 'run.suspended' && parked.get(runId)?.(wakeAt),
  })
  /** Starts a run; resolves with it and the time until which it is put away. */
  const park = async (id, nap) => {
    const suspended = new Promise((resolve) => parked.set(id, resolve))
    const run = await engine.run(SLEEPER, { runId: id, args: { id, nap } })
    const wakeAt = await suspended
    parked.delete(id)
    return { run, wakeAt }
  }
  /** Does something so many times, a few at a time. */
  const times = (count, what) => {
    const lane = async (first) => {
      for (let i = first; i < count; i += AT_ONCE) await what(i)
    }
    return Promise.all(Array.from({ length: AT_ONCE }, (_, i) => lane(i)))
  }
  try {
    await times(count, async (i) => {
      const id = `warm${i}`
      await (await engine.run(SLEEPER, { runId: id, args: { id, nap: 0 } })).result
      asked.delete(id)
    })
    const warm = await settled()
    const results = []
    const started = performance.now()
    await times(count, async (i) => {
      const { run } = await park(`r${i}`, '1h')
      // As whoever waits for it would.
      results.push(run.result)
    })
    const each = (performance.now() - started) / count
    const now = await settled()
    const wake = []
    for (let i = 0; i < wakes; i++) {
      const { run, wakeAt } = await park(`w${i}`, NAP_MS)
      await run.result
      wake.push(asked.get(run.id) - wakeAt)
    }
    const ended = results.map((result) => result.catch(() => {}))
    assert.equal(results.length, count)
    await engine.close()
    await Promise.all(ended)
    return {
      memory: [now.after.rss - warm.after.rss],
      above: [now.before.rss - idle.rss],
      warm: [warm.before.rss - idle.rss],
      park: [each],
      wake,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  console.log(JSON.stringify(await main(JSON.parse(process.argv[2]))))
} catch (error) {
  // Whoever started this process reads it.
  console.error(error.message)
  process.exitCode = 1
}
