// npm test: everything that must hold, from a fresh clone. Runs all checks even if one fails, and says which did.

import { readdirSync } from 'node:fs'
import { join, sep } from 'node:path'

import { isInstalled, runSuite, whyNot } from './agent-clis.mjs'
import { ensureBuilt, ensurePackages, root, run, say, script, tsc } from './lib.mjs'

function filesBelow(folder, pattern) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name))
    .sort()
}

/** Every check by name; each says whether it holds. */
const CHECKS = {
  'cargo fmt': () => run('cargo', ['fmt', '--all', '--check']),
  'cargo clippy': () => run('cargo', ['clippy', '--locked', '--all-targets', '--', '-D', 'warnings']),
  'cargo test': () => run('cargo', ['test', '--locked']),
  types: () =>
    filesBelow('__test__/types', /\.json$/)
      .map((project) => tsc('--project', project))
      .every(Boolean),
  'node --test': () => run(process.execPath, ['--test', ...filesBelow('__test__', /\.test\.mjs$/).filter(isOwn)]),
  'real agents': () => {
    const reason = isInstalled() ? whyNot() : 'they are not installed; npm run test:agents does that (1.3 GB)'
    if (reason === undefined) return runSuite()
    say(`skipped: ${reason}`)
    return true
  },
}

/** Whether a test needs nothing but the package: not the programs of agents. */
function isOwn(file) {
  return !file.split(sep).includes('agents')
}

await script(async () => {
  ensurePackages()
  await ensureBuilt()
  const failed = Object.entries(CHECKS).filter(([name, check]) => {
    say(name)
    return !check()
  })
  say(failed.length === 0 ? 'all checks passed' : `failed: ${failed.map(([name]) => name).join(', ')}`)
  return failed.length === 0
})
