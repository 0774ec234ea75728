// `smol-wf doctor`: what it says of machines with and without the programs behind the providers.

import assert from 'node:assert/strict'
import { chmodSync, cpSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { doctorText } from '../dist/cli/doctor-text.js'
import { parseCommand } from '../dist/cli/parse.js'
import { examineProviders, providerNames } from '../dist/native.js'
import { cli, folder, node, root, smolWf } from './support.mjs'

const UNIX = { skip: process.platform === 'win32' && 'the programs are shell scripts' }

/** Whether the engine of this build runs the provider itself. */
const isBuiltIn = (name) => providerNames().includes(name)

/** Whatever would tell a program on this machine that somebody is logged in. */
const NOBODY = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /KEY|TOKEN|^(CLAUDE|ANTHROPIC|CODEX|OPENCODE|PI|XDG)_/.test(name))
    .map((name) => [name, '']),
)

const CODEX = "#!/bin/sh\n[ \"$*\" = --version ] && echo codex-cli 0.169.0\n"

/** A machine: a project `p`, a home folder `h`, and programs in `bin`, which is all of its PATH. */
function machine(t, files) {
  const dir = realpathSync(folder(t, { 'p/README': '', 'h/README': '', 'bin/README': '', ...files }))
  for (const name of Object.keys(files).filter((name) => name.startsWith('bin/'))) chmodSync(join(dir, name), 0o755)
  const [project, home] = [join(dir, 'p'), join(dir, 'h')]
  return { dir, project, env: { ...NOBODY, HOME: home, USERPROFILE: home, PATH: join(dir, 'bin') } }
}

async function doctor({ dir, project, env }, { tokens = [], more = {} } = {}) {
  const { code, stdout, stderr } = await smolWf(['doctor', ...tokens], { cwd: project, env: { ...env, ...more } })
  assert.equal(stderr, '')
  return { code, stdout: stdout.replaceAll(dir, '@') }
}

async function document(place, options) {
  const { code, stdout } = await doctor(place, { ...options, tokens: ['--json'] })
  const report = JSON.parse(stdout)
  assert.equal(code, report.ok ? 0 : 1)
  return { ...report, of: (name) => report.providers.find((provider) => provider.name === name) }
}

test('a machine with nothing on it can run debug', UNIX, async (t) => {
  const place = machine(t, {})
  const { code, stdout } = await doctor(place)
  assert.equal(code, 0)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const lines = stdout.split('\n')
  assert.deepEqual(lines.slice(0, 8), [
    `ok    node         ${process.version}`,
    `ok    engine       ${version} on ${process.platform}-${process.arch}`,
    'warn  git          git is not on the PATH',
    '                   -> install git (https://git-scm.com)',
    'ok    config       none',
    'ok    workflows    none by name',
    'ok    debug        makes its answers up',
    'none  claude-code  claude is not on the PATH',
  ])
  assert.ok(lines.includes('                   -> install it: npm install -g @openai/codex@0.169.0'), stdout)
  assert.equal(lines.at(-2), 'The default provider, debug (nothing else named), can be used.')
})

test('the document has everything, and no secrets', UNIX, async (t) => {
  const place = machine(t, {
    'bin/codex': CODEX,
    'bin/claude': '#!/bin/sh\necho "1.0.3 (Claude Code)"; echo "$ANTHROPIC_API_KEY $CODEX_API_KEY" >&2\n',
    'bin/pi': '#!/bin/sh\necho "failed with $ANTHROPIC_API_KEY" >&2; exit 7\n',
    'bin/git': '#!/bin/sh\necho git version 2.50.1\n',
    'p/smol.config.json': '{"provider":"codex","providers":{"codex":{"env":{"CODEX_API_KEY":"sk-from-the-file"}}}}',
    'p/.smol/workflows/a.js': "export const meta = { name: 'a', description: 'd' }\nreturn 1\n",
    'p/.smol/workflows/b.mjs': "export const meta = { name: 'a', description: 'd' }\nreturn 1\n",
    'h/.claude/workflows/c.js': 'nothing',
    'h/.claude/.credentials.json': '{"claudeAiOauth":{"accessToken":"sk-in-a-file"}}',
  })
  const report = await document(place, { more: { ANTHROPIC_API_KEY: 'sk-in-the-environment', SMOL_WF_COLOUR: 'red' } })
  assert.equal(report.ok, isBuiltIn('codex'))
  assert.deepEqual(report.node, { version: process.version, needs: '>=20', problems: [] })
  assert.deepEqual(report.git, { command: 'git', path: '@/bin/git', version: '2.50.1', problems: [] })
  assert.deepEqual(report.config, { file: '@/p/smol.config.json', problems: [], unknownVariables: ['SMOL_WF_COLOUR'] })
  assert.deepEqual(report.defaultProvider, { name: 'codex', from: 'the configuration', usable: isBuiltIn('codex') })
  const counts = report.workflows.filter(({ exists }) => exists).map(({ exists: _, ...rest }) => rest)
  assert.deepEqual(counts, [
    { folder: '@/p/.smol/workflows', available: 1, shadowed: 1, skipped: 0 },
    { folder: '@/h/.claude/workflows', available: 0, shadowed: 0, skipped: 1 },
  ])
  const { problems, ...codex } = report.of('codex')
  const builtIn = isBuiltIn('codex')
  assert.deepEqual(codex, {
    name: 'codex',
    command: 'codex',
    path: '@/bin/codex',
    version: '0.169.0',
    measured: ['0.169.0'],
    standing: 'measured',
    login: { state: 'yes', evidence: ['$CODEX_API_KEY'] },
    usable: builtIn,
    builtIn,
  })
  assert.equal(problems.length, builtIn ? 0 : 1)
  const claude = report.of('claude-code')
  assert.deepEqual([claude.version, claude.standing], ['1.0.3', 'older'])
  assert.deepEqual(claude.login, { state: 'yes', evidence: ['$ANTHROPIC_API_KEY', '@/h/.claude/.credentials.json'] })
  assert.match(claude.problems[0].mend, /npm install -g @anthropic-ai\/claude-code@2\.1\.329/)
  assert.equal(report.of('pi').problems[0].message, '`pi --version` ended with code 7: failed with ***')
  assert.equal(report.of('opencode').path, null)
  assert.deepEqual(report.of('debug'), { name: 'debug', builtIn: true, usable: true, problems: [] })
  const { stdout } = await doctor(place, { more: { ANTHROPIC_API_KEY: 'sk-in-the-environment' } })
  for (const text of [JSON.stringify(report), stdout]) assert.doesNotMatch(text, /sk-/)
})

test('the default provider decides how it ends', UNIX, async (t) => {
  const place = machine(t, {
    'bin/codex': CODEX,
    'bin/opencode': '#!/bin/sh\necho what is this\n',
    'p/smol.config.json': '{"provider":"claude-code"}',
    'p/program': 'not executable',
  })
  const key = { CODEX_API_KEY: 'k' }
  for (const [more, usable, from] of [
    [{}, false, 'the configuration'],
    [{ SMOL_WF_PROVIDER: 'debug' }, true, 'the configuration'],
    [{ SMOL_WF_AGENT_PROVIDER: 'debug' }, true, '$SMOL_WF_AGENT_PROVIDER'],
    [{ SMOL_WF_AGENT_PROVIDER: 'nobody' }, false, '$SMOL_WF_AGENT_PROVIDER'],
    [{ SMOL_WF_AGENT_PROVIDER: 'codex' }, false, '$SMOL_WF_AGENT_PROVIDER'],
    [{ SMOL_WF_AGENT_PROVIDER: 'codex', ...key }, isBuiltIn('codex'), '$SMOL_WF_AGENT_PROVIDER'],
    [{ SMOL_WF_AGENT_PROVIDER: 'codex', ...key, SMOL_WF_CODEX_COMMAND: './program' }, false, '$SMOL_WF_AGENT_PROVIDER'],
    // Neither its version nor its login are known, which is no reason to refuse it.
    [{ SMOL_WF_AGENT_PROVIDER: 'opencode' }, isBuiltIn('opencode'), '$SMOL_WF_AGENT_PROVIDER'],
  ]) {
    const report = await document(place, { more })
    const shown = JSON.stringify([more, report.defaultProvider])
    assert.deepEqual([report.ok, report.defaultProvider.usable, report.defaultProvider.from], [usable, usable, from], shown)
  }
  const { stdout } = await doctor(place)
  assert.match(stdout, /^fail {2}claude-code {2}claude is not on the PATH$/m)
  assert.match(stdout, /^The default provider, claude-code \(the configuration\), cannot be used\.$/m)
})

test('a mistake in the configuration is one of the findings', UNIX, async (t) => {
  const place = machine(t, { 'p/smol.config.json': '{ "provider": debug }', 'bin/codex': CODEX })
  const report = await document(place)
  assert.equal(report.ok, false)
  assert.deepEqual(report.defaultProvider, { name: null, from: null, usable: false })
  assert.equal(report.config.file, '@/p/smol.config.json')
  assert.deepEqual(report.config.problems, [{ severity: 'error', message: 'smol.config.json:1:15: not JSON: expected value' }])
  assert.equal(report.of('codex').version, '0.169.0')
  // `run` fails as well, whatever provider is asked for.
  const asked = await document(place, { more: { SMOL_WF_AGENT_PROVIDER: 'debug' } })
  assert.deepEqual([asked.ok, asked.defaultProvider.usable], [false, true])
  const { stdout } = await doctor(place)
  assert.match(stdout, /^fail {2}config {7}@?.*smol\.config\.json:1:15: not JSON: expected value$|^ {19}smol\.config\.json:1:15: not JSON: expected value$/m)
})

test('--cwd is the project', UNIX, async (t) => {
  const place = machine(t, { 'p/a/smol.config.json': '{"provider":"debug"}', 'p/a/.smol/workflows/a.js': "export const meta = { name: 'a', description: 'd' }\nreturn 1\n" })
  const { code, stdout } = await doctor(place, { tokens: ['--cwd', 'a'] })
  assert.equal(code, 0)
  assert.match(stdout, /^ok {4}config {7}@\/p\/a\/smol\.config\.json$/m)
  assert.match(stdout, /^ok {4}workflows {4}1 in @\/p\/a\/\.smol\/workflows$/m)
})

test('a program that hangs is given up', UNIX, async (t) => {
  const { dir } = machine(t, { 'bin/codex': '#!/bin/sh\nexec sleep 1000\n' })
  const settings = { codex: { command: join(dir, 'bin/codex'), env: { CODEX_API_KEY: 'k' } } }
  const { providers } = JSON.parse(await examineProviders(dir, JSON.stringify(settings), 200))
  const codex = providers.find((provider) => provider.name === 'codex')
  assert.equal(codex.usable, false)
  assert.equal(codex.problems[0].message, `\`${join(dir, 'bin/codex')} --version\` did not end within 200 ms`)
})

test('without its native part the package still says what is wrong', async (t) => {
  const dir = folder(t, { 'package.json': readFileSync(join(root, 'package.json'), 'utf8') })
  cpSync(join(root, 'dist'), join(dir, 'dist'), { recursive: true })
  cpSync(join(root, 'index.js'), join(dir, 'index.js'))
  const { code, stdout, stderr } = await node([join(dir, 'dist', 'cli.js'), 'doctor', '--json'], { cwd: dir })
  assert.deepEqual([code, stderr], [1, ''])
  const report = JSON.parse(stdout)
  assert.equal(report.ok, false)
  assert.match(report.engine.problems[0].message, /^there is no native part of @smol-workflow\/engine /)
  assert.match(report.engine.problems[0].mend, /npm run build/)
  const text = await node([join(dir, 'dist', 'cli.js'), 'doctor'], { cwd: dir })
  assert.match(text.stdout, /^fail {2}engine /m)
})

test('command lines of doctor', async (t) => {
  const parse = (...tokens) => parseCommand(['doctor', ...tokens], { env: {}, readFile: () => assert.fail('reads') })
  for (const [tokens, expected] of [
    [[], { kind: 'doctor', json: false, cwd: undefined }],
    [['--json', '--cwd', 'd'], { kind: 'doctor', json: true, cwd: 'd' }],
    [['--cwd=a=b'], { kind: 'doctor', json: false, cwd: 'a=b' }],
    [['--json', '-h'], { kind: 'help', topic: 'doctor' }],
  ]) {
    assert.deepEqual(parse(...tokens), expected)
  }
  for (const [tokens, message] of [
    [['codex'], 'Unknown option: codex'],
    [['--json=x'], 'Unknown option: --json=x'],
    [['--cwd'], 'Missing value for --cwd'],
    [['--cwd', '--json'], 'Missing value for --cwd'],
  ]) {
    assert.throws(() => parse(...tokens), { name: 'UsageError', message, exitCode: 2 })
  }
  const { code, stderr } = await node([cli, 'doctor', '--cwd', 'nowhere'], { cwd: folder(t, {}) })
  assert.deepEqual([code, stderr], [2, 'smol-wf: --cwd must be a folder: nowhere\n'])
})

test('the text of a report', () => {
  const report = {
    ok: false,
    node: { version: 'v18.0.0', needs: '>=20', problems: [{ severity: 'error', message: 'too old', mend: 'get\nanother' }] },
    engine: { version: '1', platform: 'p', problems: [] },
    git: { command: 'git', path: '/g', version: null, problems: [{ severity: 'warning', message: 'odd \u001b[1m' }] },
    config: { file: '/c', problems: [], unknownVariables: ['SMOL_WF_X'] },
    defaultProvider: { name: 'pi', from: 'f', usable: true },
    providers: [
      { name: 'pi', path: '/pi', version: '9.0.0', measured: ['1.0.0', '2.0.0'], standing: 'newer', login: { state: 'yes', evidence: ['$K', '/f'] }, usable: true, builtIn: true, problems: [] },
    ],
    workflows: [{ folder: '/w', exists: true, available: 2, shadowed: 1, skipped: 3 }],
  }
  assert.equal(
    doctorText(report),
    `fail  node         v18.0.0
                   too old
                   -> get
                   another
ok    engine       1 on p
warn  git          (/g)
                   odd \ufffd[1m
warn  config       /c
                   the variable SMOL_WF_X means nothing
ok    workflows    2 in /w (1 shadowed, 3 passed over; smol-wf list --all)
ok    pi           9.0.0 (/pi); newer than 2.0.0, which this engine was measured with; logged in, by $K, /f

The default provider, pi, could be used; see what is marked fail.`,
  )
})
