// node bench/case.mjs '<case as JSON>': runs one case of `cases.mjs` in this process, which is there for nothing else.
//
// Prints `{ wall, cpu, memory }` as JSON: milliseconds per sample, and MB.

import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'

import { runWorkflow } from '../dist/index.js'
import { memoryNow, peakMemory } from './memory.mjs'
import { workflow } from './setting.mjs'

const HELLO = { scriptPath: workflow('hello') }

const hello = () => runWorkflow(HELLO)

/** Runs a workflow that gives back how many answers it got. */
const counting = (name) => async (args) => {
  assert.equal(await runWorkflow({ scriptPath: workflow(name), args }), args.count)
}

/** By name: one sample. It may say itself how long it took, in milliseconds. */
const RUN = {
  hello: async () => assert.equal(typeof (await hello()), 'string'),
  parallel: counting('parallel'),
  sequential: counting('sequential'),
  children: counting('children'),
  concurrent: ({ count }) => Promise.all(Array.from({ length: count }, hello)),
  cancel,
}

/** From the abort to the rejection, with all calls under way. */
async function cancel({ count }) {
  const controller = new AbortController()
  let called = 0
  let allCalled
  const waiting = new Promise((resolve) => {
    allCalled = resolve
  })
  const run = runWorkflow({
    scriptPath: workflow('parallel'),
    args: { count },
    signal: controller.signal,
    onAgent: () => {
      if (++called === count) allCalled()
      return new Promise(() => {})
    },
  })
  const rejected = assert.rejects(run, { code: 'ERR_RUN_CANCELLED' })
  await waiting
  await sleep(0)
  const started = performance.now()
  controller.abort()
  await rejected
  return performance.now() - started
}

/** The memory of `count` runs that have all got to their call, above what the process took before. */
async function held(count, idle) {
  const answers = []
  let allCalled
  const waiting = new Promise((resolve) => {
    allCalled = resolve
  })
  const onAgent = () =>
    new Promise((resolve) => {
      if (answers.push(resolve) === count) allCalled()
    })
  const runs = Array.from({ length: count }, () => runWorkflow({ ...HELLO, onAgent }))
  await waiting
  const now = memoryNow()
  for (const answer of answers) answer('hello')
  await Promise.all(runs)
  return { rss: now.rss - idle.rss, pss: now.pss === undefined ? undefined : now.pss - idle.pss }
}

async function measure({ name, args, samples, warm }) {
  const idle = memoryNow()
  for (let i = 0; i < 3; i++) await hello()
  for (let i = 0; i < warm; i++) await RUN[name](args)
  const wall = []
  const cpu = []
  for (let i = 0; i < samples; i++) {
    const usage = process.cpuUsage()
    const started = performance.now()
    const own = await RUN[name](args)
    if (typeof own === 'number') {
      // The processor's time would be that of all the rest, too.
      wall.push(own)
      continue
    }
    wall.push(performance.now() - started)
    const { user, system } = process.cpuUsage(usage)
    cpu.push((user + system) / 1000)
  }
  const peak = peakMemory()
  const memory = { idle, process: peak, peak: peak - idle.rss }
  if (name === 'concurrent') memory.held = await held(args.count, idle)
  return { wall, cpu, memory }
}

try {
  console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]))))
} catch (error) {
  // Whoever started this process reads it.
  console.error(error.message)
  process.exitCode = 1
}
