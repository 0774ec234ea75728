// loadConfig and `smol-wf run`: which file counts, what it may be, and what is said about mistakes in it.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { loadConfig } from '../dist/index.js'
import { configTypes } from '../scripts/config-types.mjs'
import { folder, node, root, script, smolWf } from './support.mjs'

const READS_TYPESCRIPT = Boolean(process.features.typescript)

/** The folder without links in its path. */
const place = (t, files) => realpathSync(folder(t, files))

/** Rejects with this message, where `@` is the folder. */
async function refused(dir, options, message, details = {}) {
  await assert.rejects(loadConfig({ cwd: dir, ...options }), (error) => {
    assert.deepEqual([error.name, error.code], ['WorkflowError', 'ERR_CONFIG'], error.stack)
    const text = error.message.replaceAll(dir, '@').replaceAll('\\', '/')
    if (typeof message === 'string') assert.equal(text, message)
    else assert.match(text, message)
    for (const [name, value] of Object.entries(details)) assert.match(String(error.details[name]), value, name)
    return true
  })
}

test('the nearest file counts, up to the repository', async (t) => {
  const dir = place(t, {
    'smol.config.json': '{"provider":"debug"}',
    'repo/.git/HEAD': '',
    'repo/smol.config.mjs': "export default { provider: 'codex' }",
    'repo/a/b/x': '',
    'repo/a/c/smol.config.json': '{"provider":"pi"}',
    'worktree/.git': 'gitdir: elsewhere',
    'worktree/a/x': '',
  })
  for (const [cwd, file, provider] of [
    ['.', 'smol.config.json', 'debug'],
    ['repo', 'repo/smol.config.mjs', 'codex'],
    ['repo/a/b', 'repo/smol.config.mjs', 'codex'],
    ['repo/a/c', 'repo/a/c/smol.config.json', 'pi'],
    // What lies above a repository does not belong to it.
    ['worktree/a', undefined, undefined],
  ]) {
    const loaded = await loadConfig({ cwd: join(dir, cwd) })
    assert.deepEqual([loaded.file, loaded.config.provider], [file && join(dir, file), provider], cwd)
  }
  const loaded = await loadConfig({ cwd: join(dir, 'repo/a'), file: '../../smol.config.json' })
  assert.deepEqual([loaded.file, loaded.config.provider], [join(dir, 'smol.config.json'), 'debug'])
  assert.deepEqual(await loadConfig({ cwd: dir, file: false }), { file: undefined, config: {}, providers: {}, unknownVariables: [] })
})

test('outside of a repository only the folder itself is looked into', async (t) => {
  const dir = place(t, { 'smol.config.json': '{}', 'a/x': '' })
  // A temporary folder may well lie in somebody's repository.
  const nested = await loadConfig({ cwd: join(dir, 'a') })
  assert.notEqual(nested.file, join(dir, 'smol.config.json'))
  assert.equal((await loadConfig({ cwd: dir })).file, join(dir, 'smol.config.json'))
})

test('two files in a folder are refused, whatever stands in them', async (t) => {
  const dir = place(t, { 'smol.config.json': '{broken', 'smol.config.mts': '', '.git/HEAD': '', 'a/x': '' })
  for (const cwd of [dir, join(dir, 'a')]) {
    await assert.rejects(loadConfig({ cwd }), (error) => {
      assert.equal(error.code, 'ERR_CONFIG')
      assert.equal(error.message.replaceAll(dir, '@').replaceAll('\\', '/'), '@/smol.config.json and @/smol.config.mts: there may be only one configuration file in a folder')
      assert.match(error.details.hint, /--config <file>/)
      return true
    })
  }
})

test('every kind of file', async (t) => {
  for (const [name, text, expected] of [
    ['smol.config.json', '\ufeff{ "$schema": "x", "provider": "pi" }', { $schema: 'x', provider: 'pi' }],
    ['smol.config.js', "module.exports = { provider: 'pi' }", { provider: 'pi' }],
    ['smol.config.mjs', "export default { provider: 'pi', permissions: undefined }", { provider: 'pi' }],
    ['smol.config.mjs', "export default () => ({ provider: ['p', 'i'].join('') })", { provider: 'pi' }],
    ['smol.config.mjs', "export default async () => ({ permissions: 'edits' })", { permissions: 'edits' }],
    ['smol.config.mjs', "import { provider } from './other.mjs'\nexport default { provider }", { provider: 'codex' }],
  ]) {
    const dir = place(t, { [name]: text, 'package.json': '{}', 'other.mjs': "export const provider = 'codex'" })
    assert.deepEqual((await loadConfig({ cwd: dir })).config, expected, text)
  }
  const dir = place(t, { 'package.json': '{"type":"module"}', 'smol.config.js': "export default { provider: 'pi' }" })
  assert.deepEqual((await loadConfig({ cwd: dir })).config, { provider: 'pi' })
})

test('TypeScript is read where Node.js reads it, and refused clearly elsewhere', async (t) => {
  for (const name of ['smol.config.ts', 'smol.config.mts']) {
    const text = "type X = { provider: string }\nconst x: X = { provider: 'pi' }\nexport default x satisfies X\n"
    const dir = place(t, { [name]: text, 'package.json': '{"type":"module"}' })
    if (READS_TYPESCRIPT) {
      assert.deepEqual((await loadConfig({ cwd: dir })).config, { provider: 'pi' })
    } else {
      await refused(dir, {}, `@/${name}: Node.js ${process.version} does not read TypeScript`, { hint: /Node\.js 22\.18 or newer/ })
    }
  }
})

test('settings hold for their providers, and the environment goes before the file', async (t) => {
  const dir = place(t, {
    'smol.config.json': JSON.stringify({
      provider: 'codex',
      permissions: 'read-only',
      providers: { codex: { command: 'c', timeoutMs: 1500, env: { A: '1' } }, pi: { permissions: 'full' } },
    }),
  })
  const entry = pathToFileURL(join(root, 'dist/index.js')).href
  const code = `import { loadConfig } from ${JSON.stringify(entry)}\nconsole.log(JSON.stringify(await loadConfig()))`
  const env = { SMOL_WF_PROVIDER: 'pi', SMOL_WF_CODEX_ENV: '{"B":"2"}', SMOL_WF_X: '1', SMOL_WF_AGENT_PROVIDER: 'debug', SMOL_WF_PI_CWD: '' }
  const { code: status, stdout, stderr } = await node(['--input-type=module', '--eval', code], { cwd: dir, env })
  assert.deepEqual([status, stderr], [0, ''])
  const codex = { command: 'c', env: { A: '1', B: '2' }, timeoutMs: 1500 }
  assert.deepEqual(JSON.parse(stdout), {
    file: join(dir, 'smol.config.json'),
    config: { provider: 'pi', permissions: 'read-only', providers: { codex, pi: { permissions: 'full' } } },
    providers: {
      'claude-code': { permissions: 'read-only' },
      codex: { ...codex, permissions: 'read-only' },
      opencode: { permissions: 'read-only' },
      pi: { permissions: 'full' },
    },
    unknownVariables: ['SMOL_WF_X'],
  })
  const wrong = await node(['--input-type=module', '--eval', code], { cwd: dir, env: { SMOL_WF_CODEX_TIMEOUT_MS: 'soon' } })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /SMOL_WF_CODEX_TIMEOUT_MS: must be JSON: /)
})

test('mistakes say where they are', async (t) => {
  const json = 'smol.config.json'
  const mjs = 'smol.config.mjs'
  for (const [name, text, message] of [
    [json, '{\n  "provider": pi\n}', '@/smol.config.json:2:15: not JSON: expected value'],
    [json, '{ "ü🙂": x }', '@/smol.config.json:1:9: not JSON: expected value'],
    [json, '', '@/smol.config.json:1:1: not JSON: EOF while parsing a value'],
    [json, '[]', '@/smol.config.json: invalid type: an array, expected an object'],
    [json, '{"providers":{"codex":{"args":["a",5]}}}', '@/smol.config.json: providers.codex.args[1]: invalid type: integer `5`, expected a string'],
    [json, '{"provider":"claude"}', '@/smol.config.json: provider: unknown provider "claude"; known are: debug, claude-code, codex, opencode, pi'],
    [json, '{"permissions":"root"}', '@/smol.config.json: permissions: unknown variant `root`, expected one of `read-only`, `edits`, `full`'],
    [json, '{"colour":1}', /^@\/smol\.config\.json: colour: unknown field `colour`, expected one of `\$schema`, `provider`/],
    [json, Buffer.from([0x22, 0xff, 0x22]), '@/smol.config.json: is not UTF-8'],
    [mjs, 'export default { provider: 5 }', '@/smol.config.mjs: provider: invalid type: integer `5`, expected a string'],
    [mjs, 'export const provider = 1', '@/smol.config.mjs: has no default export'],
    [mjs, 'export default {', /^@\/smol\.config\.mjs: cannot be loaded: SyntaxError: /],
    [mjs, "import './nowhere.mjs'", /^@\/smol\.config\.mjs: cannot be loaded: Error: Cannot find module /],
    [mjs, "throw new TypeError('no')", '@/smol.config.mjs: cannot be loaded: TypeError: no'],
    [mjs, "export default () => { throw new Error('no') }", '@/smol.config.mjs: its function failed: Error: no'],
    [mjs, "export default async () => { throw 'no' }", '@/smol.config.mjs: its function failed: no'],
    [mjs, 'export default () => {}', '@/smol.config.mjs: must be what JSON can hold, got undefined'],
    [mjs, 'export default { providers: { pi: { command: () => 1 } } }', '@/smol.config.mjs: providers.pi.command: must be what JSON can hold, got a function'],
    [mjs, 'export default { providers: { pi: { timeoutMs: Infinity } } }', '@/smol.config.mjs: providers.pi.timeoutMs: must be what JSON can hold, got Infinity'],
    [mjs, 'export default { providers: { pi: { args: [undefined] } } }', '@/smol.config.mjs: providers.pi.args[0]: must be what JSON can hold, got undefined'],
    [mjs, 'export default { providers: new Map() }', '@/smol.config.mjs: providers: must be what JSON can hold, got an object of the class Map'],
    [mjs, 'const x = {}; x.providers = x; export default x', '@/smol.config.mjs: providers: must be what JSON can hold, got an object that contains itself'],
    [mjs, 'const env = { A: "1" }; export default { providers: { pi: { env }, codex: { env, x: 1 } } }', /providers\.codex\.x: unknown field `x`/],
  ]) {
    const dir = place(t, {})
    writeFileSync(join(dir, name), text)
    await refused(dir, {}, message, { file: new RegExp(`${name.replaceAll('.', '\\.')}$`) })
  }
  const dir = place(t, { 'x.yaml': '' })
  mkdirSync(join(dir, 'd.json'))
  await refused(dir, { file: 'no.json' }, /^@\/no\.json: cannot be read: Error: ENOENT/)
  await refused(dir, { file: 'no.mjs' }, /^@\/no\.mjs: cannot be read: Error: ENOENT/)
  await refused(dir, { file: 'd.json' }, /^@\/d\.json: cannot be read: Error: EISDIR/)
  await refused(dir, { file: 'x.yaml' }, '@/x.yaml: a configuration file ends in .json, .js, .mjs, .ts or .mts')
  for (const [options, message] of [
    [{ cwdd: '.' }, /^cwdd: loadConfig\(\) does not know this option/],
    [{ file: true }, /^file: must be a path or false, got a value of type boolean$/],
  ]) {
    await assert.rejects(loadConfig(options), { code: 'ERR_INVALID_OPTION', message })
  }
})

test('smol-wf run goes by the configuration, and flags go before it', async (t) => {
  const text = script("export default await agent('x')")
  const dir = place(t, {
    'smol.config.json': '{"provider":"codex"}',
    'other.json': '{"provider":"debug"}',
    'broken.mjs': 'export default { provider: 1 }',
    's.js': text,
  })
  const run = (tokens, env) => smolWf(['run', 's.js', ...tokens], { cwd: dir, env })
  for (const [tokens, env] of [
    [['--agent-provider', 'debug']],
    [['--config', 'other.json']],
    [['--config=other.json']],
    [['--no-config']],
    [['--no-config', '--args-a', '1']],
    [[], { SMOL_WF_AGENT_PROVIDER: 'debug' }],
    [[], { SMOL_WF_PROVIDER: 'debug' }],
  ]) {
    const { code, stdout, stderr } = await run(tokens, env)
    assert.deepEqual([code, stdout, stderr], [0, '"echo: x"\n', ''], tokens.join(' '))
  }
  // Nobody but the configuration names codex. There is no program of that name on this PATH.
  const { code, stdout, stderr } = await run([], { PATH: dir, SMOL_WF_CODEX_COMMAND: './no-such-program' })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /codex|no-such-program/)
  for (const [tokens, message] of [
    [['--config', 'broken.mjs'], 'smol-wf: broken.mjs: provider: invalid type: integer `1`, expected a string\n'],
    [['--config', 'broken.mjs', '--agent-provider', 'debug'], 'smol-wf: broken.mjs: provider: invalid type: integer `1`, expected a string\n'],
    [['--config', 'x.toml'], 'smol-wf: x.toml: a configuration file ends in .json, .js, .mjs, .ts or .mts\n'],
    [['--config'], 'smol-wf: Missing value for --config\n'],
    [['--config='], 'smol-wf: Missing value for --config\n'],
  ]) {
    const failed = await run(tokens)
    assert.deepEqual([failed.code, failed.stdout, failed.stderr], [1, '', message], tokens.join(' '))
  }
  writeFileSync(join(dir, 'smol.config.js'), '')
  const choice = await run([])
  assert.equal(choice.stderr, 'smol-wf: smol.config.json and smol.config.js: there may be only one configuration file in a folder\nhint: remove one of them, or say which one is meant: --config <file>\n')
})

test('the types of the configuration are those of its schema', () => {
  const schema = JSON.parse(readFileSync(join(root, 'schema/smol.config.schema.json'), 'utf8'))
  const file = join(root, 'js/config-types.ts')
  const text = configTypes(schema)
  if (process.env.UPDATE_GENERATED) writeFileSync(file, text)
  assert.equal(readFileSync(file, 'utf8').replaceAll('\r\n', '\n'), text, 'run this test with UPDATE_GENERATED=1')
})
