// How much memory this process takes, in MB (1 000 000 bytes).

import { readFileSync } from 'node:fs'

const KIB = 1024 / 1e6

/** Resident and, where the system tells, proportional: pages shared with others count in part. */
export function memoryNow() {
  return { rss: process.memoryUsage.rss() / 1e6, pss: field('/proc/self/smaps_rollup', 'Pss') }
}

/** The most that was ever resident. */
export function peakMemory() {
  // What `resourceUsage` says includes, on Linux, the process that this one was started from.
  return field('/proc/self/status', 'VmHWM') ?? process.resourceUsage().maxRSS * KIB
}

function field(file, name) {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
  return kib === undefined ? undefined : Number(kib) * KIB
}
