// Durable runs on the command line: killed and taken up again, looked at, cancelled from elsewhere, deleted.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { KINDS, program, watcher } from './agents-support.mjs'
import { cli, environment, folder, script, smolWf } from './support.mjs'

const NOT_ON_WINDOWS = { skip: process.platform === 'win32' && 'the stand-ins are no programs there' }
const CODEX = KINDS.find(({ name }) => name === 'codex')

const TWO_CALLS = script(`
  phase('Work')
  const first = await agent('first')
  log('first is', first)
  const second = await agent('second')
  export default { first, second }`)
const FAILS = script("log(await agent('paid')); throw new Error('boom')\nexport default 1")
const ENDLESS = script(`export default async () => {
  try {
    await agent('hang')
  } finally {
    log('cleaned up')
  }
}`)

/** A project with a stand-in for Codex; `smolWf` and the start of a command, both in there. */
async function project(t, files) {
  const watch = await watcher(t)
  const dir = folder(t, files)
  // Each call is noted, so that it shows what was asked twice. One prompt is never answered.
  const command = program(
    t,
    CODEX,
    `const { appendFileSync } = require('node:fs')
    const said = prompt()
    appendFileSync(process.env.CALLS, said + '\\n')
    if (said === (process.env.HANGS ?? 'hang')) hang()
    else answer('answer to ' + said)`,
  )
  const env = {
    ...watch.env,
    CALLS: join(dir, 'calls.txt'),
    SMOL_WF_AGENT_PROVIDER: 'codex',
    SMOL_WF_CODEX_COMMAND: command,
  }
  const calls = () => readFileSync(env.CALLS, 'utf8').trim().split('\n')
  const run = (args, extra = {}) => smolWf(args, { cwd: dir, env: { ...env, ...extra } })
  /** Starts a command: the child, and its end. */
  const start = (args, extra = {}) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: dir,
      env: environment({ ...env, ...extra }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.after(() => child.kill('SIGKILL'))
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text
      })
    }
    const end = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...output })))
    return { child, end }
  }
  return { dir, watch, calls, run, start }
}

/** Starts a run, and kills it while its agent is at work. */
async function killed({ watch, start }, args, extra) {
  const { child, end } = start(args, extra)
  const agent = await watch.next()
  child.kill('SIGKILL')
  assert.equal((await end).signal, 'SIGKILL')
  // Nobody is left of it.
  await agent.over
}

function fails({ code, stdout, stderr }, message) {
  assert.equal(stdout, '')
  assert.match(stderr, message)
  assert.match(stderr, /\nhint: \S/)
  assert.equal(code, 1)
}

test('a killed run goes on, and asks nothing twice', NOT_ON_WINDOWS, async (t) => {
  const there = await project(t, { 'two.js': TWO_CALLS })
  await killed(there, ['run', 'two.js', '--run-id', 'r', '--max-parallel-agents', 'none'], { HANGS: 'second' })
  assert.deepEqual(there.calls(), ['first', 'second'])

  const { code, stdout, stderr } = await there.run(['resume', 'r'])
  assert.equal(stderr.split('\n')[0], '[run] r', stderr)
  assert.deepEqual(JSON.parse(stdout), { first: 'answer to first', second: 'answer to second' })
  assert.equal(code, 0)
  // Only the call that had no answer was made again.
  assert.deepEqual(there.calls(), ['first', 'second', 'second'])

  fails(await there.run(['resume', 'r']), /^smol-wf: run r is over: it is completed$/m)
  fails(await there.run(['cancel', 'r']), /^smol-wf: run r is over: it is completed$/m)
  const again = await there.run(['run', 'two.js', '--run-id', 'r'])
  assert.deepEqual([again.stdout, again.stderr, again.code], [stdout, '[run] r\n', 0])
  fails(await there.run(['run', 'two.js', '--run-id', 'r', '--args-a']), /^smol-wf: there is a run r already/m)
})

test('resume --all takes up what was killed, a line of JSON for each', NOT_ON_WINDOWS, async (t) => {
  const there = await project(t, { 'two.js': TWO_CALLS, 'fails.js': FAILS })
  await killed(there, ['run', 'two.js', '--run-id', 'good'], { HANGS: 'second' })
  await killed(there, ['run', 'fails.js', '--run-id', 'bad'], { HANGS: 'paid' })
  await there.run(['run', 'two.js', '--run-id', 'over'])

  const { code, stdout, stderr } = await there.run(['resume', '--all'])
  const ends = Object.fromEntries(stdout.trim().split('\n').map((line) => [JSON.parse(line).id, JSON.parse(line)]))
  assert.deepEqual(Object.keys(ends).sort(), ['bad', 'good'])
  assert.deepEqual(ends.good, { id: 'good', status: 'completed', result: { first: 'answer to first', second: 'answer to second' } })
  assert.deepEqual([ends.bad.status, ends.bad.error.code], ['failed', 'ERR_SCRIPT_FAILED'])
  assert.match(ends.bad.error.message, /boom/)
  assert.match(stderr, /^bad \[log\] answer to paid$/m)
  assert.equal(code, 1)

  const nothing = await there.run(['resume', '--all'])
  assert.deepEqual([nothing.stdout, nothing.stderr, nothing.code], ['', 'no run has lost its process, and no suspended run is due\n', 0])
})

test('a failed run is done again where it failed, or with a changed script', NOT_ON_WINDOWS, async (t) => {
  const mended = FAILS.replace("throw new Error('boom')", "log('mended')").replace('export default 1', 'export default 2')
  const there = await project(t, { 'fails.js': FAILS, 'mended.js': mended })
  const first = await there.run(['run', 'fails.js', '--run-id', 'r'])
  assert.match(first.stderr, /^\[run\] r\n\[log\] answer to paid\nsmol-wf: Error: boom\n[^]*^hint: smol-wf resume r --retry-failed /m)
  assert.equal(first.code, 1)
  fails(await there.run(['resume', 'r']), /^smol-wf: run r is over: it is failed$/m)
  fails(await there.run(['resume', 'r', '--retry-failed']), /^smol-wf: Error: boom$/m)

  const { code, stdout, stderr } = await there.run(['resume', 'r', '--source', 'mended.js'])
  assert.match(stderr, /^\[log\] mended$/m)
  assert.deepEqual([stdout, code], ['2\n', 0])
  assert.deepEqual(there.calls(), ['paid'])
})

test('cancel, from another process, lets the workflow clean up', NOT_ON_WINDOWS, async (t) => {
  const there = await project(t, { 'endless.js': ENDLESS })
  const { end } = there.start(['run', 'endless.js', '--run-id', 'r'])
  const agent = await there.watch.next()
  fails(await there.run(['resume', 'r']), /^smol-wf: run r is owned by process \d+/m)
  fails(await there.run(['history', 'delete', 'r']), /^smol-wf: run r is owned by process \d+/m)

  const follow = there.start(['events', 'r', '--follow'])
  const asked = await there.run(['cancel', 'r', '--reason', 'too slow'])
  assert.match(asked.stderr, /^run r is to be cancelled: process \d+ .*is at work on it\n$/)
  assert.equal(asked.code, 0)
  const ended = await end
  await agent.over
  assert.match(ended.stderr, /^\[log\] cleaned up\nsmol-wf: [^\n]*cancelled/m)
  assert.equal(ended.code, 1)
  const followed = await follow.end
  assert.deepEqual([followed.stdout, followed.code], ['[log] cleaned up\n', 0])

  const shown = JSON.parse((await there.run(['history', 'show', 'r', '--json'])).stdout)
  assert.deepEqual([shown.status, shown.cancelRequested], ['cancelled', 'too slow'])
})

test('Ctrl-C cancels a durable run', NOT_ON_WINDOWS, async (t) => {
  const there = await project(t, { 'endless.js': ENDLESS })
  const { child, end } = there.start(['run', 'endless.js', '--run-id', 'r'])
  await there.watch.next()
  child.kill('SIGINT')
  const { code, stderr } = await end
  assert.match(stderr, /^\[log\] cleaned up$/m)
  assert.equal(code, 130)
  assert.equal(JSON.parse((await there.run(['history', 'show', 'r', '--json'])).stdout).status, 'cancelled')
})

test('history, show and events', async (t) => {
  const dir = folder(t, { 'two.js': TWO_CALLS, 'fails.js': FAILS })
  const run = (...args) => smolWf(args, { cwd: dir })
  const made = await run('run', 'two.js', '--durable', '--synchronous', 'normal', '--args-topic', 'x')
  const [, id] = /^\[run\] (\S+)$/m.exec(made.stderr)
  const progress = made.stderr.slice(made.stderr.indexOf('\n') + 1)
  await run('run', 'fails.js', '--run-id', 'f')

  const rows = (await run('history')).stdout.trim().split('\n')
  assert.match(rows[0], /^ID +WORKFLOW +STATUS +STARTED +TOOK +TOKENS$/)
  assert.match(rows[1], /^f +test +failed +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\S+ +\d+$/)
  assert.ok(rows[2].startsWith(`${id}  test `), rows[2])
  assert.equal(rows.length, 3)
  const ids = async (...tokens) => JSON.parse((await run('history', '--json', ...tokens)).stdout).map((each) => each.id)
  assert.deepEqual(await ids(), ['f', id])
  assert.deepEqual(await ids('--status', 'completed'), [id])
  assert.deepEqual(await ids('--limit', '1'), ['f'])
  assert.deepEqual(await ids('--name', 'test', '--since', '1h'), ['f', id])
  assert.deepEqual(await ids('--name', 'other'), [])
  assert.deepEqual(await ids('--since', '2999-01-01'), [])
  const none = await run('history', '--name', 'other')
  assert.deepEqual([none.stdout, none.stderr, none.code], ['', 'no runs\n', 0])

  const shown = JSON.parse((await run('history', 'show', id, '--json')).stdout)
  assert.deepEqual([shown.status, shown.args, shown.result], ['completed', { topic: 'x' }, JSON.parse(made.stdout)])
  const text = (await run('history', 'show', 'f')).stdout
  assert.match(text, /^status +failed$/m)
  assert.match(text, /^error +ERR_SCRIPT_FAILED: Error: boom$/m)

  assert.equal((await run('events', id)).stdout, progress)
  assert.equal((await run('events', id, '--follow')).stdout, progress)
  const events = (await run('events', id, '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual([events[0].type, events.at(-1).type, events[0].runId], ['run.started', 'run.completed', id])
  const later = (await run('events', id, '--json', '--from', '4')).stdout.trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(later, events.filter(({ seq }) => seq >= 4))
  assert.equal((await run('events', id, '--from', '3')).stdout, '[log] first is echo: first\n')
})

test('delete says what it deletes, and with --dry-run does not', async (t) => {
  const dir = folder(t, { 'two.js': TWO_CALLS, 'fails.js': FAILS })
  const run = (...args) => smolWf(args, { cwd: dir })
  for (const id of ['a', 'b']) await run('run', 'two.js', '--run-id', id)
  await run('run', 'fails.js', '--run-id', 'f')
  const left = async () => JSON.parse((await run('history', '--json')).stdout).map(({ id }) => id)

  const dry = await run('history', 'delete', '--status', 'completed', '--dry-run')
  assert.deepEqual(dry.stdout.match(/^[abf](?= )/gm), ['b', 'a'])
  assert.match(dry.stderr, /^would delete 2 runs with \d+ events \([\d.]+ (?:B|KiB)\)\n$/)
  assert.deepEqual(await left(), ['f', 'b', 'a'])
  const early = await run('history', 'delete', '--before', '1h')
  assert.match(early.stderr, /^deleted 0 runs/)
  assert.deepEqual(await left(), ['f', 'b', 'a'])

  const byStatus = await run('history', 'delete', '--status', 'failed', '--before', '0s')
  assert.match(byStatus.stderr, /^deleted 1 run with \d+ events \(.*\); the file is .* smaller\n$/)
  assert.deepEqual(await left(), ['b', 'a'])
  fails(await run('history', 'delete', 'a', 'nope'), /^smol-wf: there is no run nope$/m)
  assert.deepEqual(await left(), ['b', 'a'])
  await run('history', 'delete', 'a', 'b')
  assert.deepEqual(await left(), [])
})

test('no store, and no such run', async (t) => {
  const dir = folder(t, { 'two.js': TWO_CALLS })
  const all = [['resume', 'r'], ['resume', '--all'], ['cancel', 'r'], ['history'], ['history', 'show', 'r'], ['history', 'delete', 'r'], ['events', 'r']]
  for (const args of all) {
    fails(await smolWf(args, { cwd: dir }), /^smol-wf: there is no store at .*runs\.db$/m)
    assert.ok(!existsSync(join(dir, '.smol')), args.join(' '))
  }
  await smolWf(['run', 'two.js', '--durable'], { cwd: dir })
  for (const args of all.filter((each) => each.includes('r'))) {
    fails(await smolWf(args, { cwd: dir }), /^smol-wf: there is no run r$/m)
  }
})

test('--db goes before --global and $SMOL_WF_DB before the project', async (t) => {
  const dir = folder(t, { 'two.js': TWO_CALLS })
  const env = { SMOL_WF_DB: join(dir, 'variable.db'), HOME: join(dir, 'home'), XDG_STATE_HOME: '', LOCALAPPDATA: join(dir, 'home') }
  const kept = async (id, tokens) => {
    await smolWf(['run', 'two.js', '--run-id', id, ...tokens], { cwd: dir, env })
    return JSON.parse((await smolWf(['history', '--json', ...tokens], { cwd: dir, env })).stdout).map((run) => run.id)
  }
  assert.deepEqual(await kept('variable', []), ['variable'])
  assert.deepEqual(await kept('flag', ['--db', 'flag.db']), ['flag'])
  assert.deepEqual(await kept('global', ['--global']), ['global'])
  assert.ok(existsSync(join(dir, 'variable.db')))
  assert.ok(existsSync(join(dir, 'flag.db')))
  assert.ok(!existsSync(join(dir, '.smol')))
})
