// listWorkflows and `smol-wf list`: what can be run by name, and why other files cannot.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { leftOut, libraryText } from '../dist/cli/library-text.js'
import { parseCommand } from '../dist/cli/parse.js'
import { listWorkflows, runWorkflow } from '../dist/index.js'
import { folder, node, root, smolWf } from './support.mjs'

const UNIX = { skip: process.platform === 'win32' && 'Windows has no such files' }

/** A workflow of a name that returns where it is. */
const workflow = (name, more = '') =>
  `export const meta = { name: ${JSON.stringify(name)}, description: 'does ${name}'${more} }\nreturn [${JSON.stringify(name)}, args]\n`

/** A project `p` and a home folder `h`, with the given files. */
function places(t, files) {
  const dir = realpathSync(folder(t, { 'p/README': '', 'h/README': '', ...files }))
  const [project, home] = [join(dir, 'p'), join(dir, 'h')]
  return { dir, project, home, env: { HOME: home, USERPROFILE: home } }
}

/** What `listWorkflows` says in a process with another home folder. */
async function listed({ project, env }, options = { cwd: project }) {
  const entry = pathToFileURL(join(root, 'dist/index.js')).href
  const code = `import { listWorkflows } from ${JSON.stringify(entry)}
    console.log(JSON.stringify(await listWorkflows(${JSON.stringify(options)})))`
  const { code: status, stdout, stderr } = await node(['--input-type=module', '--eval', code], { cwd: project, env })
  assert.deepEqual([status, stderr], [0, ''])
  return JSON.parse(stdout)
}

const FILES = {
  'p/.claude/workflows/review.js': workflow('review', ", whenToUse: 'before a merge', phases: [{ title: 'Scope' }, { title: 'Verify', detail: 'd', model: 'm' }]"),
  'p/.claude/workflows/again.mjs': workflow('review'),
  'p/.claude/workflows/broken.js': 'export const meta = { name: make() }',
  'p/.claude/workflows/notes.md': workflow('notes'),
  'p/.claude/workflows/below/deep.js': workflow('deep'),
  'p/.agents/workflows/plan.js': workflow('plan'),
  'p/.smol/workflows/typed.ts': workflow('typed'),
  'h/.claude/workflows/plan.js': workflow('plan'),
  'h/.smol/workflows/mine.js': workflow('mine'),
}

test('everything that a name can lead to, in the order in which it is searched', async (t) => {
  const place = places(t, FILES)
  const { project, home } = place
  const at = (base, scope, name) => {
    const path = join(base, name)
    return { path, folder: join(path, '..'), scope }
  }
  const expected = [
    {
      status: 'skipped',
      reason: 'found a call expression at broken.js:1:29 (meta.name)',
      ...at(project, 'project', '.claude/workflows/broken.js'),
    },
    {
      status: 'available',
      name: 'review',
      description: 'does review',
      whenToUse: 'before a merge',
      phases: [{ title: 'Scope' }, { title: 'Verify', detail: 'd', model: 'm' }],
      ...at(project, 'project', '.claude/workflows/review.js'),
    },
    {
      status: 'shadowed',
      name: 'review',
      description: 'does review',
      shadowedBy: join(project, '.claude/workflows/review.js'),
      ...at(project, 'project', '.claude/workflows/again.mjs'),
    },
    { status: 'available', name: 'plan', description: 'does plan', ...at(project, 'project', '.agents/workflows/plan.js') },
    { status: 'available', name: 'typed', description: 'does typed', ...at(project, 'project', '.smol/workflows/typed.ts') },
    {
      status: 'shadowed',
      name: 'plan',
      description: 'does plan',
      shadowedBy: join(project, '.agents/workflows/plan.js'),
      ...at(home, 'home', '.claude/workflows/plan.js'),
    },
    { status: 'available', name: 'mine', description: 'does mine', ...at(home, 'home', '.smol/workflows/mine.js') },
  ]
  const found = await listed(place)
  assert.deepEqual(found, expected)
  // The working directory is the project unless told otherwise, and may be the home folder.
  assert.deepEqual(await listed(place, {}), found)
  assert.deepEqual(await listed(place, { cwd: '.' }), found)
  const own = await listed(place, { cwd: home })
  assert.deepEqual(own.map(({ status, name, scope }) => [status, name, scope]), [
    ['available', 'plan', 'project'],
    ['available', 'mine', 'project'],
  ])
})

test('what the list says is what workflow() runs', async (t) => {
  const { project } = places(t, FILES)
  const run = (name) => runWorkflow({ source: `export const meta = { name: 'n', description: 'd' }\nreturn await workflow(args, 1)`, args: name, cwd: project })
  const names = (await listWorkflows({ cwd: project })).filter((file) => file.status === 'available').map((file) => file.name)
  assert.deepEqual(names.slice(0, 3), ['review', 'plan', 'typed'])
  for (const name of names.slice(0, 3)) assert.deepEqual(await run(name), [name, 1])
  await assert.rejects(run('deep'), /Unknown workflow: deep/)
})

test('links and folders that cannot be read are listed with the reason', UNIX, async (t) => {
  const place = places(t, { 'p/.claude/workflows/a.js': workflow('a'), 'p/elsewhere/b.js': workflow('b'), 'p/.smol/workflows': '' })
  symlinkSync(join(place.project, 'elsewhere/b.js'), join(place.project, '.claude/workflows/b.js'))
  mkdirSync(join(place.project, '.claude/workflows/c.js'))
  const secret = join(place.project, '.claude/workflows/d.js')
  writeFileSync(secret, workflow('d'))
  chmodSync(secret, 0)
  const found = await listed(place)
  const shown = found.map((file) => [file.path.slice(place.project.length + 1), file.name ?? file.reason])
  // Permissions do not hold for the superuser.
  const readable = process.getuid?.() === 0
  assert.deepEqual(shown, [
    ['.claude/workflows/a.js', 'a'],
    ['.claude/workflows/b.js', 'it is a symbolic link, which is not followed'],
    ['.claude/workflows/c.js', 'it is a folder'],
    ['.claude/workflows/d.js', readable ? 'd' : 'cannot read d.js: Permission denied'],
    ['.smol/workflows', 'cannot read the folder: Not a directory'],
  ])
})

test('unknown options of listWorkflows are refused', async () => {
  for (const [options, message] of [
    [{ cwdd: '.' }, /^cwdd: listWorkflows\(\) does not know this option; it knows cwd$/],
    [{ cwd: 5 }, /^cwd: must be a string, got a value of type number$/],
    ['.', /^options: must be an object, got the string "\."$/],
    [null, /^options: must be an object/],
  ]) {
    await assert.rejects(listWorkflows(options), { name: 'WorkflowError', code: 'ERR_INVALID_OPTION', message })
  }
})

test('many files are read without holding up the event loop', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p/.claude/workflows/${i}.js`, workflow(`w${i}`) + '// filler\n'.repeat(2000)]))
  const { project } = places(t, files)
  const order = []
  setImmediate(() => order.push('the loop has turned'))
  const listing = listWorkflows({ cwd: project }).finally(() => order.push('listed'))
  assert.equal((await listing).filter((file) => file.scope === 'project').length, 300)
  assert.deepEqual(order, ['the loop has turned', 'listed'])
})

test('smol-wf list', async (t) => {
  const { project, home, env } = places(t, FILES)
  const run = (...args) => smolWf(['list', ...args], { cwd: project, env })
  const available = `.claude/workflows
  review  does review
          when to use: before a merge
          phases: Scope, Verify
          .claude/workflows/review.js

.agents/workflows
  plan    does plan
          .agents/workflows/plan.js

.smol/workflows
  typed   does typed
          .smol/workflows/typed.ts

${home}/.smol/workflows
  mine    does mine
          ${home}/.smol/workflows/mine.js
`
  const posix = (text) => text.replaceAll('\\', '/')
  const plain = await run()
  assert.deepEqual([plain.code, posix(plain.stdout)], [0, posix(available)])
  assert.equal(plain.stderr, 'smol-wf: 1 file passed over, 2 shadowed by others of the same name; --all shows them\n')

  const all = await run('--all')
  assert.deepEqual([all.code, all.stderr], [0, ''])
  assert.equal(
    posix(all.stdout),
    posix(`.claude/workflows
  (broken.js)  passed over: found a call expression at broken.js:1:29 (meta.name)
               .claude/workflows/broken.js
  review       does review
               when to use: before a merge
               phases: Scope, Verify
               .claude/workflows/review.js
  (review)     shadowed by .claude/workflows/review.js
               .claude/workflows/again.mjs

.agents/workflows
  plan         does plan
               .agents/workflows/plan.js

.smol/workflows
  typed        does typed
               .smol/workflows/typed.ts

${home}/.claude/workflows
  (plan)       shadowed by .agents/workflows/plan.js
               ${home}/.claude/workflows/plan.js

${home}/.smol/workflows
  mine         does mine
               ${home}/.smol/workflows/mine.js
`),
  )

  const json = await run('--json', '--all')
  assert.deepEqual([json.code, json.stderr], [0, ''])
  assert.deepEqual(JSON.parse(json.stdout), await listed({ project, env }))
  const few = await run('--json')
  assert.deepEqual([few.code, few.stderr], [0, ''])
  assert.deepEqual(JSON.parse(few.stdout).map((file) => file.name), ['review', 'plan', 'typed', 'mine'])

  // From elsewhere: paths that are not below the project are whole.
  const elsewhere = await smolWf(['list', `--cwd=${project}`], { cwd: home, env })
  assert.deepEqual([elsewhere.code, posix(elsewhere.stdout)], [0, posix(available)])
})

test('smol-wf list where there is nothing', async (t) => {
  const { project, home, env } = places(t, {})
  const { code, stdout, stderr } = await smolWf(['list'], { cwd: project, env })
  const folders = ['.claude', '.agents', '.smol'].map((name) => join(name, 'workflows'))
  const lines = ['no workflows found; looked in', ...[...folders, ...folders.map((name) => join(home, name))].map((name) => `  ${name}`), '']
  assert.deepEqual([code, stdout, stderr], [0, lines.join('\n'), ''])
  const json = await smolWf(['list', '--json'], { cwd: project, env })
  assert.deepEqual([json.code, json.stdout, json.stderr], [0, '[]\n', ''])
  const wrong = await smolWf(['list', '--cwd', 'no-such-folder'], { cwd: project, env })
  assert.deepEqual([wrong.code, wrong.stdout, wrong.stderr], [1, '', 'smol-wf: --cwd must be a folder: no-such-folder\n'])
})

test('command lines of list', () => {
  const parse = (...tokens) => parseCommand(['list', ...tokens], { env: {}, readFile: () => assert.fail('reads') })
  const plain = { kind: 'list', cwd: undefined, json: false, all: false }
  for (const [tokens, expected] of [
    [[], plain],
    [['--json'], { ...plain, json: true }],
    [['--all', '--json', '--cwd', 'd'], { kind: 'list', cwd: 'd', json: true, all: true }],
    [['--cwd=a=b'], { ...plain, cwd: 'a=b' }],
    [['--cwd', 'a', '--cwd', 'b'], { ...plain, cwd: 'b' }],
    [['--help'], { kind: 'help', topic: 'list' }],
    [['--json', '-h'], { kind: 'help', topic: 'list' }],
  ]) {
    assert.deepEqual(parse(...tokens), expected, tokens.join(' '))
  }
  for (const [tokens, message] of [
    [['review'], 'Unknown option: review'],
    [['--json', 'review'], 'Unknown option: review'],
    [['--json=yes'], 'Unknown option: --json=yes'],
    [['--nope'], 'Unknown option: --nope'],
    [['--cwd'], 'Missing value for --cwd'],
    [['--cwd='], 'Missing value for --cwd'],
    [['--cwd', '--json'], 'Missing value for --cwd'],
  ]) {
    assert.throws(() => parse(...tokens), { name: 'UsageError', message }, tokens.join(' '))
  }
})

test('the text of a list', () => {
  const place = { path: '/p/a.js', folder: '/p', scope: 'project' }
  const text = (files, options) => libraryText({ folders: ['/p', '/q'], files }, { cwd: '/c', width: Infinity, ...options })
  const one = (more) => ({ status: 'available', name: 'n', description: 'd', ...place, ...more })
  for (const [file, expected] of [
    [one({}), '/p\n  n  d\n     /p/a.js'],
    [one({ description: '' }), '/p\n  n\n     /p/a.js'],
    [one({ phases: [] }), '/p\n  n  d\n     /p/a.js'],
    [one({ description: ' two\n  lines\t' }), '/p\n  n  two lines\n     /p/a.js'],
    [one({ name: 'a\u001b[31m', description: 'b\u0007\u009b' }), '/p\n  a\ufffd[31m  b\ufffd\ufffd\n          /p/a.js'],
    [one({ name: 'x'.repeat(28) }), `/p\n  ${'x'.repeat(28)}  d\n${' '.repeat(32)}/p/a.js`],
    [one({ name: 'x'.repeat(29) }), `/p\n  ${'x'.repeat(29)}\n${' '.repeat(32)}d\n${' '.repeat(32)}/p/a.js`],
    [one({ path: '/c/two  words.js' }), '/p\n  n  d\n     two  words.js'],
    [one({ path: '/cc/a.js' }), '/p\n  n  d\n     /cc/a.js'],
  ]) {
    if (process.platform !== 'win32') assert.equal(text([file]), expected)
  }
  const wrapped = text([one({ description: 'word '.repeat(20), path: `/p/${'long '.repeat(20)}.js` })], { width: 40 }).split('\n')
  assert.deepEqual(wrapped.slice(1, 4), ['  n  word word word word word word word', '     word word word word word word word', '     word word word word word word'])
  assert.equal(wrapped.length, 5, 'a path is not broken')
  assert.equal(leftOut({ folders: [], files: [one({})] }), undefined)
  assert.equal(leftOut({ folders: [], files: [{ status: 'skipped', reason: 'r', ...place }] }), 'smol-wf: 1 file passed over; --all shows them')
})

test('run takes a name where there is no such file', async (t) => {
  const place = places(t, { ...FILES, 'p/plan/x': '', 'p/typed': workflow('a file called typed') })
  const run = (...args) => smolWf(['run', ...args], { cwd: place.project, env: place.env })
  for (const [script, result] of [
    ['review', ['review', { n: '1' }]],
    ['mine', ['mine', { n: '1' }]],
    // A folder cannot be meant, a file is.
    ['plan', ['plan', { n: '1' }]],
    ['typed', ['a file called typed', { n: '1' }]],
    ['.claude/workflows/again.mjs', ['review', { n: '1' }]],
  ]) {
    const { code, stdout, stderr } = await run(script, '--args-n', '1')
    assert.deepEqual([code, stderr], [0, ''], script)
    assert.deepEqual(JSON.parse(stdout), result)
  }
  for (const script of ['deep', 'review.js', 'broken.js', 'p', '']) {
    const { code, stdout, stderr } = await run(script)
    assert.deepEqual([code, stdout], [1, ''], script)
    const expected = script === '' ? /^smol-wf: Missing workflow script path\n$/ : /^smol-wf: Workflow script must export valid literal metadata .*: cannot read .*: No such file or directory\nhint: smol-wf list --all /
    assert.match(stderr, expected, script)
  }
  // What is wrong with a file that is there is not answered with a hint about names.
  const { stderr } = await run('.claude/workflows/broken.js')
  assert.doesNotMatch(stderr, /hint/)
})
