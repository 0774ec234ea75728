// Loaded before the program with `--import`: tells on file descriptor 3 what the process has used, when it ends.

import { writeSync } from 'node:fs'

import { peakMemory } from './memory.mjs'

process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  writeSync(3, JSON.stringify({ cpu: (user + system) / 1000, peak: peakMemory() }))
})
