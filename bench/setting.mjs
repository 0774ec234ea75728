// What the programs share that are measured from inside: where the workflows are, and a folder that is gone afterwards.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const workflow = (name) => fileURLToPath(new URL(`workflows/${name}.js`, import.meta.url))

/** Measures the case that the first argument names, as JSON, with what else it says; prints the figures as JSON. */
export async function measured(cases) {
  const folder = mkdtempSync(join(tmpdir(), 'smol-bench-'))
  try {
    const { name, ...given } = JSON.parse(process.argv[2])
    console.log(JSON.stringify(await cases[name]({ folder, ...given })))
  } catch (error) {
    // Whoever started this process reads it.
    console.error(error.message)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
