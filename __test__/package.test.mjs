// The package as it is installed: what can be imported and required, by whom, and what is in it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'

import { folder, node, root } from './support.mjs'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Runs npm in the root and returns what it prints as JSON. */
function npm(args) {
  // Below `npm run` this is the very npm that runs us; npm.cmd cannot be started without a shell.
  const self = process.env.npm_execpath
  const [command, first, shell] = self?.endsWith('.js')
    ? [process.execPath, [self], false]
    : ['npm', [], process.platform === 'win32']
  const { status, stdout, stderr } = spawnSync(command, [...first, ...args], { cwd: root, encoding: 'utf8', shell })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

/** A project outside of this repository that has the packed package installed; its folder and the packed files. */
function installation(t, files) {
  const dir = folder(t, files)
  const [packed] = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', dir])
  const target = join(dir, 'node_modules', '@smol-workflow', 'engine')
  mkdirSync(target, { recursive: true })
  const { status, stderr } = spawnSync('tar', ['-xzf', packed.filename, '-C', target, '--strip-components=1'], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return { dir, packedFiles: packed.files.map((file) => file.path) }
}

/** Runs a program of a project; what it prints as JSON. Nothing at all may be on stderr. */
async function outputOf(dir, file) {
  const { code, stdout, stderr } = await node([join(dir, file)], { cwd: dir })
  assert.deepEqual([code, stderr], [0, ''], file)
  return JSON.parse(stdout)
}

/** All files that the manifest points at. */
function targets(value = [manifest.exports, manifest.bin, manifest.main, manifest.types]) {
  return typeof value === 'string' ? [value.replace('./', '')] : Object.values(value).flatMap((one) => targets(one))
}

const SCRIPT = "export const meta = { name: 'a', description: 'b' }; export default args.n"

test('the entries are these and no others', () => {
  assert.deepEqual(Object.keys(manifest.exports), [
    '.',
    './agent-providers',
    './backends/absurd',
    './metadata',
    './budget',
    './workflow',
    './package.json',
  ])
  const { resolve } = createRequire(import.meta.url)
  for (const subpath of ['/dist/index.js', '/index.js', '/run', '/cli']) {
    assert.throws(() => resolve(manifest.name + subpath), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
  }
})

test('it depends on nothing at run time', () => {
  assert.deepEqual([manifest.dependencies, manifest.peerDependencies], [undefined, undefined])
})

test('the lock file names no registry', () => {
  assert.doesNotMatch(readFileSync(join(root, 'package-lock.json'), 'utf8'), /"resolved"|\.tgz"/)
})

test('there is a platform package for every target', () => {
  assert.equal(manifest.napi.targets.length, 8)
  for (const name of ['linux-x64-gnu', 'linux-arm64-gnu', 'linux-x64-musl', 'linux-arm64-musl', 'darwin-x64']) {
    const { name: full, version } = JSON.parse(readFileSync(join(root, 'npm', name, 'package.json'), 'utf8'))
    assert.deepEqual([full, version], [`${manifest.name}-${name}`, manifest.version])
  }
})

test('the command is executable', { skip: process.platform === 'win32' && 'Windows has no such bit' }, () => {
  const file = join(root, manifest.bin['smol-wf'])
  assert.equal(statSync(file).mode & 0o111, 0o111)
  assert.ok(readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node\n'))
})

test('installed, it is complete, and has nothing else in it', (t) => {
  const { packedFiles } = installation(t, {})
  for (const file of ['LICENSE', 'index.js', 'index.d.ts', 'schema/smol.config.schema.json', ...targets()]) assert.ok(packedFiles.includes(file), file)
  assert.ok(packedFiles.some((file) => file.endsWith('.node')), 'the binding of this platform')
  const known = /^(dist|schema|types)\/|^index\.(js|d\.ts)$|^smol-workflow-engine\..*\.node$|^[A-Z]+(\.md)?$|^package\.json$/
  assert.deepEqual(
    packedFiles.filter((file) => !known.test(file)),
    [],
  )
})

test('ES modules import it, CommonJS requires it, and both have the same one', async (t) => {
  const { dir } = installation(t, {
    'import.mjs': `
      import { createRequire } from 'node:module'
      import { formatLogValue, runWorkflow } from '@smol-workflow/engine'
      import { createAgentProvider } from '@smol-workflow/engine/agent-providers'
      import { parseBudgetSnapshot } from '@smol-workflow/engine/budget'
      import { readWorkflowMetadata } from '@smol-workflow/engine/metadata'
      const require = createRequire(import.meta.url)
      console.log(JSON.stringify([
        await runWorkflow({ source: ${JSON.stringify(SCRIPT)}, args: { n: 5 } }),
        formatLogValue([1]),
        createAgentProvider().name,
        parseBudgetSnapshot('{"total":1}'),
        readWorkflowMetadata(${JSON.stringify(SCRIPT)}),
        require('@smol-workflow/engine/package.json').name,
      ]))`,
    'require.cjs': `
      const { formatLogValue, runWorkflow } = require('@smol-workflow/engine')
      const { createAgentProvider } = require('@smol-workflow/engine/agent-providers')
      const { parseBudgetSnapshot } = require('@smol-workflow/engine/budget')
      const { readWorkflowMetadata } = require('@smol-workflow/engine/metadata')
      runWorkflow({ source: ${JSON.stringify(SCRIPT)}, args: { n: 5 } }).then((result) => {
        console.log(JSON.stringify([
          result,
          formatLogValue([1]),
          createAgentProvider().name,
          parseBudgetSnapshot('{"total":1}'),
          readWorkflowMetadata(${JSON.stringify(SCRIPT)}),
          require('@smol-workflow/engine/package.json').name,
        ]))
      })`,
    'both.cjs': `
      const entries = ['', '/agent-providers', '/backends/absurd', '/budget', '/metadata'].map((entry) => '@smol-workflow/engine' + entry)
      Promise.all(entries.map(async (entry) => {
        const [required, imported] = [require(entry), await import(entry)]
        const names = Object.keys(imported)
        return names.length > 0 && names.every((name) => required[name] === imported[name])
      })).then((same) => console.log(JSON.stringify(same)))`,
  })
  const expected = [
    5,
    '[ 1 ]',
    'debug',
    { total: 1, spent: 0 },
    { name: 'a', description: 'b' },
    '@smol-workflow/engine',
  ]
  assert.deepEqual(await outputOf(dir, 'import.mjs'), expected)
  assert.deepEqual(await outputOf(dir, 'require.cjs'), expected)
  assert.deepEqual(await outputOf(dir, 'both.cjs'), [true, true, true, true, true])
})

test('require() works without a warning where the package is linked, too', async (t) => {
  const dir = folder(t, { 'require.cjs': "console.log(typeof require('@smol-workflow/engine').runWorkflow === 'function')" })
  mkdirSync(join(dir, 'node_modules', '@smol-workflow'), { recursive: true })
  symlinkSync(root, join(dir, 'node_modules', '@smol-workflow', 'engine'), 'junction')
  assert.equal(await outputOf(dir, 'require.cjs'), true)
})

test('a Node.js that cannot require ES modules is told what to do', async (t) => {
  const flag = '--no-experimental-require-module'
  if (!process.allowedNodeEnvironmentFlags.has(flag)) return t.skip('this Node.js always can')
  const dir = folder(t, { 'require.cjs': `require(${JSON.stringify(join(root, 'dist', 'budget.cjs'))})` })
  const { code, stderr } = await node([flag, join(dir, 'require.cjs')])
  assert.equal(code, 1)
  assert.match(stderr, /require\('@smol-workflow\/engine\/budget'\) needs Node\.js 20\.19, 22\.12 or newer, this is v\d/)
  assert.match(stderr, /await import\('@smol-workflow\/engine\/budget'\)/)
})

test('the types of scripts are found by their documented names', (t) => {
  const options = { noEmit: true, strict: true, target: 'es2022', lib: ['es2023'], module: 'nodenext' }
  const { dir } = installation(t, {
    'package.json': '{"type":"module"}',
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...options, checkJs: true, types: ['@smol-workflow/engine/workflow'] },
      files: ['listed.js'],
    }),
    'tsconfig.reference.json': JSON.stringify({
      compilerOptions: { ...options, types: [] },
      files: ['referenced.ts'],
    }),
    'listed.js': `
      export const meta = { name: 'a', description: 'b' }
      const { n } = await agent('x', { schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } })
      export default n.toFixed()
      // @ts-expect-error not a member of a number
      n.nope`,
    'referenced.ts': `
      /// <reference types="@smol-workflow/engine/workflow" />
      export default agent('x') satisfies Promise<string>`,
  })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const config of ['tsconfig.json', 'tsconfig.reference.json']) {
    const { status, stdout } = spawnSync(process.execPath, [tsc, '--project', join(dir, config)], { encoding: 'utf8' })
    assert.equal(status, 0, `${config}: ${stdout}`)
  }
})
