// node scripts/build.mjs native ts: builds the named parts, whether they need it or not.

import { build, ensurePackages, script } from './lib.mjs'

await script(async () => {
  ensurePackages()
  for (const part of process.argv.slice(2)) await build(part)
})
