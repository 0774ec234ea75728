// Runs whose processes are killed at any moment, again and again: they end as if nothing had happened, and no answer that
// was recorded is asked for again. `npm run chaos` takes ten times as many seeds; CHAOS_SEEDS=n says how many,
// CHAOS_FIRST=n with which to begin.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine, runWorkflow } from '@smol-workflow/engine'

import { environment, folder, root } from './support.mjs'

const SEEDS = Number(process.env.CHAOS_SEEDS ?? 200)
const FIRST = Number(process.env.CHAOS_FIRST ?? 1)
/** Runs that live and die together. */
const BATCH = 10
/** After so many lives a batch is left alone. */
const LIVES = 12
/** The longest time that a life has once its engine is open, in milliseconds; all runs of a batch take about that long. */
const LONGEST = 60

const windows = process.platform === 'win32' && 'processes are ended by signals'
const life = join(root, '__test__/chaos/life.mjs')
const flow = join(root, '__test__/chaos/flow.js')

/** What an answer looks like, whoever gives it. */
function answer(prompt) {
  return prompt === 'structured' ? { n: prompt.length } : `<${prompt}>`
}

/** What comes of a seed where nobody dies. */
async function expected(seed) {
  const run = (give) => ({ name: 'here', run: async ({ prompt, context }) => give(prompt, context) })
  return runWorkflow({
    scriptPath: flow,
    args: { seed },
    providers: { program: run(() => ({ output: 'done', usage: { outputTokens: 2 } })) },
    agentProvider: run((prompt, { attempt }) => {
      if (prompt === 'broken' || (prompt === 'shaky' && attempt === 1)) throw new Error('down')
      return { output: answer(prompt), usage: { outputTokens: 1 + (prompt.length % 5) } }
    }),
  })
}

/** Lives through one life, of `ms` milliseconds or to its end: what it printed at its end, if it came there. */
function live(path, seeds, number, ms) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [life, path, seeds.join(','), String(number)], {
      env: environment({ CHAOS_LIFE: String(number) }),
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (stdout === '' && ms !== undefined) setTimeout(() => child.kill('SIGKILL'), ms)
      stdout += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(`life ${number} of ${seeds} ended with ${code ?? signal}: ${stderr}`))
      else resolve(code === 0 ? JSON.parse(stdout.slice(stdout.indexOf('\n'))) : undefined)
    })
  })
}

/** The events of each run, by its seed. */
async function journals(path, seeds) {
  const engine = createEngine({ store: { path: join(path, 'runs.db'), readOnly: true } })
  try {
    const known = new Set((await engine.list()).map(({ id }) => id))
    const found = new Map()
    for (const seed of seeds.map(String)) {
      const events = []
      if (known.has(seed)) for await (const event of engine.events(seed)) events.push(event)
      found.set(seed, events)
    }
    return found
  } finally {
    await engine.close()
  }
}

/** The labels of calls that have an end in the journals. */
function ended(found) {
  const labels = new Set()
  for (const events of found.values()) {
    for (const { type, label } of events) if (type === 'call.ended' && label !== undefined) labels.add(label)
  }
  return labels
}

/** Processes that know the folder from their environment or their command line. */
function processesOf(path) {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(path)
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

async function batch(t, seeds) {
  const path = folder(t, {})
  // One of the agents is a program, which must not outlive its host.
  const result = JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: 'done', session_id: 's', usage: { output_tokens: 2 } })
  writeFileSync(join(path, 'program'), `#!/bin/sh\nfor label; do :; done\necho "$CHAOS_LIFE $label 1" >> '${path}/asked.log'\nsleep 0.01\necho '${result}'\n`)
  chmodSync(join(path, 'program'), 0o755)
  writeFileSync(join(path, 'asked.log'), '')

  let state = seeds[0] * 2654435761
  const dice = (sides) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % sides
  let before = new Map()
  const recorded = new Map()
  let results
  let number = 0
  while (results === undefined) {
    number += 1
    results = await live(path, seeds, number, number <= LIVES ? dice(LONGEST) : undefined)
    const now = await journals(path, seeds)
    for (const [seed, events] of before) {
      assert.deepEqual(now.get(seed).slice(0, events.length), events, `seed ${seed}: what was told has changed in life ${number}`)
    }
    for (const label of ended(now)) if (!recorded.has(label)) recorded.set(label, number)
    before = now
  }
  for (const line of readFileSync(join(path, 'asked.log'), 'utf8').trimEnd().split('\n')) {
    const [asked, label] = line.split(' ')
    assert.ok(label, `an agent did not hear what it was asked: ${line}`)
    const end = recorded.get(label)
    assert.ok(end === undefined || Number(asked) <= end, `call ${label} was asked in life ${asked}, and its end was recorded in life ${end}`)
  }
  const engine = createEngine({ store: join(path, 'runs.db') })
  try {
    assert.deepEqual(await engine.verify(), [])
    for (const seed of seeds) {
      const wanted = await expected(seed)
      assert.deepEqual(results[seed], wanted, `seed ${seed}: another result`)
      const run = await engine.inspect(String(seed))
      assert.deepEqual([run.status, run.result, run.spent], ['completed', wanted, wanted.spent], `seed ${seed}`)
      const events = before.get(String(seed))
      assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1))
      const calls = (wanted) => events.filter(({ type }) => type === wanted).map(({ call }) => call)
      const ends = calls('call.ended').sort((a, b) => a - b)
      const begun = [...new Set(calls('call.started'))].sort((a, b) => a - b)
      assert.deepEqual(ends, begun, `seed ${seed}: each call that began has one end`)
    }
  } finally {
    await engine.close()
  }
  // Ended by a process that watches over them, which takes a moment.
  for (let left = 200; processesOf(path).length > 0; left--) {
    assert.ok(left > 0, `processes are left: ${processesOf(path)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return number
}

test(`runs end as if nobody had died: seeds ${FIRST} to ${FIRST + SEEDS - 1}`, { skip: windows, timeout: 30_000 + SEEDS * 3_000 }, async (t) => {
  const batches = Array.from({ length: Math.ceil(SEEDS / BATCH) }, (_, index) =>
    Array.from({ length: Math.min(BATCH, SEEDS - index * BATCH) }, (_, place) => FIRST + index * BATCH + place),
  )
  let lives = 0
  const lane = async () => {
    for (let seeds = batches.shift(); seeds; seeds = batches.shift()) lives += await batch(t, seeds)
  }
  await Promise.all([lane(), lane()])
  t.diagnostic(`${lives} lives`)
  assert.ok(lives > SEEDS / BATCH, 'nobody was killed')
})
