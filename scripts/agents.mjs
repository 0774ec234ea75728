// npm run test:agents [-- <names of files>]: the end-to-end suite with the real programs of agents. Installs them the
// first time (1.3 GB, into .cache/agents or $SMOL_TEST_AGENTS_CACHE), builds what is missing, and runs __test__/agents.

import { install, runSuite, whyNot } from './agent-clis.mjs'
import { ensureBuilt, ensurePackages, say, script } from './lib.mjs'

await script(async () => {
  const reason = whyNot()
  if (reason) {
    say(`skipped: ${reason}`)
    return true
  }
  ensurePackages()
  await ensureBuilt()
  install()
  return runSuite(process.argv.slice(2))
})
