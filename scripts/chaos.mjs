// npm run chaos [-- <seeds> [<first seed>]]: kills durable runs at any moment, and looks what became of them. 2 000 seeds
// unless told otherwise, about six minutes; `npm test` takes 200.

import { ensureBuilt, ensurePackages, run, script } from './lib.mjs'

await script(async () => {
  const [seeds = '2000', first = '1'] = process.argv.slice(2)
  ensurePackages()
  await ensureBuilt()
  const env = { ...process.env, CHAOS_SEEDS: seeds, CHAOS_FIRST: first }
  return run(process.execPath, ['--test', '--test-reporter=spec', '__test__/chaos.test.mjs'], { env })
})
