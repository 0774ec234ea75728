// npm run demo [-- <arguments of smol-wf>]: runs a real workflow under the debug provider, which needs no account and
// makes every answer up.

import { ensureBuilt, ensurePackages, run, say, script } from './lib.mjs'

const DEFAULT = ['run', 'examples/code-review.js', '--agent-provider', 'debug']

await script(async () => {
  ensurePackages()
  await ensureBuilt()
  const args = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT
  say(`smol-wf ${args.join(' ')}`)
  return run(process.execPath, ['dist/cli.js', ...args])
})
