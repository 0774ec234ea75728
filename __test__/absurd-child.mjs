// A worker in a process of its own, for the tests of the absurd backend that need more than one, or that end one.
// argv: database, role, and what the role takes.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

import { createAbsurdWorkflowBackend } from '@smol-workflow/engine/backends/absurd'

const [folder, role, detail] = process.argv.slice(2)
const dbPath = join(folder, 'tasks.db')
const note = (line) => appendFileSync(join(folder, 'notes.log'), `${line}\n`)

const roles = {
  /** Does one workflow; kills itself when its agent is asked `detail`. */
  async workflow() {
    const agentProvider = {
      name: 'mine',
      schemaMode: 'none',
      usageMode: 'builtin',
      run: async ({ prompt }) => {
        note(prompt)
        if (prompt === detail) process.kill(process.pid, 'SIGKILL')
        return { output: `<${prompt}>`, usage: { outputTokens: 10 } }
      },
    }
    const backend = createAbsurdWorkflowBackend({ dbPath, agentProvider })
    backend.registerWorkflowTask()
    await backend.workBatch()
    await backend.close()
  },
  /** Does tasks until there are none. */
  async drain() {
    const { absurd } = createAbsurdWorkflowBackend({ dbPath })
    absurd.registerTask({ name: 'note' }, async (params) => note(params.number))
    for (;;) {
      const tasks = await absurd.claimTasks({ batchSize: 3 })
      if (tasks.length === 0) break
      for (const task of tasks) await absurd.executeTask(task, 120)
    }
    await absurd.close()
  },
  /** Loses its task to another client, and goes on with it all the same. */
  async zombie() {
    const one = createAbsurdWorkflowBackend({ dbPath })
    const two = createAbsurdWorkflowBackend({ dbPath })
    let begun
    const begins = new Promise((resolve) => (begun = resolve))
    one.absurd.registerTask({ name: 'endless' }, () => {
      begun()
      return new Promise(() => {})
    })
    await one.init()
    await one.absurd.spawn('endless', {})
    await one.startWorker({ claimTimeout: 0.2, fatalOnLeaseTimeout: detail === 'fatal' })
    await begins
    const now = Date.now
    Date.now = () => now() + 60_000
    const [task] = await two.absurd.claimTasks()
    note(task.attempt)
    Date.now = now
    // The worker itself keeps the process alive.
  },
}

await roles[role]()
