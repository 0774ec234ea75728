// node bench/agents.mjs '<case as JSON>': agents that are programs, beside the same programs with nothing around them.
//
// The stand-in for an agent prints a file: one result as Claude Code prints it. Prints JSON: a list of samples by name.

import { spawnSync } from 'node:child_process'
import { strict as assert } from 'node:assert'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { createClaudeCodeAgentProvider } from '../dist/agent-providers/index.js'
import { runWorkflow } from '../dist/index.js'
import { memoryNow, peakMemory } from './memory.mjs'
import { measured, workflow } from './setting.mjs'

const MB = 1e6

/** A program that prints so many bytes, most of them its answer: its path and the length of the answer. */
function standIn(folder, bytes) {
  const result = (text) => {
    const usage = { input_tokens: 3, output_tokens: 2 }
    return JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: text, session_id: 's-1', usage })
  }
  const length = bytes - result('').length - 1
  const text = 'Reads the module line by line and finds nothing. '.repeat(Math.ceil(length / 49)).slice(0, length - 1) + '.'
  const output = join(folder, `output-${bytes}.json`)
  writeFileSync(output, `${result(text)}\n`)
  const path = join(folder, `agent-${bytes}`)
  writeFileSync(path, `#!/bin/sh\nexec cat '${output}'\n`)
  chmodSync(path, 0o755)
  return { path, length }
}

const run = (name, args, path) => {
  const agentProvider = createClaudeCodeAgentProvider({ command: path })
  return runWorkflow({ scriptPath: workflow(name), args, agentProvider, maxParallelAgents: args.count })
}

async function timed(body) {
  const started = performance.now()
  await body()
  return performance.now() - started
}

const CASES = {
  /** One call after the other, and as many bare starts of the program, in turns. */
  async sequential({ folder, count, samples, bare }) {
    const { path } = standIn(folder, 1000)
    const figures = { call: [], first: [], end: [], overhead: [] }
    for (let i = 0; i <= samples; i++) {
      const { status, stdout, stderr } = spawnSync(bare, ['bare', path, String(count)], { encoding: 'utf8' })
      if (status !== 0) throw new Error(`the bare start failed: ${stderr}`)
      const [first, end] = stdout.trim().split('\n').map((line) => mean(JSON.parse(line).samples))
      const wall = await timed(async () => assert.equal(await run('sequential', { count }, path), count))
      // The first one is there to warm up.
      if (i === 0) continue
      const call = wall / count
      for (const [name, value] of Object.entries({ call, first, end, overhead: call - end })) figures[name].push(value)
    }
    return figures
  },

  /** Many at once that print much. All their answers are held until the last one is there. */
  async crowd({ folder, count, bytes, samples }) {
    const { path, length } = standIn(folder, bytes)
    const figures = { bare: [], wall: [], ratio: [], delay: [], cpu: [], memory: [], above: [] }
    const idle = memoryNow().rss
    for (let i = 0; i < samples; i++) {
      const bare = await timed(() => {
        const script = `seq ${count} | xargs -P${count} -n1 '${path}' | wc -c`
        const { stdout } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
        assert.equal(Number(stdout), count * bytes)
      })
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const usage = process.cpuUsage()
      const wall = await timed(async () => {
        assert.equal(await run('crowd', { count }, path), count * length)
      })
      const { user, system } = process.cpuUsage(usage)
      delay.disable()
      figures.bare.push(bare)
      figures.wall.push(wall)
      figures.ratio.push(wall / bare)
      figures.delay.push(delay.percentile(99) / 1e6)
      figures.cpu.push((user + system) / 1000)
    }
    const above = peakMemory() - idle
    figures.above.push(above)
    figures.memory.push(above / ((count * length) / MB))
    return figures
  },
}

const mean = (samples) => samples.reduce((sum, sample) => sum + sample, 0) / samples.length

await measured(CASES)
