// What every store must pass, through the public API: the cases that are known to break engines of this kind. Their
// numbers are those of the list that they come from; 7 and 10 are about approvals and graphs of calls, which are not there
// yet. 12 (killed at every point) is chaos.test.mjs.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine } from '@smol-workflow/engine'

import { all, never, open } from './engine-support.mjs'
import { folder, node, root, script } from './support.mjs'

const windows = process.platform === 'win32' && 'processes are ended by signals'
const flow = (body) => ({ source: script(`export default async (args) => { ${body} }`) })

/** Runs until `last` is asked for, and leaves the run there as a process does that is told to stop. */
async function until(t, path, source, last, answer, options = {}) {
  const engine = open(t, path)
  let reached
  const there = new Promise((resolve) => (reached = resolve))
  const onAgent = (prompt, given) => (last(prompt, given) ? (reached(), never()) : answer(prompt, given))
  const run = await engine.run(source, { runId: 'r', onAgent, ...options })
  await there
  // What has been answered is on its way; an order of its own would be another test.
  for (;;) {
    const open = new Map()
    for await (const { type, call, label } of engine.events('r')) {
      if (type === 'call.started') open.set(call, label)
      if (type === 'call.ended') open.delete(call)
    }
    if ([...open.values()].every((label) => label === 'last')) break
  }
  await engine.close()
  await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })
}

test('1: what was done before a phase that fails does not run again', async (t) => {
  const engine = open(t, folder(t, {}))
  const source = flow("phase('one'); const a = [await agent('a'), await agent('b')]; phase('two'); return [...a, await agent('c')]")
  const calls = []
  let broken = true
  const onAgent = async (prompt) => {
    calls.push(prompt)
    if (prompt === 'c' && broken) throw new Error('down')
    return prompt
  }
  await assert.rejects((await engine.run(source, { runId: 'r', onAgent })).result, /down/)
  broken = false
  assert.deepEqual(await (await engine.resume('r', { retryFailed: true, onAgent })).result, ['a', 'b', 'c'])
  assert.deepEqual(calls, ['a', 'b', 'c', 'c'])
})

test('2: calls that are equal each resume to their own answer', async (t) => {
  const path = folder(t, {})
  const source = flow(`
    const out = []
    for (let i = 0; i < 3; i++) out.push(await agent('same'))
    out.push(...(await parallel([1, 2, 3].map((n) => async () => [n, await agent('same'), await agent('same')]))))
    out.push(args.branch ? await agent('same') : 'none')
    return [...out, await agent('last', { label: 'last' })]`)
  let count = 0
  const answered = []
  const answer = async (prompt) => {
    const number = ++count
    // Later ones of a fan-out come first.
    await new Promise((resolve) => setTimeout(resolve, (10 - number) % 3))
    answered.push(number)
    return `${prompt} ${number}`
  }
  await until(t, path, source, (prompt) => prompt === 'last', answer, { args: { branch: true } })
  const first = (await all(open(t, path).events('r'))).filter(({ type }) => type === 'call.ended').length
  assert.equal(first, 10)
  const result = await (await open(t, path).resume('r', { onAgent: async () => 'end' })).result
  assert.equal(count, 10)
  assert.equal(result.at(-1), 'end')
  assert.equal(new Set(result.flat().filter((each) => String(each).startsWith('same'))).size, 10)
  const sequential = result.slice(0, 3)
  assert.deepEqual(sequential, ['same 1', 'same 2', 'same 3'])
})

test('3: the finished items of a fan-out are not dispatched again', async (t) => {
  const path = folder(t, {})
  const source = flow("return parallel(Array.from({ length: 20 }, (_, i) => () => agent(`item ${i}`, { label: i % 2 ? 'last' : 'first' })))")
  await until(t, path, source, (_, { label }) => label === 'last', async (prompt) => prompt)
  const calls = []
  const result = await (await open(t, path).resume('r', { onAgent: async (prompt) => (calls.push(prompt), prompt) })).result
  assert.deepEqual(result, Array.from({ length: 20 }, (_, i) => `item ${i}`))
  assert.deepEqual(calls.sort(), Array.from({ length: 10 }, (_, i) => `item ${2 * i + 1}`).sort())
})

test('4: after a cancel `finally` runs; a call that takes too long is tried again, and the run goes on', async (t) => {
  const engine = open(t, folder(t, {}))
  const cancelled = await engine.run(flow("try { await agent('a') } finally { log('cleaned') }"), { runId: 'c', onAgent: never })
  for await (const { type } of cancelled.events()) if (type === 'call.started') break
  await cancelled.cancel()
  await assert.rejects(cancelled.result, { code: 'ERR_RUN_CANCELLED' })
  assert.ok((await all(engine.events('c'))).some(({ type, values }) => type === 'log' && values[0] === 'cleaned'))

  let asked = 0
  const slow = await engine.run(flow("return [await agent('slow', { timeoutMs: 20, retry: { maxAttempts: 2 } }), await agent('next')]"), {
    onAgent: (prompt) => (prompt === 'slow' && ++asked === 1 ? never() : prompt),
  })
  assert.deepEqual(await slow.result, ['slow', 'next'])
  assert.equal(asked, 2)
})

test('5: a run can be taken up in the moment in which its owner is gone', { skip: windows }, async (t) => {
  const path = folder(t, {})
  const child = `import { createEngine } from '@smol-workflow/engine'
    const engine = createEngine({ store: ${JSON.stringify(join(path, 'runs.db'))} })
    await engine.run(${JSON.stringify(flow("return [await agent('a'), await agent('b')]"))}, {
      runId: 'r', onAgent: (prompt) => (prompt === 'a' ? 1 : process.kill(process.pid, 'SIGKILL')),
    })`
  assert.equal((await node(['--input-type=module', '-e', child], { cwd: root })).signal, 'SIGKILL')
  const engine = open(t, path)
  // A lease is half a minute long, and a test that waited for it would be ended before.
  assert.deepEqual(await (await engine.resume('r', { onAgent: () => 2 })).result, [1, 2])
})

test('6: whoever has lost a run writes nothing more, and the new owner is not disturbed', async (t) => {
  const path = folder(t, {})
  const zombie = open(t, path)
  let go
  let aborted
  const gone = new Promise((resolve) => (aborted = resolve))
  const source = flow("return parallel([() => agent('a'), () => agent('b')])")
  const agentProvider = {
    name: 'own',
    run: ({ prompt, context }) =>
      new Promise((resolve) => {
        if (prompt === 'a') go = () => resolve({ output: 'a of the zombie' })
        else context.signal.addEventListener('abort', aborted)
      }),
  }
  const lost = await zombie.run(source, { runId: 'r', agentProvider })
  let begun = 0
  for await (const { type } of lost.events()) if (type === 'call.started' && ++begun === 2) break
  // As if the machine had slept, or the lock been lost: the others see nobody alive.
  for (const file of readdirSync(join(path, 'runs.db-owners'))) rmSync(join(path, 'runs.db-owners', file))
  const owner = open(t, path)
  const taken = await owner.resume('r', { onAgent: async (prompt) => `${prompt} of the owner` })
  go()
  await assert.rejects(lost.result, { code: 'ERR_RUN_LEASE_LOST' })
  // Its agents are told to end.
  await gone
  assert.deepEqual(await taken.result, ['a of the owner', 'b of the owner'])
  const told = await all(owner.events('r'))
  assert.deepEqual(told.map(({ seq }) => seq), told.map((_, index) => index + 1))
  assert.equal(told.filter(({ type }) => type === 'call.ended').length, 2)
})

test('8: each call that was started has one end, however it ends', async (t) => {
  const engine = open(t, folder(t, {}))
  const source = flow(`
    const failed = agent('fails').catch(() => 'failed')
    const late = agent('late', { timeoutMs: 10 }).catch(() => 'late')
    const [a, b, c] = await Promise.all([failed, late, agent('good')])
    agent('forgotten')
    await agent('last')
    return [a, b, c]`)
  const onAgent = async (prompt) => {
    if (prompt === 'fails') throw new Error('down')
    return prompt === 'late' || prompt === 'forgotten' ? never() : prompt
  }
  assert.deepEqual(await (await engine.run(source, { runId: 'r', onAgent })).result, ['failed', 'late', 'good'])
  const cancelled = await engine.run(flow("return parallel([1, 2, 3].map((n) => () => agent('x' + n)))"), { runId: 'c', onAgent: never })
  for await (const { type, call } of cancelled.events()) if (type === 'call.started' && call === 2) break
  await cancelled.cancel()
  await assert.rejects(cancelled.result)
  for (const [id, outcomes] of [
    ['r', ['abandoned', 'completed', 'completed', 'failed', 'failed']],
    ['c', ['cancelled', 'cancelled', 'cancelled']],
  ]) {
    const told = await all(engine.events(id))
    const ended = told.filter(({ type }) => type === 'call.ended')
    const started = new Set(told.filter(({ type }) => type === 'call.started').map(({ call }) => call))
    assert.deepEqual(ended.map(({ call }) => call).sort(), [...started].sort())
    assert.deepEqual(ended.map(({ outcome }) => outcome).sort(), outcomes)
  }
})

test('9: what was spent is the same to the token after a resume', async (t) => {
  const source = flow(`
    const spent = []
    for (let i = 0; i < 4; i++) { await agent('n' + i, { retry: { maxAttempts: 2 } }); spent.push(budget.spent()) }
    await agent('last', { label: 'last' })
    return [...spent, budget.spent(), budget.remaining()]`)
  const failed = new Set()
  const answer = async (prompt) => {
    // Failed attempts cost something, too.
    if (prompt === 'n1' && !failed.has(prompt)) {
      failed.add(prompt)
      throw Object.assign(new Error('down'), { usage: { outputTokens: 100 } })
    }
    return { output: prompt, usage: { outputTokens: prompt.length + 0.5 } }
  }
  const live = await (await open(t, folder(t, {})).run(source, { budgetTotal: 1000, onAgent: answer })).result
  failed.clear()
  const path = folder(t, {})
  await until(t, path, source, (prompt) => prompt === 'last', answer, { budgetTotal: 1000 })
  const engine = open(t, path)
  assert.deepEqual(await (await engine.resume('r', { onAgent: answer })).result, live)
  assert.equal((await engine.inspect('r')).spent, live.at(-2))
})

test('11: a budget that is used up in a fan-out is exceeded by what is under way at most, after a resume too', async (t) => {
  const path = folder(t, {})
  const source = flow(`
    const refused = []
    const one = (i) => agent('n' + i).then(() => 'ok', ({ code }) => code)
    const first = await Promise.all(Array.from({ length: 20 }, (_, i) => one(i)))
    await agent('last', { label: 'last' }).catch(({ code }) => refused.push(code))
    return [first, refused, budget.spent()]`)
  const options = { budgetTotal: 100, budgetMode: 'hard', maxParallelAgents: 4 }
  const calls = []
  const answer = async (prompt) => (calls.push(prompt), { output: 1, usage: { outputTokens: 30 } })
  const engine = open(t, path)
  const run = await engine.run(source, { runId: 'r', ...options, onAgent: answer })
  const [first, refused, spent] = await run.result
  assert.ok(spent >= 100 && spent <= 100 + 4 * 30, `${spent} were spent`)
  assert.equal(first.filter((each) => each === 'ERR_BUDGET_EXHAUSTED').length, 20 - calls.length)
  assert.deepEqual(refused, ['ERR_BUDGET_EXHAUSTED'])
  const before = calls.length
  const again = await engine.resume('r', { from: 20, onAgent: answer })
  assert.deepEqual(await again.result, [first, refused, spent])
  assert.equal(calls.length, before)
  // A larger one lets it go on.
  const more = await engine.resume('r', { from: 20, budgetTotal: 1000, onAgent: answer })
  assert.deepEqual((await more.result)[1], [])
  assert.equal(calls.length, before + 1)
})

test('13: a store of a newer format is refused and left as it is', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  await (await engine.run(flow('return 1'), { runId: 'r' })).result
  await engine.close()
  const file = join(path, 'runs.db')
  const bytes = readFileSync(file)
  // The format is SQLite's `user_version`, at this place of the header.
  bytes.writeUInt32BE(bytes.readUInt32BE(60) + 1, 60)
  writeFileSync(file, bytes)
  assert.throws(() => createEngine({ store: file }), (error) => {
    assert.equal(error.code, 'ERR_STORE_VERSION')
    assert.equal(error.details.found, error.details.known + 1)
    return true
  })
  assert.deepEqual(readFileSync(file), bytes)
  bytes.writeUInt32BE(bytes.readUInt32BE(60) - 1, 60)
  writeFileSync(file, bytes)
  assert.equal((await open(t, path).inspect('r')).result, 1)
})

test('14: a damaged store says so', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  for (let i = 0; i < 50; i++) await (await engine.run(flow(`return 'x'.repeat(500)`), { runId: `r${i}` })).result
  assert.deepEqual(await engine.verify(), [])
  await engine.close()
  const file = join(path, 'runs.db')
  const bytes = readFileSync(file)
  bytes.fill(0xff, 8192, bytes.length - 4096)
  writeFileSync(file, bytes)
  const list = async () => {
    const damaged = createEngine({ store: { path: file, readOnly: true } })
    t.after(() => damaged.close())
    return damaged.list()
  }
  await assert.rejects(list, { code: 'ERR_STORE_CORRUPT', message: /is damaged/ })
  assert.deepEqual(readFileSync(file), bytes)
})
