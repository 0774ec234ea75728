// Durable runs: the engine over its store. The ends of processes are real ones (SIGKILL), the stores are files.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine } from '@smol-workflow/engine'

import { all, open } from './engine-support.mjs'
import { folder, node, root, script } from './support.mjs'

const windows = process.platform === 'win32' && 'processes are ended by signals'

/** An engine with a store of its own, closed after the test. */
const answer = (calls = []) => async (prompt) => {
  calls.push(prompt)
  return { output: `<${prompt}>`, usage: { outputTokens: 1 } }
}

const TWO = { source: script("export default async () => [await agent('a', { label: 'first' }), await agent('b')]") }

test('a run has a result, events from any place, and stays in the store', async (t) => {
  const engine = open(t)
  const run = await engine.run(TWO, { runId: 'r', onAgent: answer() })
  assert.deepEqual(await run.result, ['<a>', '<b>'])
  const events = await all(run.events())
  assert.deepEqual(events.map(({ seq, type }) => [seq, type]), [
    [1, 'run.started'],
    [2, 'call.started'],
    [3, 'call.ended'],
    [4, 'call.started'],
    [5, 'call.ended'],
    [6, 'run.completed'],
  ])
  assert.ok(events.every((event) => event.runId === 'r' && !('record' in event)))
  assert.deepEqual(await all(run.events({ from: 5 })), events.slice(4))
  const { status, result, spent, name } = await run.inspect()
  assert.deepEqual([status, result, spent, name], ['completed', ['<a>', '<b>'], 2, 'test'])
  assert.deepEqual(await run.usage(), { total: null, spent: 2 })
  assert.deepEqual((await engine.list({ status: 'completed' })).map(({ id }) => id), ['r'])
  assert.deepEqual(await engine.list({ status: ['failed', 'running'] }), [])
})

test('events that are followed come as they happen', async (t) => {
  const engine = open(t)
  let go
  const run = await engine.run(TWO, { onAgent: (prompt) => (prompt === 'a' ? 1 : new Promise((resolve) => (go = resolve))) })
  const seen = []
  for await (const { type, call } of run.events()) {
    seen.push(type)
    if (type === 'call.started' && call === 1) go(2)
  }
  assert.equal(seen.at(-1), 'run.completed')
  assert.deepEqual(await run.result, [1, 2])
})

test('the same id with the same source and arguments joins the run; with others it is a conflict', async (t) => {
  const engine = open(t)
  const calls = []
  const first = await engine.run(TWO, { runId: 'r', onAgent: answer(calls) })
  await first.result
  const again = await engine.run(TWO, { runId: 'r', onAgent: answer(calls) })
  assert.deepEqual(await again.result, ['<a>', '<b>'])
  assert.deepEqual(calls, ['a', 'b'])
  for (const [source, args] of [[{ source: script('export default 1') }, undefined], [TWO, { x: 1 }]]) {
    await assert.rejects(engine.run(source, { runId: 'r', ...(args && { args }) }), { code: 'ERR_RUN_CONFLICT' })
  }
})

test('closing the engine leaves runs as they are, and they go on in another', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const calls = []
  let asked
  const second = new Promise((resolve) => (asked = resolve))
  const run = await engine.run(TWO, {
    runId: 'r',
    onAgent: (prompt) => {
      calls.push(prompt)
      return prompt === 'a' ? { output: 1, usage: { outputTokens: 5 } } : new Promise(asked)
    },
  })
  await second
  await engine.close()
  await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })
  const other = open(t, path)
  assert.equal((await other.inspect('r')).status, 'running')
  const [resumed] = await other.recover({ onAgent: answer(calls) })
  assert.deepEqual(await resumed.result, [1, '<b>'])
  assert.deepEqual(calls, ['a', 'b', 'b'])
  assert.equal((await other.inspect('r')).spent, 6)
})

test('a run that is over, unknown, or at work cannot be resumed', async (t) => {
  const engine = open(t)
  await assert.rejects(engine.resume('nobody'), { code: 'ERR_UNKNOWN_RUN' })
  await (await engine.run(TWO, { runId: 'over' })).result
  await assert.rejects(engine.resume('over'), { code: 'ERR_RUN_FINISHED' })
  const run = await engine.run(TWO, { runId: 'busy', onAgent: () => new Promise(() => {}) })
  await assert.rejects(engine.resume('busy'), { code: 'ERR_RUN_OWNED' })
  await run.cancel()
  await assert.rejects(run.result, { code: 'ERR_RUN_CANCELLED' })
  assert.equal((await engine.inspect('busy')).status, 'cancelled')
})

test('what failed runs again, and nothing else', async (t) => {
  const engine = open(t)
  const source = { source: script("export default async () => [await agent('a'), await agent('b'), await agent('c')]") }
  const calls = []
  let broken = true
  const onAgent = async (prompt) => {
    calls.push(prompt)
    if (prompt === 'b' && broken) throw new Error('dead')
    return prompt
  }
  const run = await engine.run(source, { runId: 'r', onAgent })
  await assert.rejects(run.result, /dead/)
  assert.equal((await engine.inspect('r')).status, 'failed')
  broken = false
  const again = await engine.resume('r', { retryFailed: true, onAgent })
  assert.deepEqual(await again.result, ['a', 'b', 'c'])
  assert.deepEqual(calls, ['a', 'b', 'b', 'c'])
  const events = await all(again.events())
  assert.ok(events.some(({ type, anew }) => type === 'run.resumed' && anew))
})

test('an edited stage runs again, and the others are not paid for twice', async (t) => {
  const path = folder(t, {})
  const flow = (second) => script(`export default async () => [await agent('a'), await agent('${second}'), await agent('c'), await agent('d')]`)
  writeFileSync(join(path, 'flow.js'), flow('b'))
  writeFileSync(join(path, 'new.js'), flow('changed'))
  for (const [drift, expected] of [['match', ['changed']], ['prefix', ['changed', 'c', 'd']]]) {
    const engine = open(t, folder(t, {}))
    let left = 3
    const die = new Promise(() => {})
    const run = await engine.run(join(path, 'flow.js'), { runId: 'r', onAgent: (prompt) => (left-- > 0 ? `<${prompt}>` : die) })
    for await (const { type, call } of run.events()) if (type === 'call.started' && call === 3) break
    await run.cancel()
    await assert.rejects(run.result)
    const calls = []
    const resumed = await engine.resume('r', { scriptPath: join(path, 'new.js'), drift, onAgent: answer(calls) })
    assert.deepEqual(await resumed.result, ['<a>', '<changed>', '<c>', '<d>'])
    assert.deepEqual(calls, drift === 'match' ? [...expected, 'd'] : expected)
  }
})

test('a process that dies after a run was taken up with a changed source loses no answer', async (t) => {
  const path = folder(t, {})
  const flow = (second) => script(`export default async () => [await agent('a'), await agent('${second}'), await agent('c'), await agent('d')]`)
  writeFileSync(join(path, 'flow.js'), flow('b'))
  writeFileSync(join(path, 'new.js'), flow('changed'))
  const first = open(t, path)
  assert.deepEqual(await (await first.run(join(path, 'flow.js'), { runId: 'r', onAgent: answer() })).result, ['<a>', '<b>', '<c>', '<d>'])
  // The process ends while the changed call is under way: the calls after it have not been asked for again.
  const resumed = await first.resume('r', { scriptPath: join(path, 'new.js'), onAgent: () => new Promise(() => {}) })
  for await (const { type } of resumed.events({ from: 11 })) if (type === 'call.started') break
  await first.close()
  await assert.rejects(resumed.result, { code: 'ERR_RUN_LEFT' })
  const second = open(t, path)
  const calls = []
  const [again] = await second.recover({ onAgent: answer(calls) })
  assert.deepEqual(await again.result, ['<a>', '<changed>', '<c>', '<d>'])
  assert.deepEqual(calls, ['changed'])
})

test('a call goes on where it was, and what its attempts have cost is not forgotten', async (t) => {
  const path = folder(t, {})
  const source = { source: script("export default async () => [await agent('a', { retry: { maxAttempts: 3, backoffMs: 3600000 } }), budget.spent()]") }
  const seen = []
  const provider = (answer) => ({
    name: 'own',
    resumes: true,
    async run({ prompt, context }) {
      seen.push([prompt.slice(0, 20), context.sessionId])
      if (answer) return { output: answer, usage: { outputTokens: 7 } }
      throw Object.assign(new Error('broken off'), { usage: { outputTokens: 5 }, sessionId: 's' })
    },
  })
  let engine = open(t, path)
  let run = await engine.run(source, { runId: 'r', agentProvider: provider() })
  // Two lives, each with an attempt that fails; the third one has its answer.
  for (const left of [2, 1]) {
    let retries = 0
    for await (const { type } of run.events()) if (type === 'call.retrying' && ++retries === 3 - left) break
    await engine.close()
    await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })
    engine = open(t, path)
    run = await engine.resume('r', { agentProvider: provider(left === 1 && 'done') })
  }
  assert.deepEqual(await run.result, ['done', 17])
  assert.deepEqual(seen, [['a', undefined], ['You were interrupted', 's'], ['You were interrupted', 's']])
  const events = await all(run.events())
  assert.deepEqual(events.filter(({ type }) => type === 'call.started').map(({ attempt }) => attempt), [1, 2, 3])
  assert.equal((await run.inspect()).spent, 17)
})

test('what was paid is counted once, however often a run is taken up', async (t) => {
  const path = folder(t, {})
  const source = { source: script("export default async () => { const before = budget.spent(); const all = [await agent('a'), await agent('b')]; return [before, ...all, budget.spent()] }") }
  const usage = (outputTokens) => ({ usage: { outputTokens } })
  const first = open(t, path)
  const fails = async (prompt) => {
    if (prompt === 'b') throw Object.assign(new Error('dead'), usage(3))
    return { output: 1, ...usage(5) }
  }
  await assert.rejects((await first.run(source, { runId: 'r', onAgent: fails })).result, /dead/)
  const left = await first.resume('r', { retryFailed: true, onAgent: () => new Promise(() => {}) })
  for await (const { type } of left.events({ from: 7 })) if (type === 'call.started') break
  await first.close()
  await assert.rejects(left.result, { code: 'ERR_RUN_LEFT' })
  const second = open(t, path)
  const run = await second.resume('r', { onAgent: async () => ({ output: 2, ...usage(7) }) })
  assert.deepEqual(await run.result, [8, 1, 2, 15])
  assert.equal((await run.inspect()).spent, 15)
  // Nor does it cost anything to look at it all once more.
  const again = await second.resume('r', { drift: 'match', retryFailed: true })
  assert.deepEqual(await again.result, [15, 1, 2, 15])
})

test('a script that does something else than its journal says is stopped, and nothing is lost', async (t) => {
  const path = folder(t, { 'flow.js': script("export default async () => [await agent('a', { label: 'one' }), await agent('b')]") })
  const engine = open(t, path)
  const run = await engine.run(join(path, 'flow.js'), { runId: 'r', onAgent: (prompt) => (prompt === 'a' ? 1 : new Promise(() => {})) })
  for await (const { type, call } of run.events()) if (type === 'call.started' && call === 1) break
  await engine.close()
  writeFileSync(join(path, 'flow.js'), script("export default async () => [await agent('x', { label: 'one' }), await agent('b')]"))
  const other = open(t, path)
  const wrong = other.resume('r', { scriptPath: join(path, 'flow.js'), drift: 'fail', onAgent: answer() })
  await assert.rejects(wrong, (error) => {
    assert.equal(error.code, 'ERR_REPLAY_MISMATCH')
    assert.match(error.message, /call 0 was an agent call labelled "one", now it is an agent call labelled "one"\n {2}prompt: recorded "a", asked "x"/)
    return true
  })
  assert.equal((await other.inspect('r')).status, 'running')
})

test('a run is cancelled from another process', { skip: windows }, async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const run = await engine.run({ source: script("export default async () => { try { await agent('a') } finally { log('cleaned') } }") }, {
    runId: 'r',
    onAgent: () => new Promise(() => {}),
  })
  for await (const { type } of run.events()) if (type === 'call.started') break
  const text = `import { createEngine } from '@smol-workflow/engine'
    const engine = createEngine({ store: ${JSON.stringify(join(path, 'runs.db'))} })
    await engine.cancel('r', 'enough')
    await engine.close()`
  const { code, stderr } = await node(['--input-type=module', '-e', text], { cwd: root })
  assert.equal(code, 0, stderr)
  await assert.rejects(run.result, { code: 'ERR_RUN_CANCELLED' })
  const events = await all(engine.events('r'))
  assert.ok(events.some(({ type, values }) => type === 'log' && values[0] === 'cleaned'))
})

test('options that nobody knows are refused', async (t) => {
  const path = folder(t, {})
  for (const options of [{ stor: 'x' }, { store: 5 }, { store: { file: 'x' } }, { store: { path: join(path, 'x.db'), synchronous: 'never' } }, { args: 1 }]) {
    assert.throws(() => createEngine(options), { code: 'ERR_INVALID_OPTION' }, JSON.stringify(options))
  }
  const engine = open(t, path)
  await assert.rejects(engine.run(TWO, { id: 'x' }), { code: 'ERR_INVALID_OPTION' })
  await assert.rejects(engine.resume('x', { drift: 'some' }), { code: 'ERR_INVALID_OPTION' })
  await assert.rejects(engine.list({ status: 'done' }), { code: 'ERR_INVALID_OPTION' })
  writeFileSync(join(path, 'no.db'), 'this is no database, and it is long enough to be looked at as one, byte by byte by byte'.repeat(20))
  assert.throws(() => createEngine({ store: join(path, 'no.db') }), { code: 'ERR_STORE_FOREIGN' })
  assert.ok(readFileSync(join(path, 'no.db'), 'utf8').startsWith('this is no database'))
})

test('runs are deleted with their space', async (t) => {
  const engine = open(t)
  for (const id of ['a', 'b']) await (await engine.run(TWO, { runId: id })).result
  const dry = await engine.delete(['a'], { dryRun: true })
  assert.equal(dry.runs, 1)
  assert.equal((await engine.list()).length, 2)
  assert.equal((await engine.delete({ status: 'completed' })).runs, 2)
  assert.deepEqual(await engine.list(), [])
})

const FLOW = `export const meta = { name: 'flow', description: 'a bit of everything' }
phase('one')
const same = await parallel([() => agent('same'), () => agent('same'), () => agent('other, longer')])
log('same', same)
const piped = await pipeline(['x', 'yy', 'zzz'], (it) => agent('first ' + it), (it) => agent('second ' + it))
const failed = await agent('never', { label: 'fails', retry: { maxAttempts: 2 } })
await new Promise((resolve) => setTimeout(resolve, 1))
const child = await workflow({ scriptPath: './child.js' }, { of: args.n })
const many = await parallel(Array.from({ length: args.n }, (_, i) => async () => {
  const a = await agent('item ' + i)
  return agent('again ' + a)
}))
return { same, piped, failed, child, many, spent: budget.spent() }
`
const CHILD = `export const meta = { name: 'child', description: 'asks twice' }
return [await agent('child ' + args.of), await agent('child again')]
`

test('killed after every call, a run has the same result, and no recorded answer is paid for twice', { skip: windows, timeout: 120_000 }, async (t) => {
  const live = folder(t, { 'flow.js': FLOW, 'child.js': CHILD })
  const child = join(root, '__test__/crash-child.mjs')
  const once = await node([child, live, 'run', '0'], { cwd: root })
  assert.equal(once.code, 0, once.stderr)
  const asked = readFileSync(join(live, 'asked.log'), 'utf8').trimEnd().split('\n')
  for (const step of [1, 2, 3]) {
    const path = folder(t, { 'flow.js': FLOW, 'child.js': CHILD })
    let lives = 0
    let last
    do {
      // Killed before its first answer, a process gets no further: most give a few.
      const kill = step + (lives % 4)
      last = await node([child, path, lives % 2 === 0 ? 'run' : 'resume', String(kill)], { cwd: root })
      assert.ok(last.signal === 'SIGKILL' || last.code === 0, last.stderr)
      assert.ok(++lives < 100, 'it gets nowhere')
    } while (last.signal)
    assert.equal(last.stdout, once.stdout)
    assert.ok(existsSync(join(path, 'runs.db')))
    const engine = open(t, path)
    const events = await all(engine.events('r'))
    const ends = events.filter(({ type }) => type === 'call.ended').map(({ call }) => call)
    assert.equal(new Set(ends).size, ends.length, 'a call has ended twice')
    assert.equal((await engine.inspect('r')).spent, JSON.parse(once.stdout).spent)
    // Those asked again were under way when a process was killed: at most what runs at once, per life.
    const again = readFileSync(join(path, 'asked.log'), 'utf8').trimEnd().split('\n')
    assert.ok(again.length <= asked.length + lives * 2 * 4, `${again.length} calls instead of ${asked.length}`)
  }
})
