// What callers see when the native part is missing, or made for another machine.

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { folder, node, root } from './support.mjs'

/** A copy of the package without its native part. */
function copy(t) {
  const dir = folder(t, { 'flow.js': "export const meta = { name: 'n', description: 'd' }\nreturn 1" })
  for (const name of ['dist', 'package.json', 'index.js']) cpSync(join(root, name), join(dir, name), { recursive: true })
  mkdirSync(join(dir, 'node_modules'))
  return dir
}

test('a missing native part', async (t) => {
  const dir = copy(t)
  const { code, stdout, stderr } = await node([join(dir, 'dist/cli.js'), 'run', join(dir, 'flow.js')])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^smol-wf: there is no native part of @smol-workflow\/engine for this machine \([^)]*\)\nhint: [^\n]*npm run build/)
})

test('a native part that does not fit', async (t) => {
  const dir = copy(t)
  writeFileSync(join(dir, 'smol-workflow-engine.linux-x64-gnu.node'), 'not for this machine')
  const { code, stderr } = await node([join(dir, 'dist/cli.js'), 'run', join(dir, 'flow.js')])
  assert.equal(code, 1)
  assert.match(stderr, /^smol-wf: the native part of @smol-workflow\/engine does not fit this machine \([^)]*\): .*\nhint: [^\n]*npm run build/)
  const api = await node(['--input-type=module', '--eval', `await import(${JSON.stringify(join(dir, 'dist/index.js'))}).catch((error) => console.log(error.code))`])
  assert.equal(api.stdout, 'ERR_NATIVE_BINDING\n')
})
