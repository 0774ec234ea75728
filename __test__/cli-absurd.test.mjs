// The command lines of the absurd backend: what they mean, and what they do to a file. Rows of the original's contract.

import assert from 'node:assert/strict'
import { existsSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { parseCommand } from '../dist/cli/parse.js'
import { folder, script, smolWf } from './support.mjs'

const windows = process.platform === 'win32' && 'processes are ended by signals'
const FLOW = script("export default async (args) => { log('hi'); phase('P'); return { args, said: await agent('one'), spent: budget.spent(), total: budget.total } }")

const parse = (argv, env = {}) =>
  parseCommand(argv, {
    env,
    readFile: (path) => {
      if (path === 'a.json') return '{"a":1}'
      throw new Error(`ENOENT: no such file or directory, open '${path}'`)
    },
  })
const pretty = (value) => `${JSON.stringify(value, null, 2)}\n`

/** A folder with the workflow, and the command line in it. */
function project(t, files = {}) {
  const cwd = folder(t, { 'flow.js': FLOW, ...files })
  return { cwd, wf: (args, options) => smolWf(args, { cwd, ...options }), absurd: (args, options) => smolWf(['absurd', ...args], { cwd, ...options }) }
}

function fails({ code, stdout, stderr }, message) {
  assert.equal(stdout, '')
  assert.equal(code, 1)
  assert.match(stderr, message)
}

const CHOICE = { db: 'smol-workflows.db', extension: undefined, queue: undefined, task: undefined }

test('what the commands are given', () => {
  const common = { ...CHOICE, unknown: [] }
  const working = { agentProvider: undefined, config: undefined, claimTimeout: undefined, workerId: undefined }
  const worker = { kind: 'absurd-worker', ...common, ...working, concurrency: 1, pollInterval: undefined }
  const submit = { kind: 'absurd-submit', ...common, scriptPath: 's.js', args: undefined, idempotencyKey: undefined, maxAttempts: undefined, budgetTotal: undefined, agentProvider: undefined }
  for (const [argv, expected, env] of [
    [['init'], { kind: 'absurd-init', ...common }],
    [['init', '--db=x', '--queue', 'q', '--task', 't', '--extension', 'e'], { kind: 'absurd-init', unknown: [], db: 'x', queue: 'q', task: 't', extension: 'e' }],
    // A flag without a value counts as absent; the last one wins.
    [['init', '--db', '--queue', 'a', '--queue=b'], { kind: 'absurd-init', ...common, queue: 'b' }],
    [['init'], { kind: 'absurd-init', ...common, db: 'env.db' }, { SMOL_WF_ABSURD_DB: 'env.db' }],
    [['init', '--db', 'x'], { kind: 'absurd-init', ...common, db: 'x' }, { SMOL_WF_ABSURD_DB: 'env.db' }],
    [['init', '--nope', 'v', '--what'], { kind: 'absurd-init', ...common, unknown: ['--nope', 'v', '--what'] }],
    [['submit', 's.js'], submit],
    [['submit', '--db', 'x', 's.js'], { ...submit, db: 'x' }],
    [
      ['submit', 's.js', '--args-a', '1', '--args-from-file=a.json', '--idempotency-key', 'k', '--max-attempts', '2x', '--budget-allowance=7', '--agent-provider', 'codex'],
      { ...submit, args: { a: ['1', 1] }, idempotencyKey: 'k', maxAttempts: 2, budgetTotal: 7, agentProvider: 'codex' },
    ],
    [['submit', 's.js'], submit, { SMOL_WF_AGENT_PROVIDER: 'pi' }],
    [['worker'], worker],
    [['worker', '--concurrency', '3', '--poll-interval=2', '--claim-timeout', '9', '--worker-id', 'w', '--no-config'], { ...worker, concurrency: 3, pollInterval: 2, claimTimeout: 9, workerId: 'w', config: false }],
    [['worker'], { ...worker, agentProvider: 'pi' }, { SMOL_WF_AGENT_PROVIDER: 'pi' }],
    [['work-batch', '--batch-size', '4', '--agent-provider', 'pi', '--config', 'c.json'], { kind: 'absurd-work-batch', ...common, ...working, batchSize: 4, agentProvider: 'pi', config: 'c.json' }],
  ]) {
    assert.deepEqual(parse(['absurd', ...argv], env), expected, argv.join(' '))
  }
  const run = { ...CHOICE, idempotencyKey: undefined, maxAttempts: undefined, timeoutMs: undefined, pollIntervalMs: undefined, batchSize: undefined, claimTimeout: undefined, workerId: undefined }
  for (const [tokens, expected] of [
    [[], run],
    [['--db', 'x', '--timeout', '2x', '--poll-interval=5', '--batch-size', '2', '--claim-timeout', '3', '--worker-id', 'w', '--max-attempts', '1', '--idempotency-key'], { ...run, db: 'x', timeoutMs: 2, pollIntervalMs: 5, batchSize: 2, claimTimeout: 3, workerId: 'w', maxAttempts: 1 }],
  ]) {
    assert.deepEqual(parse(['run', 's.js', '--backend', 'absurd', ...tokens]).absurd, expected, tokens.join(' '))
  }
  for (const argv of [[], ['init', '--help'], ['submit', 's.js', '-h']]) {
    assert.deepEqual(parse(['absurd', ...argv]), { kind: 'help', topic: 'absurd' })
  }
})

test('mistakes', () => {
  for (const [argv, message] of [
    [['submit'], 'Missing workflow script path'],
    [['submit', 'a.js', 'b.js'], 'Unexpected positional argument: b.js'],
    [['init', 'x'], 'Unexpected positional argument: x'],
    [['worker', '-x'], 'Unexpected positional argument: -x'],
    [['worker', '--concurrency'], '--concurrency must be a number'],
    [['worker', '--concurrency', '0'], '--concurrency must be a positive integer'],
    [['work-batch', '--batch-size=x'], '--batch-size must be a positive integer'],
    [['submit', 'a.js', '--max-attempts', '-1'], '--max-attempts must be a positive integer'],
    [['submit', 'a.js', '--budget-allowance', '1.5'], '--budget-allowance must be a non-negative integer'],
    [['submit', 'a.js', '--args-'], 'Argument name cannot be empty'],
  ]) {
    assert.throws(() => parse(['absurd', ...argv]), { message }, argv.join(' '))
  }
})

test('init, submit and work-batch print what they did, and nothing else', async (t) => {
  const { cwd, absurd } = project(t)
  const init = await absurd(['init', '--db', 'q.db', '--queue', 'q', '--task', 't'])
  assert.deepEqual(init, { code: 0, signal: null, stderr: '', stdout: pretty({ ok: true, queue: 'q', task: 't', dbPath: 'q.db' }) })
  assert.deepEqual(await absurd(['init', '--db', 'q.db', '--queue', 'q', '--task', 't']), init)
  assert.equal((await absurd(['init'])).stdout, pretty({ ok: true, queue: 'default', task: 'workflow.run', dbPath: 'smol-workflows.db' }))
  assert.ok(existsSync(join(cwd, 'smol-workflows.db')))

  const tokens = ['flow.js', '--args-a', '1', '--idempotency-key', 'k', '--budget-allowance', '50', '--max-attempts=3']
  const submitted = await absurd(['submit', ...tokens])
  assert.deepEqual([submitted.code, submitted.stderr], [0, ''])
  const { taskID, runID, ...rest } = JSON.parse(submitted.stdout)
  assert.deepEqual(rest, { attempt: 1, created: true })
  assert.equal(submitted.stdout, pretty({ taskID, runID, ...rest }))
  assert.deepEqual(JSON.parse((await absurd(['submit', ...tokens])).stdout), { taskID, runID, attempt: 1, created: false })

  assert.deepEqual(await absurd(['work-batch', '--batch-size', '2']), { code: 0, signal: null, stderr: '', stdout: pretty({ ok: true, batchSize: 2 }) })
  // Nothing to do is no mistake.
  assert.equal((await absurd(['work-batch'])).stdout, pretty({ ok: true, batchSize: 1 }))
  const { stdout } = await smolWf(['run', 'flow.js', '--backend', 'absurd', '--idempotency-key', 'k'], { cwd })
  // Arguments and budget were those of the task.
  assert.deepEqual(JSON.parse(stdout), { args: { a: '1' }, said: 'echo: one', spent: 3, total: 50 })
})

test('a provider that was submitted is kept with the task, and a worker has one, too', async (t) => {
  const { absurd, wf } = project(t)
  await absurd(['init'])
  fails(await absurd(['submit', 'flow.js', '--agent-provider', 'nope']), /^smol-wf: Unknown agent provider: nope$/m)
  fails(await absurd(['work-batch', '--agent-provider', 'nope']), /^smol-wf: Unknown agent provider: nope$/m)
  // No such program: the provider that answers is seen by how it fails.
  const env = { PATH: '' }
  await absurd(['submit', 'flow.js', '--agent-provider', 'codex', '--max-attempts', '1'])
  const kept = await absurd(['work-batch'], { env })
  assert.match(kept.stderr, /^\[absurd\] task execution failed: .*spawn codex ENOENT/m)
  await absurd(['submit', 'flow.js', '--max-attempts', '1'])
  const workers = await absurd(['work-batch', '--agent-provider', 'pi'], { env })
  assert.match(workers.stderr, /spawn pi ENOENT/)
  assert.deepEqual([workers.code, workers.stdout], [0, pretty({ ok: true, batchSize: 1 })])
  const { stdout } = await wf(['run', 'flow.js', '--backend=absurd'])
  assert.equal(JSON.parse(stdout).said, 'echo: one')
})

test('run --backend absurd prints the result and nothing else', async (t) => {
  const { cwd, wf } = project(t, { 'fails.js': script("export default async () => { throw new Error('no way') }") })
  const done = await wf(['run', 'flow.js', '--backend', 'absurd', '--db', 'x.db', '--args-a', 'b'])
  assert.deepEqual(done, { code: 0, signal: null, stderr: '', stdout: pretty({ args: { a: 'b' }, said: 'echo: one', spent: 3, total: null }) })
  assert.ok(existsSync(join(cwd, 'x.db')) && !existsSync(join(cwd, 'smol-workflows.db')))

  const failed = await wf(['run', 'fails.js', '--backend', 'absurd', '--max-attempts', '2', '--poll-interval', '1'])
  fails(failed, /^smol-wf: Absurd workflow task [0-9a-f-]{36} failed: \{"name":"WorkflowError","message":"Error: no way/m)
  assert.equal(failed.stderr.match(/^\[absurd\] task execution failed: .*no way/gm).length, 2)
  fails(await wf(['run', 'flow.js', '--backend', 'absurd', '--agent-provider', 'nope', '--extension', 'nope']), /^smol-wf: Unknown agent provider: nope\n$/)
})

test('an extension that is named must be there, and is not needed', async (t) => {
  const { cwd, absurd, wf } = project(t, { 'ext.so': '', 'libabsurd.dylib': '', 'other.dll': '' })
  const missing = /^smol-wf: Absurd SQLite extension not found at configured extension path nope$/m
  fails(await wf(['run', 'flow.js', '--backend', 'absurd', '--extension', 'nope']), missing)
  for (const name of ['SMOL_WF_ABSURD_EXTENSION', 'ABSURD_DATABASE_EXTENSION_PATH', 'ABSURD_SQLITE_EXTENSION_PATH']) {
    fails(await absurd(['init'], { env: { [name]: 'nope' } }), missing)
  }
  assert.ok(!existsSync(join(cwd, 'smol-workflows.db')), 'looked for before the store is opened')
  assert.equal((await absurd(['init', '--extension', 'ext.so'])).code, 0)
  assert.equal((await absurd(['init'], { env: { ABSURD_DATABASE_EXTENSION_PATH: '' } })).code, 0)
  fails(await absurd(['init', '--db', 'no/such/x.db']), /^smol-wf: Cannot open database because the directory does not exist$/m)
  fails(await absurd(['submit', 'flow.js', '--queue', 'q']), /^smol-wf: task insert failed: there is no queue "q"\nhint: .*absurd init/m)
  const warned = await absurd(['init', '--nope'])
  assert.deepEqual([warned.code, warned.stderr], [0, 'smol-wf: smol-wf absurd init knows no such option: --nope\n'])
})

/** An agent that says that it is at work, by a file, and is done when there is another one. */
const AGENT = `
import { existsSync, watch, writeFileSync } from 'node:fs'
process.stdin.resume()
const end = () => existsSync('go-on') && process.stdout.write(JSON.stringify({ result: 'done', is_error: false }), () => process.exit())
watch('.', end)
writeFileSync('at-work', '')
end()
`
const AGENT_CONFIG = JSON.stringify({
  providers: { 'claude-code': { command: process.execPath, subcommand: ['agent.mjs'] } },
})

/** Runs the command line, and gives it a signal when its agent is at work. */
async function interrupted(t, cwd, args, signal, onStderr = () => {}) {
  let child
  let sent = false
  // Either may come first: that the child is known, and its agent's file.
  const interrupt = () => {
    if (sent || !child || !existsSync(join(cwd, 'at-work'))) return
    // Once: the same signal again would end it.
    sent = true
    child.kill(signal)
  }
  const watcher = watch(cwd, interrupt)
  t.after(() => watcher.close())
  return await smolWf(args, {
    cwd,
    onStart: (started) => {
      child = started
      interrupt()
    },
    onStderr: (_, text) => onStderr(text),
  })
}

const SLOW = { 'slow.js': script("export default agent('x')"), 'agent.mjs': AGENT, 'smol.config.json': AGENT_CONFIG }
const BY_AGENT = ['--agent-provider', 'claude-code']

test('a worker works until a signal, and finishes what is under way', { skip: windows }, async (t) => {
  const { cwd, absurd } = project(t, SLOW)
  await absurd(['init'])
  await absurd(['submit', 'slow.js', '--idempotency-key', 'k'])
  const ended = await interrupted(t, cwd, ['absurd', 'worker', ...BY_AGENT, '--concurrency', '2'], 'SIGTERM', (text) => {
    if (text.includes('waiting for the tasks')) writeFileSync(join(cwd, 'go-on'), '')
  })
  assert.deepEqual([ended.code, ended.signal, ended.stdout], [0, null, ''])
  assert.ok(ended.stderr.startsWith('smol-wf absurd worker started queue=default concurrency=2\n'), ended.stderr)
  const again = await smolWf(['run', 'slow.js', '--backend', 'absurd', '--idempotency-key', 'k'], { cwd })
  assert.deepEqual([JSON.parse(again.stdout), again.code], ['done', 0], ended.stderr)
})

test('Ctrl-C stops a run, and its task stays for others', { skip: windows }, async (t) => {
  const { cwd } = project(t, SLOW)
  const run = ['run', 'slow.js', '--backend', 'absurd', '--idempotency-key', 'k', ...BY_AGENT]
  const stopped = await interrupted(t, cwd, run, 'SIGINT')
  assert.deepEqual([stopped.code, stopped.signal, stopped.stdout], [130, null, ''])
  assert.match(stopped.stderr, /^smol-wf: stopped; the task is still in smol-workflows\.db, and smol-wf absurd worker goes on with it$/m)
  writeFileSync(join(cwd, 'go-on'), '')
  assert.equal((await smolWf(run, { cwd })).stdout, pretty('done'))
})
