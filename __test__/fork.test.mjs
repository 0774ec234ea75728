// Runs that are done again from some point on, as they are or as copies; and what is said of runs that nobody is at.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine } from '@smol-workflow/engine'

import { never, open } from './engine-support.mjs'
import { folder, node, root, script, smolWf } from './support.mjs'

const windows = process.platform === 'win32' && 'processes are ended by signals'

/** Answers that count how often they were asked for, and cost one token each. */
function counted() {
  const calls = []
  const onAgent = async (prompt) => {
    calls.push(prompt)
    return { output: `${prompt}${calls.length}`, usage: { outputTokens: 1 } }
  }
  return { calls, onAgent }
}

const PHASES = {
  source: script(`export default async () => {
    phase('Find')
    const found = await parallel(['a', 'b'].map((prompt) => () => agent(prompt)))
    phase('Fix')
    const fixed = [await agent('c'), await agent('d')]
    phase('Done')
    log('done', ...found)
    return [...found, ...fixed]
  }`),
}

test('a run is done again from a call or a phase, over or not', async (t) => {
  for (const [from, again] of [
    [3, ['d']],
    ['Fix', ['c', 'd']],
    [0, ['a', 'b', 'c', 'd']],
    ['Done', []],
  ]) {
    const engine = open(t)
    const { calls, onAgent } = counted()
    const first = await (await engine.run(PHASES, { runId: 'r', onAgent })).result
    assert.deepEqual(first, ['a1', 'b2', 'c3', 'd4'])
    calls.length = 0
    const run = await engine.resume('r', { from, onAgent: async (prompt) => (calls.push(prompt), `${prompt}!`) })
    const expected = first.map((answer) => (again.includes(answer[0]) ? `${answer[0]}!` : answer))
    assert.deepEqual(await run.result, expected, String(from))
    assert.deepEqual(calls, again)
    assert.deepEqual((await engine.inspect('r')).result, expected)
  }
})

test('what has failed before the point stays as it was', async (t) => {
  const engine = open(t)
  const source = {
    source: script(`export default async () => {
      const [a, b] = await parallel([() => agent('a'), () => agent('b')])
      return [a, b, await agent('c')]
    }`),
  }
  const { calls, onAgent } = counted()
  const broken = async (prompt) => {
    if (prompt === 'a') throw new Error('dead')
    return onAgent(prompt)
  }
  assert.deepEqual(await (await engine.run(source, { runId: 'r', onAgent: broken })).result, [null, 'b1', 'c2'])
  assert.deepEqual(await (await engine.resume('r', { from: 2, onAgent })).result, [null, 'b1', 'c3'])
  assert.deepEqual(calls, ['b', 'c', 'c'])
})

test('a fork takes along what an earlier part of the journal knows', async (t) => {
  const path = folder(t, { 'flow.js': PHASES.source })
  const engine = open(t, path)
  const { calls, onAgent } = counted()
  await (await engine.run(join(path, 'flow.js'), { runId: 'r', onAgent })).result
  // Changed, and left in the middle of a call that comes before all that is known.
  writeFileSync(join(path, 'flow.js'), PHASES.source.replace("phase('Find')", "await agent('new')"))
  let reached
  const there = new Promise((resolve) => (reached = resolve))
  const left = await engine.resume('r', { scriptPath: join(path, 'flow.js'), onAgent: () => (reached(), never()) })
  await there
  await engine.close()
  await assert.rejects(left.result, { code: 'ERR_RUN_LEFT' })
  calls.length = 0
  const other = open(t, path)
  const copy = await other.fork('r', { runId: 'copy', onAgent })
  assert.deepEqual(await copy.result, ['a1', 'b2', 'c3', 'd4'])
  assert.deepEqual(calls, ['new'])
  assert.deepEqual([await copy.inspect(), await other.inspect('r')].map(({ status, spent }) => [status, spent]), [['completed', 5], ['running', 4]])
  // What it has taken along is in its own journal.
  calls.length = 0
  const again = await other.fork('copy', { runId: 'again', onAgent })
  assert.deepEqual(await again.result, ['a1', 'b2', 'c3', 'd4'])
  assert.deepEqual(calls, [])
})

test('a fork takes over what was done and leaves the run as it is', async (t) => {
  const engine = open(t)
  const { calls, onAgent } = counted()
  await (await engine.run(PHASES, { runId: 'r', args: { x: 1 }, onAgent })).result
  const before = await engine.inspect('r')
  calls.length = 0
  const fork = await engine.fork('r', { from: 'Fix', runId: 'f', onAgent })
  assert.equal(fork.id, 'f')
  assert.deepEqual(await fork.result, ['a1', 'b2', 'c1', 'd2'])
  assert.deepEqual(calls, ['c', 'd'])
  const { forkOf, status, args, spent } = await fork.inspect()
  assert.deepEqual({ forkOf, status, args, spent }, { forkOf: 'r', status: 'completed', args: { x: 1 }, spent: 4 })
  assert.deepEqual(await engine.inspect('r'), before)
  const events = []
  for await (const event of fork.events()) events.push(event)
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1))
  assert.equal(events[0].type, 'run.started')
  const resumed = events.find(({ type }) => type === 'run.resumed')
  assert.deepEqual([resumed.drift, resumed.anew, resumed.from], ['prefix', true, 2])

  // With everything taken over, nothing runs; and a copy of a copy is one, too.
  const whole = await engine.fork('f', { onAgent })
  assert.deepEqual(await whole.result, ['a1', 'b2', 'c1', 'd2'])
  assert.equal(calls.length, 2)
})

test('a fork may have other arguments and another script', async (t) => {
  const engine = open(t)
  const { calls, onAgent } = counted()
  const source = (end) => ({ source: script(`export default async (args) => [args.n, await agent('a'), await agent('${end}')]`) })
  await (await engine.run(source('b'), { runId: 'r', args: { n: 1 }, onAgent })).result
  const fork = await engine.fork('r', { args: { n: 2 }, ...source('c'), onAgent })
  assert.deepEqual(await fork.result, [2, 'a1', 'c3'])
  assert.deepEqual(calls, ['a', 'b', 'c'])
  await assert.rejects(engine.fork('r', { runId: 'r' }), { code: 'ERR_RUN_CONFLICT' })
  await assert.rejects(engine.fork('nobody'), { code: 'ERR_UNKNOWN_RUN' })
})

test('a fork that is interrupted goes on with what it took over', { skip: windows }, async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const { calls, onAgent } = counted()
  await (await engine.run(PHASES, { runId: 'r', onAgent })).result
  calls.length = 0
  let asked
  const third = new Promise((resolve) => (asked = resolve))
  const fork = await engine.fork('r', { from: 'Fix', runId: 'f', onAgent: () => new Promise(asked) })
  await third
  await engine.close()
  await assert.rejects(fork.result, { code: 'ERR_RUN_LEFT' })
  const other = open(t, path)
  assert.deepEqual(await (await other.resume('f', { onAgent })).result, ['a1', 'b2', 'c1', 'd2'])
  assert.deepEqual(calls, ['c', 'd'])
})

test('points that a run has not come to are refused, and nothing is lost', async (t) => {
  const engine = open(t)
  const { onAgent } = counted()
  await (await engine.run(PHASES, { runId: 'r', onAgent })).result
  for (const [from, message] of [
    [4, /run r has no call 4; its calls are 0 to 3/],
    ['Nowhere', /run r has no phase "Nowhere"; its phases are Find, Fix, Done/],
  ]) {
    await assert.rejects(engine.resume('r', { from }), { code: 'ERR_UNKNOWN_POINT', message })
    await assert.rejects(engine.fork('r', { from }), { code: 'ERR_UNKNOWN_POINT', message })
  }
  for (const from of [-1, 1.5, Number.NaN, {}, null]) {
    await assert.rejects(engine.resume('r', { from }), { code: 'ERR_INVALID_OPTION', message: /from/ })
  }
  await assert.rejects(engine.resume('r', { from: 1, drift: 'fail' }), { code: 'ERR_INVALID_OPTION', message: /drift/ })
  assert.equal((await engine.inspect('r')).status, 'completed')
  // The lease was given back.
  assert.deepEqual(await (await engine.resume('r', { from: 'Done', onAgent })).result, ['a1', 'b2', 'c3', 'd4'])
})

test('texts larger than the store takes are refused with the limit, and nothing is lost', async (t) => {
  const engine = open(t, undefined, { store: { limits: { sourceBytes: 2000, argsBytes: 100, entryBytes: 3000, resultBytes: 200 } } })
  const run = (source, options) => engine.run({ source: script(source) }, options)
  const long = 'x'.repeat(5000)
  const refused = (limit) => ({ code: 'ERR_STORE_TOO_LARGE', details: { limit: `store.limits.${limit}` } })
  const has = async (promise, { code, details }) => {
    await assert.rejects(promise, (error) => error.code === code && error.details.limit === details.limit)
  }
  await has(run(`export default '${long}'`), refused('sourceBytes'))
  await has(run('export default 1', { args: { long } }), refused('argsBytes'))
  const result = async (source, options) => (await run(source, options)).result
  await has(result('export default "x".repeat(300)', { runId: 'result' }), refused('resultBytes'))
  await has(result("export default await agent('a')", { runId: 'entry', onAgent: async () => long }), refused('entryBytes'))
  // What was refused is told; the runs are there, and go on where somebody makes room for them.
  assert.equal((await engine.inspect('result')).status, 'running')
  assert.deepEqual(await (await engine.resume('entry', { onAgent: async () => 'short' })).result, 'short')
  for (const limits of [{ sourceBytes: 0 }, { argsBytes: 1.5 }, { entry: 1 }, { resultBytes: '1' }]) {
    assert.throws(() => createEngine({ store: { path: 'never.db', limits } }), { code: 'ERR_INVALID_OPTION', message: /store\.limits\./ })
  }
})

test('a run whose process was killed is shown as interrupted, and followed no further', { skip: windows }, async (t) => {
  const path = folder(t, {})
  const store = join(path, 'runs.db')
  const child = `import { createEngine } from '@smol-workflow/engine'
    const engine = createEngine({ store: ${JSON.stringify(store)} })
    await engine.run({ source: ${JSON.stringify(script("export default [await agent('a'), await agent('b')]"))} }, {
      runId: 'r', onAgent: (prompt) => (prompt === 'a' ? 1 : process.kill(process.pid, 'SIGKILL')),
    })`
  assert.equal((await node(['--input-type=module', '-e', child], { cwd: root })).signal, 'SIGKILL')
  const smol = (...args) => smolWf([...args, '--db', store])
  assert.match((await smol('history')).stdout, /r +test +interrupted/)
  assert.match((await smol('history', 'show', 'r')).stdout, /owner +process \d+.*, which is gone/)
  const followed = await smol('events', 'r', '--follow', '--json')
  // The start of the second call may have come too late to be written.
  const types = followed.stdout.trim().split('\n').map((line) => JSON.parse(line).type)
  assert.deepEqual(types.slice(0, 3), ['run.started', 'call.started', 'call.ended'])
  assert.match(followed.stderr, /run r is not over, and nobody is at work on it: smol-wf resume r goes on with it/)
  const { owner } = JSON.parse((await smol('history', 'show', 'r', '--json')).stdout)
  assert.equal(owner.alive, false)
})

test('runs that cannot be taken up do not keep the others from it', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const waiting = []
  const onAgent = () => new Promise((resolve) => waiting.push(resolve))
  const runs = await Promise.all(['one', 'two', 'three'].map((runId) => engine.run(PHASES, { runId, onAgent })))
  await engine.close()
  for (const run of runs) await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })
  const other = open(t, path)
  const third = open(t, path)
  // Two engines at the same time: each run is taken up by exactly one of them.
  const answer = async (prompt) => prompt
  const taken = (await Promise.all([other.recover({ onAgent: answer }), third.recover({ onAgent: answer })])).flat()
  assert.deepEqual(taken.map(({ id }) => id).sort(), ['one', 'three', 'two'])
  for (const run of taken) assert.deepEqual(await run.result, ['a', 'b', 'c', 'd'])
})

test('smol-wf fork and resume --from', async (t) => {
  const path = folder(t, { 'flow.js': PHASES.source })
  const smol = (...args) => smolWf(args, { cwd: path })
  const first = await smol('run', 'flow.js', '--run-id', 'r')
  assert.equal(first.code, 0, first.stderr)
  const fork = await smol('fork', 'r', '--from', 'Fix', '--run-id', 'f', '--args-x', '1')
  assert.equal(fork.code, 0, fork.stderr)
  assert.equal(fork.stdout, first.stdout)
  assert.match(fork.stderr, /^\[run\] f$/m)
  assert.deepEqual(JSON.parse((await smol('history', 'show', 'f', '--json')).stdout).args, { x: '1' })
  const again = await smol('resume', 'f', '--from=2')
  assert.equal(again.code, 0, again.stderr)
  const wrong = await smol('fork', 'r', '--from', 'Nowhere')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /run r has no phase "Nowhere"[^]*hint: smol-wf events <id> shows/)
})

test('children are what they were when the run began, whatever has become of their files', async (t) => {
  const child = (answer) => `export const meta = { name: 'child', description: 'x' }\nreturn [${answer}, await agent('child')]`
  const path = folder(t, {
    'flow.js': script("export default async () => { const one = await workflow({ scriptPath: './child.js' }); await agent('between'); return [one, await workflow({ scriptPath: './child.js' })] }"),
    'child.js': child(1),
  })
  const engine = open(t, path)
  let asked
  const between = new Promise((resolve) => (asked = resolve))
  const waits = (prompt) => (prompt === 'between' ? new Promise(asked) : prompt)
  const run = await engine.run(join(path, 'flow.js'), { runId: 'r', onAgent: waits })
  await between
  await engine.close()
  await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })
  writeFileSync(join(path, 'child.js'), child(2))

  const other = open(t, path)
  const onAgent = async (prompt) => prompt
  const resumed = await other.resume('r', { onAgent })
  assert.deepEqual(await resumed.result, [[1, 'child'], [1, 'child']])
  const events = []
  for await (const event of resumed.events()) events.push(event)
  const read = events.filter(({ type }) => type === 'script')
  assert.deepEqual(read.map(({ call, snapshot }) => [call, snapshot]), [[0, undefined]])
  const fork = await other.fork('r', { from: 0, runId: 'f', onAgent: () => new Promise(() => {}) })
  for await (const { type, kind } of fork.events()) if (type === 'call.started' && kind === 'agent') break
  await other.close()
  await assert.rejects(fork.result, { code: 'ERR_RUN_LEFT' })
  const third = open(t, path)
  assert.deepEqual(await (await third.resume('f', { onAgent })).result, [[1, 'child'], [1, 'child']])
  // A changed script is another matter: its children are read again.
  const again = await third.fork('r', { scriptPath: join(path, 'flow.js'), onAgent })
  assert.deepEqual(await again.result, [[2, 'child'], [2, 'child']])
})

test('joining a run that has failed says which, and what to do', async (t) => {
  const path = folder(t, { 'flow.js': script("throw new RangeError('no')\nexport default 1") })
  const run = () => smolWf(['run', 'flow.js', '--run-id', 'r'], { cwd: path })
  for (const { code, stdout, stderr } of [await run(), await run()]) {
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^\[run\] r$/m)
    assert.match(stderr, /no[^]*hint: smol-wf resume r --retry-failed/)
  }
})
