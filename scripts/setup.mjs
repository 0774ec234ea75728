// node scripts/setup.mjs: from a fresh clone to something that runs; does nothing where nothing has changed.

import { ensureBuilt, ensurePackages, script } from './lib.mjs'

await script(async () => {
  ensurePackages()
  await ensureBuilt()
})
