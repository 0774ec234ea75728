// `checkWorkflow` and `smol-wf check`: what they take, what they give, how they exit. What there is to find is tested
// where it is found, in src/script/check/tests.rs and tests/it/check.rs.

import assert from 'node:assert/strict'
import { relative } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { checkWorkflow, WorkflowError } from '@smol-workflow/engine'

import { folder, node, root, script, smolWf } from './support.mjs'

const META = "export const meta = { name: 'flow', description: 'a test' }\n"
const FINE = `${META}return await agent('x')\n`
const WARNED = `${META}agent('x')\nreturn 1\n`
const BROKEN = `${META}return await fetch('x')\n`

const codes = ({ findings }) => findings.map(({ code, line, column }) => `${code} ${line}:${column}`)

test('a check says what was found, where, and what to do', async () => {
  const check = await checkWorkflow(BROKEN)
  assert.deepEqual(check, {
    file: 'workflow.js',
    ok: false,
    form: 'body',
    metadata: { name: 'flow', description: 'a test' },
    findings: [
      {
        severity: 'error',
        code: 'ERR_UNKNOWN_GLOBAL',
        message: 'fetch is not defined',
        file: 'workflow.js',
        line: 2,
        column: 14,
        frame: "2 | return await fetch('x')\n                 ^",
        hint: 'workflow scripts have no network: let an agent fetch it, or pass the data in through args',
      },
    ],
  })
  const fine = await checkWorkflow(FINE)
  assert.deepEqual([fine.ok, fine.findings], [true, []])
  const warned = await checkWorkflow(WARNED)
  assert.deepEqual([warned.ok, codes(warned)], [true, ['WARN_NOT_AWAITED 2:1']])
  const nothing = await checkWorkflow({ source: '' })
  assert.deepEqual(codes(nothing), ['ERR_WORKFLOW_METADATA 1:1', 'ERR_WORKFLOW_NO_ENTRY 1:1'])
  assert.ok(!('form' in nothing) && !('metadata' in nothing))
})

test('paths, URLs and sources', async (t) => {
  const dir = folder(t, { 'broken.js': BROKEN })
  const path = `${dir}/broken.js`
  for (const [given, file] of [
    [path, path],
    [relative(process.cwd(), path), relative(process.cwd(), path)],
    [pathToFileURL(path), path],
    [{ scriptPath: path }, path],
    [BROKEN, 'workflow.js'],
    [BROKEN.replaceAll('\n', '\r'), 'workflow.js'],
    [{ source: BROKEN, scriptName: 'mine.js' }, 'mine.js'],
    [{ source: BROKEN }, 'workflow.js'],
  ]) {
    const check = await checkWorkflow(given)
    assert.deepEqual([check.file, codes(check)], [file, ['ERR_UNKNOWN_GLOBAL 2:14']])
    assert.equal(check.findings[0].file, file)
  }
  // A string without a line break is a path, whatever it says.
  const oneLine = await checkWorkflow(script('return 1').trim())
  assert.match(oneLine.findings[0].message, /^cannot read export const meta/)
})

test('names are looked up in the project', async (t) => {
  const source = `${META}return [await workflow('other'), await workflow({ scriptPath: 'lib/x.js' })]`
  const dir = folder(t, { '.claude/workflows/a.js': FINE.replace("'flow'", "'other'"), 'lib/x.js': FINE })
  assert.deepEqual(codes(await checkWorkflow(source, { cwd: dir })), [])
  const elsewhere = folder(t, {})
  assert.deepEqual(codes(await checkWorkflow(source, { cwd: elsewhere })), [
    'ERR_UNKNOWN_WORKFLOW 2:24',
    'ERR_CHILD_WORKFLOW 2:63',
  ])
})

test('options that cannot be are refused', async () => {
  for (const [args, message] of [
    [[FINE, { cdw: '.' }], 'cdw: checkWorkflow() does not know this option; it knows cwd, imports'],
    [[FINE, { cwd: 5 }], 'cwd: must be a string, got a value of type number'],
    [[{ src: FINE }], 'src: checkWorkflow() does not know this option; it knows scriptPath, source, scriptName'],
    [[{ source: 5 }], 'source: must be a string, got a value of type number'],
    [[5], 'script: must be a path, a source or an object with one of them, got number'],
    [[null], 'script: must be a path, a source or an object with one of them, got null'],
    [[{}], 'scriptPath: give either scriptPath or source'],
    [[{ scriptPath: 'a.js', source: FINE }], 'scriptPath: give either scriptPath or source'],
  ]) {
    await assert.rejects(checkWorkflow(...args), (error) => {
      assert.ok(error instanceof WorkflowError)
      assert.deepEqual([error.code, error.message], ['ERR_INVALID_OPTION', message])
      return true
    })
  }
})

test('many checks at once, of large sources', async () => {
  const large = `${META}${"await agent('x')\n".repeat(20_000)}return 1\n`
  const checks = await Promise.all(Array.from({ length: 8 }, () => checkWorkflow(large)))
  assert.ok(checks.every(({ ok, findings }) => ok && findings.length === 0))
})

test('a pending check keeps the process alive', async () => {
  const program = `import { checkWorkflow } from '@smol-workflow/engine'
    checkWorkflow({ source: '' }).then(({ ok }) => console.log(ok))`
  const { code, stdout } = await node(['--input-type=module', '--eval', program], { cwd: root })
  assert.deepEqual([code, stdout], [0, 'false\n'])
})

test('smol-wf check prints findings and a summary', async (t) => {
  const cwd = folder(t, { 'fine.js': FINE, 'warned.js': WARNED, 'broken.js': BROKEN })
  const text = await smolWf(['check', 'broken.js', 'missing.js', 'warned.js', 'fine.js'], { cwd })
  assert.equal(
    text.stdout,
    `broken.js:2:14: error ERR_UNKNOWN_GLOBAL fetch is not defined
2 | return await fetch('x')
                 ^
hint: workflow scripts have no network: let an agent fetch it, or pass the data in through args

missing.js:1:1: error ERR_WORKFLOW_METADATA cannot read missing.js: ${process.platform === 'win32' ? 'The system cannot find the file specified.' : 'No such file or directory'}

warned.js:2:1: warning WARN_NOT_AWAITED nothing waits for agent(): it may be cut off when the script ends
2 | agent('x')
    ^
hint: write \`await\` before it, or \`void\` if that is meant
`,
  )
  assert.deepEqual([text.code, text.stderr], [1, 'checked 4 scripts: 2 errors, 1 warning\n'])

  const fine = await smolWf(['check', 'fine.js'], { cwd })
  assert.deepEqual(fine, { code: 0, signal: null, stdout: '', stderr: 'checked 1 script: nothing found\n' })
})

test('smol-wf check exits with 0 for warnings, 1 for errors, 2 for mistakes', async (t) => {
  const cwd = folder(t, { 'fine.js': FINE, 'warned.js': WARNED, 'broken.js': BROKEN })
  for (const [args, expected] of [
    [['fine.js'], 0],
    [['fine.js', '--strict'], 0],
    [['warned.js'], 0],
    [['warned.js', '--strict'], 1],
    [['broken.js'], 1],
    [['fine.js', 'missing.js'], 1],
    [[], 2],
    [['fine.js', '--nope'], 2],
  ]) {
    const { code, stdout, stderr } = await smolWf(['check', ...args], { cwd })
    assert.equal(code, expected, `${args.join(' ')}: ${stderr}`)
    if (expected === 2) assert.deepEqual([stdout, stderr.startsWith('smol-wf: ')], ['', true])
  }
})

test('smol-wf check --json prints one document', async (t) => {
  const cwd = folder(t, { 'fine.js': FINE, 'warned.js': WARNED, 'broken.js': BROKEN })
  const { code, stdout, stderr } = await smolWf(['check', '--json', 'broken.js', 'warned.js'], { cwd })
  const report = JSON.parse(stdout)
  assert.deepEqual(Object.keys(report), ['ok', 'errors', 'warnings', 'files'])
  assert.deepEqual([code, report.ok, report.errors, report.warnings], [1, false, 1, 1])
  assert.deepEqual(
    report.files.map(({ file, ok }) => [file, ok]),
    [
      ['broken.js', false],
      ['warned.js', true],
    ],
  )
  assert.deepEqual(report.files[1], { ...(await checkWorkflow({ source: WARNED, scriptName: 'warned.js' })) })
  assert.equal(stderr, 'checked 2 scripts: 1 error, 1 warning\n')
  const strict = await smolWf(['check', '--json', '--strict', 'warned.js'], { cwd })
  assert.deepEqual([strict.code, JSON.parse(strict.stdout).ok], [1, false])
})

test('smol-wf check of a folder', async (t) => {
  const cwd = folder(t, {
    'flows/b.js': FINE,
    'flows/a.mjs': BROKEN,
    'flows/helper.mjs': 'export const helper = 1\n',
    'flows/types.d.ts': 'export const meta: 1\n',
    'flows/notes.md': 'no script',
    'flows/below/c.js': BROKEN,
    'empty/helper.js': 'export const helper = 1\n',
  })
  const { code, stdout } = await smolWf(['check', '--json', 'flows', 'empty'], { cwd })
  const { files } = JSON.parse(stdout)
  assert.equal(code, 1)
  assert.deepEqual(
    files.map(({ file, ok }) => [file.replaceAll('\\', '/'), ok]),
    [
      ['flows/a.mjs', false],
      ['flows/b.js', true],
      ['empty', false],
    ],
  )
  assert.match(files[2].findings[0].message, /^the folder has no workflows: /)
})

test('smol-wf check --cwd says where the project is', async (t) => {
  const cwd = folder(t, {
    'flow.js': `${META}return workflow('other')`,
    'project/.claude/workflows/a.js': FINE.replace("'flow'", "'other'"),
  })
  assert.equal((await smolWf(['check', 'flow.js'], { cwd })).code, 1)
  assert.equal((await smolWf(['check', 'flow.js', '--cwd', 'project'], { cwd })).code, 0)
})
