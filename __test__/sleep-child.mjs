// One life of a durable run that sleeps, for the tests that end it: starts or resumes run `r`, says each event, and then the
// result. argv: folder, mode.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

import { createEngine } from '@smol-workflow/engine'

const [folder, mode] = process.argv.slice(2)
const engine = createEngine({ store: { path: join(folder, 'runs.db'), synchronous: 'normal' } })
const options = {
  onAgent: (prompt) => {
    appendFileSync(join(folder, 'asked.log'), `${prompt}\n`)
    return `<${prompt}>`
  },
  onEvent: ({ type }) => console.log(type),
}
const run = mode === 'resume' ? await engine.resume('r', options) : await engine.run(join(folder, 'flow.js'), { runId: 'r', ...options })
console.log(JSON.stringify(await run.result))
await engine.close()
