// One life of a durable run, for the tests that end it: starts or resumes run `r`, answers each call by its prompt, writes
// down what it was asked, and kills itself instead of giving the answer of that number. argv: folder, mode, number (0: none).

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

import { createEngine } from '@smol-workflow/engine'

const [folder, mode, kill] = process.argv.slice(2)
const engine = createEngine({ store: { path: join(folder, 'runs.db'), synchronous: 'normal' } })
let answered = 0

const onAgent = async (prompt, options) => {
  appendFileSync(join(folder, 'asked.log'), `${prompt}\n`)
  // Answers come in an order of their own.
  for (let turn = (prompt.length * 7) % 5; turn > 0; turn--) await new Promise(setImmediate)
  if (++answered === Number(kill)) process.kill(process.pid, 'SIGKILL')
  if (options?.label === 'fails') throw new Error(`no answer to ${prompt}`)
  return { output: `<${prompt}>`, usage: { outputTokens: prompt.length } }
}

const run =
  mode === 'resume'
    ? await engine.resume('r', { onAgent })
    : await engine.run(join(folder, 'flow.js'), { runId: 'r', args: { n: 3 }, onAgent })
console.log(JSON.stringify(await run.result))
await engine.close()
