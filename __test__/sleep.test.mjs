// sleep(): in every form of script, put away, woken, resumed, cancelled. Waits are short, and what is tested is their order.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine, runWorkflow } from '@smol-workflow/engine'

import { all, open } from './engine-support.mjs'
import { environment, folder, node, root, script, smolWf } from './support.mjs'

const windows = process.platform === 'win32'
const CHILD = join(root, '__test__/sleep-child.mjs')
const body = (text) => ({ source: `export const meta = { name: 'test', description: 'a test' }\n${text}\n` })
/** Long enough to be put away for, and short enough to wait for. */
const NAP = 150
/** So long that nobody wakes by himself. */
const LONG = '1h'

/** Resolves when the run is put away, to the event that says so. */
async function suspended(run, from = 1) {
  for await (const event of run.events({ from })) if (event.type === 'run.suspended') return event
  throw new Error('it was never suspended')
}

const types = (events) => events.map(({ type, kind }) => (kind ? `${type} ${kind}` : type))

test('sleep is there in both forms, in children, in parallel, and in runs that are not durable', async (t) => {
  const path = folder(t, {
    'child.js': script("await SW.extra.sleep('2ms'); return 'child'"),
  })
  for (const text of [
    "import { sleep } from 'workflow:extra'\nexport default async () => [await sleep(1), await sleep('1ms')]",
    'export default async (args, ctx) => [await ctx.extra.sleep(1), ctx.extra === SW.extra ? undefined : 1]',
    'export default async (args, { extra: { sleep } }) => parallel([() => sleep(2), () => sleep(1)])',
    "const { sleep } = await import('workflow:extra')\nreturn [await sleep(0), await SW.extra.sleep('0.5ms')]",
    'return parallel([() => SW.extra.sleep(2), () => SW.extra.sleep(1)])',
  ]) {
    const result = await runWorkflow(body(text))
    assert.deepEqual(result, [null, null], text)
  }
  const started = performance.now()
  const events = []
  const result = await runWorkflow({
    ...body(`return [await workflow({ scriptPath: ${JSON.stringify(join(path, 'child.js'))} }), await SW.extra.sleep(20)]`),
    onEvent: (event) => events.push(event),
  })
  assert.deepEqual(result, ['child', null])
  assert.ok(performance.now() - started >= 20)
  assert.ok(!types(events).includes('run.suspended'))
  const [first] = events.filter(({ type, kind }) => type === 'call.started' && kind === 'sleep')
  assert.ok(first.until > first.at - 50 && first.until < first.at + 1_000)
  assert.equal(events.filter(({ type, kind }) => type === 'call.ended' && kind === 'sleep').length, 2)
})

test('a sleep takes no place of an agent', async () => {
  const seen = []
  await runWorkflow({
    ...body("SW.extra.sleep(60_000); return [await agent('a'), await agent('b')]"),
    maxParallelAgents: 1,
    onAgent: (prompt) => seen.push(prompt),
  })
  assert.deepEqual(seen, ['a', 'b'])
})

test('what is no duration is a TypeError, and what is too long is refused', async () => {
  for (const [given, shown] of [
    ["'5 minutes'", 'got the text "5 minutes"'],
    ["'30'", 'got the text "30", which has no unit'],
    ["''", 'got the text ""'],
    ['NaN', 'got NaN'],
    ['-1', 'got -1'],
    ['Infinity', 'got Infinity'],
    ['', 'got undefined'],
    ['null', 'got null'],
    ['{}', 'got an object'],
    ['[1]', 'got an array'],
    ['5n', 'got a bigint'],
    ['true', 'got a boolean'],
  ]) {
    const result = await runWorkflow(body(`try { await SW.extra.sleep(${given}) } catch (e) { return [e instanceof TypeError, e.code, e.message] }`))
    assert.deepEqual(result.slice(0, 2), [true, 'ERR_INVALID_DURATION'], given)
    assert.equal(result[2], `sleep() expects milliseconds, or text such as '500ms', '30s', '1h30m' or '2d', ${shown}`)
  }
  const refused = "try { await SW.extra.sleep(args) } catch (e) { return [e.name, e.code, e.message] }"
  assert.deepEqual(await runWorkflow({ ...body(refused), args: '30d1ms' }), [
    'RangeError',
    'ERR_SLEEP_LIMIT',
    'sleep() for 30d1ms (2592000001 ms) is longer than maxSleepMs allows, which is 30d (2592000000 ms)',
  ])
  assert.equal((await runWorkflow({ ...body(refused), args: 6, maxSleepMs: 5 }))[1], 'ERR_SLEEP_LIMIT')
  const lifted = runWorkflow({ ...body(refused), args: 1e300, maxSleepMs: Infinity, signal: AbortSignal.timeout(50) })
  await assert.rejects(lifted, { code: 'ERR_RUN_CANCELLED' })
  for (const maxSleepMs of [-1, NaN, 1.5]) {
    await assert.rejects(runWorkflow({ ...body('return 1'), maxSleepMs }), { code: 'ERR_INVALID_OPTION' }, String(maxSleepMs))
  }
})

test('scripts cannot change what others import', async () => {
  const text = `const fails = []
    for (const deed of [() => { SW.extra = 1 }, () => { SW.extra.sleep = 1 }, () => { SW.extra.sleep.x = 1 }, () => { globalThis.SW = 1 }]) {
      try { deed() } catch (e) { fails.push(e.name) }
    }
    const { sleep } = await import('workflow:extra')
    return [fails.join(), sleep === SW.extra.sleep]`
  assert.deepEqual(await runWorkflow(body(text)), ['TypeError,TypeError,TypeError,TypeError', true])
})

test('a run that only sleeps is put away, and is the same run when it wakes', async (t) => {
  const engine = open(t)
  const run = await engine.run(
    body(`const a = await agent('a'); log('before'); await SW.extra.sleep(${NAP}); log('after'); return [a, await agent('b'), budget.spent()]`),
    { runId: 'r', onAgent: (prompt) => ({ output: `<${prompt}>`, usage: { outputTokens: 5 } }) },
  )
  const { blockedOn, waits, wakeAt } = await suspended(run)
  const parked = await run.inspect()
  assert.deepEqual(
    [parked.status, parked.blockedOn, parked.wakeAt, parked.owner, parked.spent],
    ['suspended', blockedOn, wakeAt, null, 5],
  )
  assert.deepEqual([waits, blockedOn], [1, [{ what: 'sleep', call: 1, since: wakeAt - NAP, until: wakeAt }]])
  assert.deepEqual(await run.result, ['<a>', '<b>', 10])
  assert.ok(Date.now() >= wakeAt)
  const events = await all(run.events())
  assert.deepEqual(types(events), [
    'run.started',
    'call.started agent',
    'call.ended agent',
    'log',
    'call.started sleep',
    'run.suspended',
    'run.resumed',
    'call.ended sleep',
    'log',
    'call.started agent',
    'call.ended agent',
    'run.completed',
  ])
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1))
  const { status, blockedOn: nothing, wakeAt: never } = await run.inspect()
  assert.deepEqual([status, nothing, never], ['completed', null, null])
})

test('a run is not put away while an agent or a timer is at work, nor for a moment', async (t) => {
  const engine = open(t)
  let answer
  const run = await engine.run(body(`return parallel([() => SW.extra.sleep(${NAP}), () => agent('a')])`), {
    onAgent: () => new Promise((resolve) => (answer = resolve)),
  })
  for await (const { type, kind } of run.events()) if (type === 'call.ended' && kind === 'sleep') break
  answer('late')
  assert.deepEqual(await run.result, [null, 'late'])
  assert.ok(!types(await all(run.events())).includes('run.suspended'))
  for (const text of [
    `setTimeout(() => {}, ${3 * NAP}); await SW.extra.sleep(${NAP}); return 1`,
    'for (let i = 0; i < 5; i++) await SW.extra.sleep(5)',
  ]) {
    const awake = await engine.run(body(text))
    await awake.result
    assert.ok(!types(await all(awake.events())).includes('run.suspended'), text)
  }
  // When the agent is done first, what is left is put away for.
  const later = await engine.run(body(`await parallel([() => SW.extra.sleep(${2 * NAP}), () => agent('a'), () => workflow({ scriptPath: '/x' })]); return 2`))
  assert.equal((await suspended(later)).blockedOn[0].call, 0)
  assert.equal(await later.result, 2)
})

test('sleeps side by side are put away for together, and end in their order', async (t) => {
  const engine = open(t)
  const run = await engine.run(
    body(`const order = []
      await parallel([${3 * NAP}, ${NAP}, ${2 * NAP}].map((ms) => async () => { await SW.extra.sleep(ms); order.push(ms) }))
      return order`),
  )
  const { blockedOn, waits } = await suspended(run)
  assert.deepEqual([waits, blockedOn.map(({ call }) => call)], [3, [1, 2, 0]])
  assert.deepEqual(await run.result, [NAP, 2 * NAP, 3 * NAP])
  const events = types(await all(run.events()))
  assert.equal(events.filter((type) => type === 'call.started sleep').length, 3)
  assert.equal(events.filter((type) => type === 'call.ended sleep').length, 3)
})

test('killed while it is put away, a run goes on in another process at its first time', { skip: windows, timeout: 60_000 }, async (t) => {
  const path = folder(t, { 'flow.js': script("log(await agent('a')); await SW.extra.sleep(4_000); return await agent('b')") })
  const child = spawn(process.execPath, [CHILD, path], { cwd: root, env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const text of child.stdout) {
    said += text
    if (said.includes('run.suspended')) child.kill('SIGKILL')
  }
  const asked = () => readFileSync(join(path, 'asked.log'), 'utf8')
  assert.equal(asked(), 'a\n')
  const engine = open(t, path)
  const { wakeAt } = await engine.inspect('r')
  // Taken up before its time, it is put away again, for as long as before.
  const early = await engine.resume('r')
  const again = await suspended(early, (await engine.inspect('r')).lastSeq)
  assert.equal(again.wakeAt, wakeAt)
  await engine.close()
  await assert.rejects(early.result, { code: 'ERR_RUN_LEFT' })
  const { code, stdout, stderr } = await node([CHILD, path, 'resume'], { cwd: root })
  assert.equal(code, 0, stderr)
  assert.equal(stdout.trim().split('\n').at(-1), '"<b>"')
  assert.equal(asked(), 'a\nb\n')
  const [end] = (await all(open(t, path).events('r'))).filter(({ type, kind }) => type === 'call.ended' && kind === 'sleep')
  assert.ok(end.at >= wakeAt && end.at < wakeAt + 5_000, `${end.at - wakeAt}`)
})

test('a time that has passed while nobody was there ends the sleep at once', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const run = await engine.run(body(`await SW.extra.sleep(${NAP}); return 'awake'`), { runId: 'r' })
  const { wakeAt } = await suspended(run)
  await engine.close()
  await assert.rejects(run.result, (error) => error.code === 'ERR_RUN_LEFT' && /suspended/.test(error.message))
  assert.equal((await open(t, path).inspect('r')).status, 'suspended')
  await new Promise((resolve) => setTimeout(resolve, wakeAt - Date.now() + 1))
  const [recovered] = await open(t, path).recover()
  assert.equal(await recovered.result, 'awake')
})

test('a thousand runs that are put away all wake', { timeout: 120_000 }, async (t) => {
  const engine = open(t)
  const source = body('await SW.extra.sleep(args.ms); return args.i')
  const until = Date.now() + 4_000
  const runs = []
  for (let i = 0; i < 1_000; i++) runs.push(await engine.run(source, { args: { i, ms: Math.max(NAP, until - Date.now()) } }))
  const results = await Promise.all(runs.map(({ result }) => result))
  assert.deepEqual(results, runs.map((_, i) => i))
  assert.deepEqual(await engine.list({ status: ['suspended', 'running'] }), [])
})

test('a run that is put away is cancelled at once, and cleans up', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path, { onAgent: () => assert.fail('no agent is asked') })
  const source = body(`try { await SW.extra.sleep('${LONG}') } catch (e) { log(e.name); throw e } finally { log('cleaned'); await agent('x').catch((e) => log(e.name)) }`)
  const logs = async (id) => (await all(engine.events(id))).filter(({ type }) => type === 'log').map(({ values }) => values[0])
  const controller = new AbortController()
  const other = createEngine({ store: join(path, 'runs.db') })
  t.after(() => other.close())
  for (const [id, cancel] of [
    ['by run', (run) => run.cancel()],
    ['by engine', async () => assert.equal((await engine.cancel('by engine')).status, 'cancelled')],
    ['by signal', () => controller.abort('enough')],
    ['by another engine', async () => assert.equal((await other.cancel('by another engine')).status, 'cancelled')],
  ]) {
    const run = await engine.run(source, { runId: id, ...(id === 'by signal' && { signal: controller.signal }) })
    await suspended(run)
    await cancel(run)
    if (id === 'by another engine') {
      // Whoever has put it away finds out when it looks.
      assert.equal((await engine.inspect(id)).status, 'cancelled')
      assert.equal((await engine.resume(id).then((it) => it.result).catch((error) => error)).code, 'ERR_RUN_CANCELLED')
    }
    await assert.rejects(run.result, { code: 'ERR_RUN_CANCELLED', name: 'CancelledError' }, id)
    if (id === 'by signal') await assert.rejects(run.result, ({ cause }) => cause === 'enough')
    assert.deepEqual(await logs(id), ['CancelledError', 'cleaned', 'CancelledError'], id)
    const { status, wakeAt } = await engine.inspect(id)
    assert.deepEqual([status, wakeAt], ['cancelled', null], id)
  }
})

test('of two engines on one store exactly one wakes a run, and both know what came of it', async (t) => {
  const path = folder(t, {})
  const asked = []
  const onAgent = (prompt) => asked.push(prompt)
  const one = open(t, path, { onAgent })
  const runs = []
  for (let i = 0; i < 20; i++) {
    runs.push(await one.run(body(`await SW.extra.sleep(${2 * NAP}); await agent('${i}'); return ${i}`), { runId: `r${i}` }))
  }
  await Promise.all(runs.map((run) => suspended(run)))
  // It looks when it is opened, and knows of the time then.
  const two = open(t, path, { onAgent })
  assert.deepEqual(await Promise.all(runs.map(({ result }) => result)), runs.map((_, i) => i))
  assert.deepEqual(asked.toSorted(), runs.map((_, i) => String(i)).toSorted())
  assert.deepEqual(await two.list({ status: ['running', 'suspended'] }), [])
  for (const { id } of runs) {
    const events = types(await all(one.events(id)))
    assert.equal(events.filter((type) => type === 'call.ended sleep').length, 1)
    assert.equal(events.at(-1), 'run.completed')
  }
})

test('an engine wakes what others have put away if it knows who answers', async (t) => {
  const path = folder(t, {})
  const first = open(t, path)
  const run = await first.run(body(`await SW.extra.sleep(${NAP}); return agent('b')`), { runId: 'r', onAgent: () => assert.fail() })
  await suspended(run)
  await first.close()
  const own = open(t, path)
  const engine = open(t, path, { onAgent: (prompt) => `<${prompt}>` })
  await all(engine.events('r', { follow: true }))
  assert.equal((await engine.inspect('r')).result, '<b>')
  assert.deepEqual(await own.recover(), [])
  for (const wake of ['none', 5]) assert.throws(() => open(t, path, { wake }), { code: 'ERR_INVALID_OPTION' })
})

test('resuming a run that this engine has put away wakes it, and it is put away again', async (t) => {
  const engine = open(t)
  const run = await engine.run(body(`await SW.extra.sleep(${3 * NAP}); return 1`), { runId: 'r' })
  const { wakeAt, seq } = await suspended(run)
  const again = await engine.resume('r')
  assert.equal(again, run)
  assert.equal((await suspended(run, seq + 1)).wakeAt, wakeAt)
  assert.equal(await run.result, 1)
})

test('a process stays for a result that somebody waits for, and for no other', async (t) => {
  const path = folder(t, {})
  const text = (rest) => `import { createEngine } from '@smol-workflow/engine'
    const engine = createEngine({ store: ${JSON.stringify(join(path, 'runs.db'))} })
    const run = await engine.run({ source: "export const meta = { name: 'n', description: 'd' }\\nawait SW.extra.sleep(${2 * NAP}); return 'slept'" })
    ${rest}`
  const waits = await node(['--input-type=module', '-e', text('console.log(await run.result)')], { cwd: root })
  assert.deepEqual([waits.stdout, waits.code], ['slept\n', 0], waits.stderr)
  const leaves = await node(['--input-type=module', '-e', text("process.on('exit', () => console.log('gone'))")], { cwd: root })
  assert.deepEqual([leaves.stdout, leaves.code], ['gone\n', 0], leaves.stderr)
  const engine = open(t, path)
  assert.deepEqual((await engine.list()).map(({ status }) => status), ['suspended', 'completed'])
})

test('on the command line a durable run waits, history says for what, and resume --all wakes what is due', async (t) => {
  const path = folder(t, {
    'nap.js': script(`await SW.extra.sleep(${2 * NAP}); return 'slept'`),
    'long.js': script("await SW.extra.sleep('2h'); return 1"),
  })
  const slept = await smolWf(['run', 'nap.js', '--durable', '--run-id', 'nap'], { cwd: path })
  assert.deepEqual([slept.code, slept.stdout], [0, '"slept"\n'], slept.stderr)
  assert.match(slept.stderr, /^\[run\] nap\n\[sleep\] until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/)
  const killed = await smolWf(['run', 'long.js', '--durable', '--run-id', 'long'], {
    cwd: path,
    onStderr: (child, text) => text.includes('[sleep]') && child.kill('SIGKILL'),
  })
  assert.equal(killed.signal, 'SIGKILL')
  const history = await smolWf(['history'], { cwd: path })
  assert.match(history.stdout, /^ID +WORKFLOW +STATUS +STARTED +TOOK +TOKENS +WAITS FOR\n/)
  assert.match(history.stdout, /\nlong +test +suspended .* sleep until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n/)
  const shown = await smolWf(['history', 'show', 'long'], { cwd: path })
  assert.match(shown.stdout, /^waits for +sleep \(call 0\) since [-\d]+ [\d:]+ until [-\d]+ [\d:]+$/m)
  assert.match(shown.stdout, /^wakes +[-\d]+ [\d:]+$/m)
  const nothing = await smolWf(['resume', '--all'], { cwd: path })
  assert.deepEqual([nothing.code, nothing.stdout], [0, ''])
  const cancelled = await smolWf(['cancel', 'long'], { cwd: path })
  assert.deepEqual([cancelled.code, cancelled.stderr], [0, 'run long is cancelled\n'])
  assert.match((await smolWf(['history'], { cwd: path })).stdout, /\nlong +test +cancelled /)
  await assert.equal((await smolWf(['cancel', 'long'], { cwd: path })).code, 1)
  const engine = open(t, path)
  const due = await engine.run(join(path, 'nap.js'), { runId: 'due' })
  const { wakeAt } = await suspended(due)
  await engine.close()
  await new Promise((resolve) => setTimeout(resolve, wakeAt - Date.now() + 1))
  const resumed = await smolWf(['resume', '--all', '--db', 'runs.db'], { cwd: path })
  assert.equal(resumed.stdout, '{"id":"due","status":"completed","result":"slept"}\n', resumed.stderr)
})
