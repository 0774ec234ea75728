// One life of the runs of a batch: starts those that are not there, takes up the others, until it is killed or all are over.
//
// argv: folder, seeds with commas, number of the life. What agents are asked goes to `asked.log`, a line each:
// `life label attempt`. The results go to stdout as JSON, by seed.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { createEngine } from '@smol-workflow/engine'
import { createClaudeCodeAgentProvider } from '@smol-workflow/engine/agent-providers'

const [folder, list, life] = process.argv.slice(2)
const flow = fileURLToPath(new URL('flow.js', import.meta.url))

let state = [...`${list} ${life}`].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7)
const dice = (sides) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  return (state >>> 8) % sides
}

const answers = {
  name: 'answers',
  async run({ prompt, options, context }) {
    appendFileSync(join(folder, 'asked.log'), `${life} ${options.label} ${context.attempt}\n`)
    // At once, within this turn of the event loop, or after some time: in an order that no other life has.
    const delay = dice(8)
    if (delay > 4) await new Promise((resolve) => setTimeout(resolve, delay - 4))
    else for (let turns = delay; turns > 0; turns--) await new Promise(setImmediate)
    if (prompt === 'broken' || (prompt === 'shaky' && context.attempt === 1)) throw new Error(`${prompt} is down`)
    const output = prompt === 'structured' ? { n: prompt.length } : `<${prompt}>`
    return { output, usage: { outputTokens: 1 + (prompt.length % 5) } }
  },
}

const engine = createEngine({
  store: { path: join(folder, 'runs.db'), synchronous: 'normal' },
  agentProvider: answers,
  providers: { program: createClaudeCodeAgentProvider({ command: join(folder, 'program') }) },
  maxParallelAgents: 4,
})
// From here on whoever started this process may kill it.
console.log('ready')
const results = await Promise.all(
  list.split(',').map(async (seed) => {
    const run = await engine.run(flow, { runId: seed, args: { seed: Number(seed) } })
    return [seed, await run.result]
  }),
)
console.log(JSON.stringify(Object.fromEntries(results)))
await engine.close()
