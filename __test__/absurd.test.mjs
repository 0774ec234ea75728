// The absurd backend: workflows as tasks of a queue. Rows of the original's contract and tests, and what it got wrong.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import * as entry from '@smol-workflow/engine/backends/absurd'

import { folder, node, root, script } from './support.mjs'

const {
  createAbsurdWorkflowBackend,
  createAbsurdWorkflowBackendAsync,
  getAgentCheckpointKey,
  resolveAbsurdSQLiteExtensionPath,
  resolveAbsurdSQLiteExtensionPathAsync,
  runAbsurdWorkflowTask,
  runDurableAgent,
} = entry
const CHILD = join(root, '__test__', 'absurd-child.mjs')
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Swallows what the backend prints about failed tasks; gives the lines. */
function quiet(t) {
  const lines = []
  t.mock.method(console, 'error', (...values) => lines.push(values.join(' ')))
  return lines
}

/** A backend with a queue, closed after the test. */
async function open(t, dir = folder(t, {}), options = {}) {
  const backend = createAbsurdWorkflowBackend({ dbPath: join(dir, 'tasks.db'), ...options })
  t.after(() => backend.close())
  await backend.init()
  backend.registerWorkflowTask()
  return backend
}

/** A provider that notes what it is asked. */
function provider(answer = (prompt) => `<${prompt}>`, asked = []) {
  return {
    asked,
    name: 'mine',
    schemaMode: 'none',
    usageMode: 'builtin',
    run: async (input) => {
      asked.push(input.prompt)
      return { output: await answer(input.prompt, input), usage: { outputTokens: 10 }, sessionId: 's', raw: { n: 1 } }
    },
  }
}

/** A context as tests of the original had it: steps in a map, no store. */
function fakeContext() {
  const kept = new Map()
  const names = new Map()
  const context = {
    steps: [],
    events: [],
    taskID: 't',
    async step(name, fn) {
      context.steps.push(name)
      const count = (names.get(name) ?? 0) + 1
      names.set(name, count)
      const key = context.replays ? name : `${name}#${count}`
      if (!kept.has(key)) kept.set(key, await fn())
      return kept.get(key)
    },
    async emitEvent(name, payload) {
      context.events.push([name, payload])
    },
  }
  return context
}

test('the entry exports what the original exported', () => {
  assert.deepEqual(Object.keys(entry).sort(), [
    'ABSURD_WORKFLOW_TASK_NAME',
    'DEFAULT_ABSURD_QUEUE',
    'createAbsurdWorkflowBackend',
    'createAbsurdWorkflowBackendAsync',
    'getAgentCheckpointKey',
    'resolveAbsurdSQLiteExtensionPath',
    'resolveAbsurdSQLiteExtensionPathAsync',
    'runAbsurdWorkflowTask',
    'runDurableAgent',
  ])
  assert.deepEqual([entry.ABSURD_WORKFLOW_TASK_NAME, entry.DEFAULT_ABSURD_QUEUE], ['workflow.run', 'default'])
})

test('A.3: checkpoint keys are those of the original', () => {
  const schema = (order) => ({ schema: order({ a: { type: 'number' }, b: { type: 'string' } }) })
  const one = ({ a, b }) => ({ type: 'object', properties: { b, a }, required: ['b'] })
  const other = ({ a, b }) => ({ required: ['b'], properties: { a, b }, type: 'object' })
  for (const [args, key] of [
    [['prompt'], 'auto:0e8c237b2674d73f'],
    [['prompt', {}], 'auto:0e8c237b2674d73f'],
    [['prompt', undefined, 'debug'], 'auto:5f8e63469c3b868d'],
    [['prompt', { phase: 'A' }], 'auto:ad58b32e623eed44'],
    [['prompt', { phase: 'A' }, 'debug'], 'auto:3fc04d17c7ea2119'],
    [['prompt', { phase: 'B' }, 'debug'], 'auto:f1a8e0f6f72900ea'],
    [['p', {}, 'debug'], 'auto:85960320501cf741'],
    [['p', { model: 'm', label: 'l', agentType: 't', key: '' }, 'debug'], 'auto:85960320501cf741'],
    [['p', { schema: true }, 'debug'], 'auto:452ade39f93cd793'],
    [['p', schema(one), 'debug'], 'auto:26e69ed0be7303dd'],
    [['p', schema(other), 'debug'], 'auto:26e69ed0be7303dd'],
    [['p', { schema: { enum: [1, 1.5, null, true, 'é\u2028\n'] } }, 'codex'], 'auto:c84cfdfdee19fded'],
    [['p', { schema: { a: undefined } }, 'debug'], 'auto:af1cf24eca3a0f7a'],
    [['héllo', { phase: 'A' }, 'debug'], 'auto:de9d7f409a0c27fe'],
    [['one', { phase: 'P' }, 'debug'], 'auto:b0d5b50c489780f1'],
    [['hey', undefined, 'cp'], 'auto:f071da69d3952c16'],
    [['hey', undefined, 'debug'], 'auto:019f990d019ab74c'],
    [['x', { key: 'research:NVDA' }], 'research:NVDA'],
    [['x', { key: 'a b/c é…!x' }], 'a_b_c_x'],
    [['x', { key: 'my key/é!' }], 'my_key_'],
    [['x', { key: '🙂' }], '_'],
  ]) {
    assert.equal(getAgentCheckpointKey(...args), key, JSON.stringify(args))
  }
})

test('5.4: keys sort as the original sorted them, in any locale', async () => {
  const order = `_a $id $ref 1 10 2|a b|a_b a-b a1 a10 a2 ab aB Ab AB ab- additionalProperties b B description Description e é é2 else f if items then type Type z`
  const names = order.split('|').flatMap((part, index) => (index === 1 ? [part] : part.trim().split(' ')))
  const punctuation = [...' _-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~$0123456789aAbBcCzZ']
  const key = (list) => getAgentCheckpointKey('p', { schema: Object.fromEntries(list.map((name) => [`k${name}`, 1])) }, 'debug')
  for (const list of [names, punctuation]) {
    const { createHash } = await import('node:crypto')
    const body = list.map((name) => `${JSON.stringify(`k${name}`)}:1`).join(',')
    const text = `{"phase":undefined,"prompt":"p","provider":"debug","schema":{${body}}}`
    const expected = `auto:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
    assert.equal(key([...list].reverse()), expected)
  }
  // Whatever the locale of the process.
  const { stdout } = await node(
    ['--input-type=module', '-e', "import { getAgentCheckpointKey } from '@smol-workflow/engine/backends/absurd'; console.log(getAgentCheckpointKey('p', { schema: { z: 1, ä: 1, y: 1, i: 1, I: 1 } }))"],
    { cwd: root, env: { LC_ALL: 'sv_SE.UTF-8', LANG: 'sv_SE.UTF-8' } },
  )
  assert.equal(stdout.trim(), getAgentCheckpointKey('p', { schema: { I: 1, i: 1, y: 1, z: 1, ä: 1 } }))
})

test('runDurableAgent checkpoints agent calls by explicit key', async () => {
  const ctx = Object.assign(fakeContext(), { replays: true })
  const agentProvider = { ...provider(), name: 'debug' }
  const first = await runDurableAgent('Research', { key: 'research:NVDA' }, ctx, { agentProvider })
  assert.deepEqual(await runDurableAgent('Research again', { key: 'research:NVDA' }, ctx, { agentProvider }), first)
  assert.deepEqual(first, { output: '<Research>', usage: { outputTokens: 10 }, sessionId: 's', raw: { n: 1 } })
  assert.deepEqual(ctx.steps, ['agent:debug:research:NVDA', 'agent:debug:research:NVDA'])
  assert.deepEqual(agentProvider.asked, ['Research'])
  const [[name, payload]] = ctx.events
  assert.equal(typeof payload.at, 'number')
  assert.deepEqual([ctx.events.length, name, { ...payload, at: 0 }], [
    1,
    'workflow.agent',
    {
      key: 'research:NVDA',
      checkpointName: 'agent:debug:research:NVDA',
      provider: 'debug',
      prompt: 'Research',
      options: { key: 'research:NVDA' },
      result: '<Research>',
      usage: { outputTokens: 10 },
      providerSessionId: 's',
      at: 0,
    },
  ])
})

test('runDurableAgent derives stable checkpoint keys when no key is provided', async () => {
  const ctx = fakeContext()
  for (const phase of ['A', 'A', 'B']) await runDurableAgent('same', { phase }, ctx)
  assert.match(ctx.steps[0], /^agent:debug:auto:[a-f0-9]{16}$/)
  assert.equal(ctx.steps[0], ctx.steps[1])
  assert.notEqual(ctx.steps[0], ctx.steps[2])
  // Without anybody else, `debug` answers; a call may name who does.
  assert.equal((await runDurableAgent('hey', undefined, ctx)).output, 'echo: hey')
  assert.equal((await runDurableAgent('hey', { provider: 'debug' }, ctx, { agentProvider: provider() })).output, 'echo: hey')
  await assert.rejects(runDurableAgent('hey', { provider: 'nope' }, ctx), { message: 'Unknown agent provider: nope' })
})

test('runAbsurdWorkflowTask routes workflow agent calls through durable steps', async (t) => {
  const dir = folder(t, {
    'flow.js': script("export default async (args) => { phase('Work', { x: 1 }); log('hi', args.n); return [await agent('a', { key: 'first' }), await agent('b', { key: 'second' })] }"),
  })
  const ctx = fakeContext()
  const told = []
  const params = { scriptPath: join(dir, 'flow.js'), args: { n: 1 } }
  const result = await runAbsurdWorkflowTask(params, ctx, { onDiagnostic: (...values) => told.push(values) })
  assert.deepEqual(result, ['echo: a', 'echo: b'])
  assert.deepEqual(ctx.steps, ['agent:debug:first', 'agent:debug:second'])
  assert.deepEqual(ctx.events.map(([name]) => name).sort(), ['workflow.agent', 'workflow.agent', 'workflow.log', 'workflow.phase'])
  const payload = (name) => ({ ...ctx.events.find(([known]) => known === name)[1], at: 0 })
  assert.deepEqual(payload('workflow.log'), { values: ['hi', 1], at: 0 })
  assert.deepEqual(payload('workflow.phase'), { name: 'Work', options: { x: 1 }, at: 0 })
  assert.deepEqual(told, [
    ['workflow phase', 'Work', { x: 1 }],
    ['workflow log', 'hi', 1],
    ['agent', 'agent:debug:first', { key: 'first', phase: 'Work' }],
    ['agent', 'agent:debug:second', { key: 'second', phase: 'Work' }],
  ])
})

test('an extension is looked for as the original did, and nothing is fetched', async (t) => {
  const dir = folder(t, { 'a.so': '', 'b.so': '', 'b.dylib': '', 'b.dll': '', 'target/release/x': '' })
  const names = ['SMOL_WF_ABSURD_EXTENSION', 'ABSURD_DATABASE_EXTENSION_PATH', 'ABSURD_SQLITE_EXTENSION_PATH']
  for (const name of names) delete process.env[name]
  const resolved = (path) => [resolveAbsurdSQLiteExtensionPath(path)]
  assert.deepEqual(resolved(join(dir, 'a.so')), [join(dir, 'a.so')])
  assert.match(resolved(join(dir, 'b'))[0], /b\.(so|dylib|dll)$/)
  assert.throws(() => resolveAbsurdSQLiteExtensionPath('no/such.so'), {
    message: 'Absurd SQLite extension not found at configured extension path no/such.so',
  })
  await assert.rejects(resolveAbsurdSQLiteExtensionPathAsync('no/such.so'), /not found at configured extension path/)
  t.after(() => names.forEach((name) => delete process.env[name]))
  for (const name of names.toReversed()) {
    process.env[name] = join(dir, 'a.so')
    assert.deepEqual(resolved(undefined), [join(dir, 'a.so')])
    process.env[name] = 'nope'
    assert.throws(() => resolveAbsurdSQLiteExtensionPath(), /configured extension path nope$/)
  }
  for (const name of names) process.env[name] = ''
  assert.throws(() => resolveAbsurdSQLiteExtensionPath(), /^Error: Could not find the Absurd SQLite extension automatically\. /)
  await assert.rejects(resolveAbsurdSQLiteExtensionPathAsync(), /^Error: Could not find the Absurd SQLite extension automatically\. /)
  const { code, stdout } = await node(
    ['--input-type=module', '-e', "import { resolveAbsurdSQLiteExtensionPath as find } from '@smol-workflow/engine/backends/absurd'; process.chdir(process.argv[1]); console.log(find())", folder(t, { 'target/release/libabsurd.so': '', 'target/release/libabsurd.dylib': '', 'target/release/absurd.dll': '' })],
    { cwd: root },
  )
  assert.equal(code, 0)
  assert.match(stdout.trim(), /target.release.(lib)?absurd\.(so|dylib|dll)$/)
})

test('a backend is made over a file whose folder is there', async (t) => {
  const dir = folder(t, { 'ext.so': '' })
  const dbPath = join(dir, 'x.db')
  const missing = { name: 'TypeError', message: 'Cannot open database because the directory does not exist' }
  assert.throws(() => createAbsurdWorkflowBackend({ dbPath: join(dir, 'no', 'x.db') }), missing)
  await assert.rejects(createAbsurdWorkflowBackendAsync({ dbPath: join(dir, 'no', 'x.db') }), missing)
  const bad = { dbPath, extensionPath: join(dir, 'nope') }
  // The one looks first and then opens, the other opens first.
  await assert.rejects(createAbsurdWorkflowBackendAsync(bad), /Absurd SQLite extension not found at configured extension path/)
  assert.equal(existsSync(dbPath), false)
  assert.throws(() => createAbsurdWorkflowBackend(bad), /Absurd SQLite extension not found at configured extension path/)
  assert.equal(existsSync(dbPath), true)
  assert.throws(() => createAbsurdWorkflowBackend({ dbPath, nope: 1 }), { code: 'ERR_INVALID_OPTION' })
  assert.throws(() => createAbsurdWorkflowBackend({ dbPath, queueName: ' ' }), { message: 'Queue name must be provided' })
  writeFileSync(join(dir, 'text'), 'not a database')
  assert.throws(() => createAbsurdWorkflowBackend({ dbPath: join(dir, 'text') }), { code: 'ERR_STORE_FOREIGN' })

  const backend = await createAbsurdWorkflowBackendAsync({ dbPath, extensionPath: join(dir, 'ext.so'), queueName: 'q', taskName: 't' })
  assert.deepEqual([backend.queueName, backend.taskName], ['q', 't'])
  await backend.close()
  await backend.close()
  await assert.rejects(backend.init(), { code: 'ERR_STORE_CLOSED' })

  const memory = createAbsurdWorkflowBackend({ dbPath: ':memory:' })
  await memory.init()
  assert.deepEqual(await memory.absurd.listQueues(), ['default'])
  await memory.close()
  assert.equal(existsSync(':memory:'), false)
})

test('a workflow is queued, done, and its result kept', async (t) => {
  const dir = folder(t, { 'flow.js': script('export default async (args) => [args, await agent("one"), budget.spent(), budget.total]') })
  const agentProvider = provider()
  const backend = createAbsurdWorkflowBackend({ dbPath: join(dir, 'tasks.db'), agentProvider })
  t.after(() => backend.close())
  const params = { scriptPath: join(dir, 'flow.js'), args: { a: [1, null] }, workflowName: 'n', budgetTotal: 100 }
  await assert.rejects(backend.submitWorkflow(params), { code: 'ERR_UNKNOWN_QUEUE', message: /^task insert failed: / })
  await backend.init()
  await backend.init()
  // Submitting needs no registration.
  const submitted = await backend.submitWorkflow(params)
  assert.deepEqual(Object.keys(submitted), ['taskID', 'runID', 'attempt', 'created'])
  assert.match(submitted.taskID, UUID7)
  assert.match(submitted.runID, UUID7)
  assert.deepEqual([submitted.attempt, submitted.created], [1, true])
  const row = (state, result = null) => ({ taskID: submitted.taskID, state, result, failureReason: null })
  assert.deepEqual(await backend.getWorkflowTask(submitted.taskID), row('pending'))
  assert.equal(await backend.getWorkflowTask('nope'), null)

  backend.registerWorkflowTask()
  backend.registerWorkflowTask()
  await backend.workBatch()
  assert.deepEqual(await backend.getWorkflowTask(submitted.taskID), row('completed', [{ a: [1, null] }, '<one>', 10, 100]))
  assert.deepEqual(agentProvider.asked, ['one'])
  await assert.rejects(backend.submitWorkflow(params, { queue: 'other' }), {
    message: 'Task "workflow.run" is registered for queue "default" but spawn requested queue "other".',
  })
})

test('an idempotency key gives the task that is there, and its result at once', async (t) => {
  const dir = folder(t, { 'flow.js': script('export default args.n') })
  const backend = await open(t, dir)
  const scriptPath = join(dir, 'flow.js')
  const first = await backend.runWorkflowAndWait({ scriptPath, args: { n: 1 } }, { idempotencyKey: 'k' })
  assert.deepEqual(first.result, 1)
  const again = await backend.submitWorkflow({ scriptPath, args: { n: 2 } }, { idempotencyKey: 'k' })
  assert.deepEqual(again, { taskID: first.taskID, runID: first.runID, attempt: 1, created: false })
  assert.deepEqual(await backend.runWorkflowAndWait({ scriptPath, args: { n: 2 } }, { idempotencyKey: 'k' }), first)

  const { taskID } = await backend.submitWorkflow({ scriptPath }, { idempotencyKey: 'c' })
  await backend.absurd.cancelTask(taskID)
  await assert.rejects(backend.runWorkflowAndWait({ scriptPath }, { idempotencyKey: 'c' }), {
    message: `Absurd workflow task ${taskID} cancelled: null`,
  })
})

test('an attempt that fails is followed by one that asks for nothing again', async (t) => {
  const printed = quiet(t)
  const dir = folder(t, {
    'flow.js': script("export default async () => { const all = [await agent('a'), await agent('b', { key: 'k' }), await agent('a')]; log(budget.spent()); return [...all, await agent('c'), budget.spent()] }"),
  })
  let failures = 0
  const agentProvider = provider((prompt) => {
    if (prompt === 'c' && failures++ === 0) throw new Error('not now')
    return `<${prompt}>`
  })
  const backend = await open(t, dir, { agentProvider })
  const done = await backend.runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') })
  assert.deepEqual(done.result, ['<a>', '<b>', '<a>', '<c>', 40])
  // The same prompt twice is two calls; a provider's error is not kept; what was paid before counts.
  assert.deepEqual(agentProvider.asked, ['a', 'b', 'a', 'c', 'c'])
  // Of the attempt that was completed, not of the one that was submitted.
  assert.equal(done.attempt, 2)
  assert.match(done.runID, UUID7)
  const task = await backend.getWorkflowTask(done.taskID)
  assert.equal(task.state, 'completed')
  assert.deepEqual(Object.keys(task.failureReason), ['name', 'message', 'stack', 'code'])
  assert.match(task.failureReason.message, /^Error: .*not now/)
  assert.match(printed[0], /^\[absurd\] task execution failed: .*not now/)
  // Logs are told in each attempt, answers once.
  const events = await backend.absurd.listEvents({ taskID: done.taskID })
  const names = events.map(({ name, payload }) => [name, payload.values?.[0] ?? payload.checkpointName])
  const auto = 'agent:mine:auto:'
  assert.deepEqual(names.map(([name, what]) => [name, typeof what === 'string' ? what.slice(0, auto.length) : what]), [
    ['workflow.agent', auto],
    ['workflow.agent', 'agent:mine:k'],
    ['workflow.agent', auto],
    ['workflow.log', 30],
    ['workflow.log', 30],
    ['workflow.agent', auto],
  ])
})

test('a task has five attempts unless it is said otherwise, and fails with the last', async (t) => {
  const printed = quiet(t)
  const dir = folder(t, { 'flow.js': script("export default async () => { throw new TypeError('never') }") })
  const backend = await open(t, dir)
  const scriptPath = join(dir, 'flow.js')
  const error = await backend.runWorkflowAndWait({ scriptPath }, { pollIntervalMs: 1 }).catch((caught) => caught)
  const [, taskID, reason] = /^Absurd workflow task (\S+) failed: (.*)$/s.exec(error.message)
  assert.match(JSON.parse(reason).message, /^TypeError: never/)
  assert.equal(printed.length, 5)
  assert.equal((await backend.getWorkflowTask(taskID)).state, 'failed')
  await assert.rejects(backend.runWorkflowAndWait({ scriptPath }, { maxAttempts: 1 }), /failed: /)
  assert.equal(printed.length, 6)
  for (const options of [{ maxAttempts: 0 }, { maxAttempts: 'x' }, { retryStrategy: { kind: 'linear' } }, { retryStrategy: { kind: 'fixed', baseSeconds: -1 } }]) {
    await assert.rejects(backend.submitWorkflow({ scriptPath }, options), { code: 'ERR_INVALID_OPTION' })
  }
})

test('another try of a call is the same step', async (t) => {
  quiet(t)
  const dir = folder(t, {
    'flow.js': script("export default async () => { const retry = { maxAttempts: 3, backoffMs: 1 }; const all = await parallel([() => agent('a', { retry }), () => agent('b', { retry })]); return [...all, await agent('end')] }"),
  })
  const left = { a: 2, b: 1, end: 1 }
  const agentProvider = provider((prompt) => {
    if (left[prompt]-- > 0) throw new Error('again')
    return `<${prompt}>`
  })
  const backend = await open(t, dir, { agentProvider })
  const { result, attempt } = await backend.runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') })
  assert.deepEqual([result, attempt], [['<a>', '<b>', '<end>'], 2])
  // The second attempt of the task finds the answers of the third try of a, and of the second of b.
  assert.deepEqual(agentProvider.asked.toSorted(), ['a', 'a', 'a', 'b', 'b', 'end', 'end'])
})

test('a repair is a step of its own', async (t) => {
  const dir = folder(t, {
    'flow.js': script("export default agent('x', { key: 'k', schema: { type: 'object', required: ['a'] } })"),
  })
  const answers = [{}, { a: 1 }]
  const agentProvider = provider(() => answers.shift())
  const backend = await open(t, dir, { agentProvider, verbose: (...values) => told.push(values) })
  const told = []
  assert.deepEqual((await backend.runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') })).result, { a: 1 })
  // Both are known by the key, the second as k#2; the answer that did not fit is kept, too.
  assert.deepEqual(told.map(([what, name]) => [what, name]), [['agent', 'agent:mine:k'], ['agent', 'agent:mine:k']])
  assert.equal(agentProvider.asked.length, 2)
})

test('calls that name a provider are steps, too, and children share the steps of their parent', async (t) => {
  const dir = folder(t, {
    'flow.js': script("export default async () => [await agent('a', { key: 'k', provider: 'debug' }), await agent('a', { key: 'k' }), await workflow({ scriptPath: './child.js' })]"),
    'child.js': script("export default agent('a', { key: 'k' })"),
  })
  const told = []
  const backend = await open(t, dir, { agentProvider: provider(), verbose: (what, name) => told.push(name) })
  const { result } = await backend.runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') })
  assert.deepEqual(result, ['echo: a', '<a>', '<a>'])
  assert.deepEqual(told, ['agent:debug:k', 'agent:mine:k', 'agent:mine:k'])
})

test('queues other than the default one work from end to end', async (t) => {
  const dir = folder(t, { 'flow.js': script('export default args.n') })
  const params = (n) => ({ scriptPath: join(dir, 'flow.js'), args: { n } })
  const [one, two] = [await open(t, dir, { queueName: 'one' }), await open(t, dir, { queueName: 'two' })]
  const { taskID } = await two.submitWorkflow(params(2))
  assert.equal((await one.runWorkflowAndWait(params(1))).result, 1)
  // Whoever waits does what is the oldest in his queue, and nothing of another one.
  assert.equal((await two.getWorkflowTask(taskID)).state, 'pending')
  assert.equal(await one.getWorkflowTask(taskID), null)
  assert.equal((await two.runWorkflowAndWait(params(3))).result, 3)
  assert.equal((await two.getWorkflowTask(taskID)).result, 2)
  assert.deepEqual(await one.absurd.listQueues(), ['one', 'two'])
  await one.absurd.dropQueue()
  await assert.rejects(one.submitWorkflow(params(1)), { code: 'ERR_UNKNOWN_QUEUE' })
})

test('tasks that nobody knows fail, and a wait has an end', async (t) => {
  const printed = quiet(t)
  const dir = folder(t, { 'flow.js': script('export default 1') })
  const backend = createAbsurdWorkflowBackend({ dbPath: join(dir, 'tasks.db') })
  t.after(() => backend.close())
  await backend.init()
  const waiting = backend.runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') }, { maxAttempts: 1 })
  await assert.rejects(waiting, /^Error: Absurd workflow task \S+ failed: \{"name":"Error","message":"Unknown task","stack":/)
  assert.equal(printed.length, 1)
  const fixed = { retryStrategy: { kind: 'fixed', baseSeconds: 3600 }, timeoutMs: 1, pollIntervalMs: 2 }
  await assert.rejects(backend.runWorkflowAndWait({ scriptPath: 'x' }, fixed), /^Error: Timed out waiting for Absurd workflow task /)
  await assert.rejects(backend.absurd.spawn('other', {}), /^Error: Task "other" is not registered\. Provide options\.queue/)
  await assert.rejects(backend.absurd.emitEvent(''), { message: 'eventName must be a non-empty string' })
  await assert.rejects(backend.absurd.cancelTask('nope'), { code: 'ERR_UNKNOWN_TASK' })
  await assert.rejects(backend.workBatch({ batchSize: 0 }), { code: 'ERR_INVALID_OPTION' })
  await assert.rejects(backend.startWorker({ claimTimeout: 0 }), { code: 'ERR_INVALID_OPTION' })
})

test('a worker does tasks side by side, and is done with them when it is closed', async (t) => {
  const dir = folder(t, { 'flow.js': script("export default agent('x')") })
  const waiting = []
  let both
  const arrived = new Promise((resolve) => (both = resolve))
  const agentProvider = provider(() => new Promise((resolve) => waiting.push(resolve) === 2 && both()))
  const backend = await open(t, dir, { agentProvider })
  const worker = await backend.startWorker({ concurrency: 2, pollInterval: 3600 })
  const params = { scriptPath: join(dir, 'flow.js') }
  // It hears of tasks of its own process at once.
  const submitted = [await backend.submitWorkflow(params), await backend.submitWorkflow(params), await backend.submitWorkflow(params)]
  await arrived
  const closed = worker.close()
  waiting.forEach((answer) => answer('y'))
  await closed
  const states = await Promise.all(submitted.map(async ({ taskID }) => (await backend.getWorkflowTask(taskID)).state))
  assert.deepEqual(states, ['completed', 'completed', 'pending'])
})

test('what is under way when a client is closed goes on in another, as the same attempt', async (t) => {
  const dir = folder(t, { 'flow.js': script("export default async () => [await agent('a'), await agent('b')]") })
  let asked
  const second = new Promise((resolve) => (asked = resolve))
  let signal
  const stuck = provider((prompt, { context }) => {
    if (prompt === 'a') return 1
    signal = context.signal
    asked()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const one = await open(t, dir, { agentProvider: stuck })
  const { taskID } = await one.submitWorkflow({ scriptPath: join(dir, 'flow.js') })
  await one.submitWorkflow({ scriptPath: join(dir, 'flow.js') })
  // The second task of the batch waits for the first.
  const batch = one.workBatch({ batchSize: 2 })
  await second
  await one.close()
  await batch
  assert.equal(signal.aborted, true)
  const agentProvider = provider()
  const two = await open(t, dir, { agentProvider })
  const tasks = await two.absurd.claimTasks({ batchSize: 2 })
  assert.deepEqual(tasks.map(({ task_id, attempt }) => [task_id === taskID, attempt]), [[true, 1], [false, 1]])
  await two.absurd.executeTask(tasks[0], 120)
  assert.deepEqual((await two.getWorkflowTask(taskID)).result, [1, '<b>'])
  assert.deepEqual(agentProvider.asked, ['b'])
})

test('a workflow that is cancelled stops, and its agents with it', async (t) => {
  const dir = folder(t, { 'flow.js': script("export default async () => { try { return await agent('x') } finally { log('cleaned') } }") })
  t.mock.timers.enable({ apis: ['setInterval'] })
  let asked
  const begun = new Promise((resolve) => (asked = resolve))
  const agentProvider = provider((_, { context: { signal } }) => {
    asked()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const backend = await open(t, dir, { agentProvider })
  const { taskID } = await backend.submitWorkflow({ scriptPath: join(dir, 'flow.js') })
  const batch = backend.workBatch()
  await begun
  await backend.absurd.cancelTask(taskID)
  // It is looked every second.
  t.mock.timers.tick(1_000)
  await batch
  assert.deepEqual(await backend.getWorkflowTask(taskID), { taskID, state: 'cancelled', result: null, failureReason: null })
  await assert.rejects(backend.absurd.cancelTask(taskID, 'other'), { code: 'ERR_UNKNOWN_TASK' })
})

test('a task may take longer than its claim, as long as its worker lives', async (t) => {
  const dir = folder(t, { 'flow.js': script("export default agent('x')") })
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_800_000_000_000 })
  const exit = t.mock.method(process, 'exit', () => {})
  let answer
  const begun = new Promise((begin) => {
    answer = provider(() => new Promise((resolve) => begin(resolve)))
  })
  const backend = await open(t, dir, { agentProvider: answer })
  const other = await open(t, dir)
  const { taskID } = await backend.submitWorkflow({ scriptPath: join(dir, 'flow.js') })
  const worker = await backend.startWorker()
  const give = await begun
  // Ten minutes: the original ended the process after four.
  for (let second = 0; second < 600; second += 20) {
    t.mock.timers.tick(20_000)
    // Its keeper reads and then writes; a write that comes after both is done after both.
    for (let turn = 0; turn < 5; turn++) await backend.getWorkflowTask(taskID)
    await backend.absurd.createQueue('turn')
    assert.deepEqual(await other.absurd.claimTasks(), [], `after ${second} s`)
  }
  give('late')
  await worker.close()
  const task = await backend.getWorkflowTask(taskID)
  assert.deepEqual([task.result, task.failureReason, exit.mock.callCount()], ['late', null, 0])
})

test('whoever has lost a task writes nothing, and is told to stop', async (t) => {
  const printed = quiet(t)
  t.mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1_800_000_000_000 })
  const dir = folder(t, {})
  const [one, two] = [await open(t, dir), await open(t, dir)]
  const seen = []
  one.absurd.registerTask({ name: 'task' }, async (_, ctx) => {
    seen.push(await ctx.step('before', async () => 1))
    t.mock.timers.setTime(1_800_000_200_000)
    const [stolen] = await two.absurd.claimTasks({ workerId: 'thief' })
    seen.push(stolen.attempt)
    for (const write of [() => ctx.step('after', async () => 2), () => ctx.heartbeat(), () => ctx.emitEvent('e', 1), () => ctx.sleepFor('s', 1)]) {
      seen.push(await write().catch((error) => error.name))
    }
    seen.push(ctx.signal.aborted, ctx.signal.reason.message)
    two.absurd.registerTask({ name: 'task' }, async (_, other) => [await other.step('before', async () => 9), await other.step('after', async () => 3)])
    await two.absurd.executeTask(stolen, 120)
    return 'mine'
  })
  const { taskID } = await one.absurd.spawn('task', {})
  await one.workBatch({ workerId: 'first' })
  assert.deepEqual(seen, [1, 2, 'CancelledTask', 'CancelledTask', 'CancelledTask', 'CancelledTask', true, 'Task taken by another worker'])
  const task = await one.getWorkflowTask(taskID)
  assert.deepEqual(task.result, [1, 3])
  assert.deepEqual(task.failureReason, {
    name: '$ClaimTimeout',
    message: 'worker did not finish task within claim interval',
    workerId: 'first',
    claimExpiredAt: 1_800_000_120_000,
    attempt: 1,
  })
  assert.deepEqual(await one.absurd.listEvents(), [])
  assert.equal(printed.length, 0)
})

test('steps, sleeps, events and headers of a task', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1_800_000_000_000 })
  const backend = await open(t)
  const { absurd } = backend
  const turns = []
  absurd.registerTask({ name: 'task', defaultMaxAttempts: 2 }, async (params, ctx) => {
    const turn = []
    turns.push(turn)
    turn.push(await ctx.step('s', async () => ({ n: turns.length })), await ctx.step('s', async () => turns.length))
    turn.push(await ctx.step('nothing', async () => undefined))
    await ctx.sleepFor('nap', 60)
    turn.push('slept')
    await ctx.sleepUntil('past', new Date(0))
    turn.push(await ctx.awaitEvent('go'))
    try {
      await ctx.awaitEvent('never', { timeout: 30, stepName: 'vain' })
    } catch (error) {
      if (error.name === 'SuspendTask') throw error
      turn.push(error.name, error.message)
    }
    await ctx.sleepFor('nap', 10)
    await ctx.heartbeat(300)
    return [params, ctx.headers, ctx.taskID]
  })
  const { taskID } = await absurd.spawn('task', { p: 1 }, { headers: { h: 'x' } })
  const state = async () => (await backend.getWorkflowTask(taskID)).state
  const work = async (seconds = 0) => {
    t.mock.timers.setTime(Date.now() + seconds * 1000)
    await backend.workBatch()
    return await state()
  }
  assert.equal(await work(), 'sleeping')
  assert.equal(await work(59), 'sleeping')
  assert.equal(turns.length, 1)
  assert.equal(await work(1), 'sleeping')
  await absurd.emitEvent('go', { first: true })
  await absurd.emitEvent('go', { second: true })
  assert.equal(await state(), 'pending')
  assert.equal(await work(), 'sleeping')
  assert.equal(await work(30), 'sleeping')
  assert.equal(await work(10), 'completed')
  const kept = [{ n: 1 }, 1]
  // The first turn has the value itself, later ones what was kept of it.
  assert.deepEqual(turns[0], [...kept, undefined])
  assert.deepEqual(turns[1], [...kept, null, 'slept'])
  assert.deepEqual(turns[2], [...kept, null, 'slept', { first: true }])
  const vain = ['TimeoutError', 'Timed out waiting for event "never"']
  assert.deepEqual(turns.slice(3), [[...kept, null, 'slept', { first: true }, ...vain], [...kept, null, 'slept', { first: true }, ...vain]])
  assert.deepEqual((await backend.getWorkflowTask(taskID)).result, [{ p: 1 }, { h: 'x' }, taskID])

  // A new wait gets the latest event; all of them are there to be read.
  absurd.registerTask({ name: 'late' }, (_, ctx) => ctx.awaitEvent('go'))
  const late = await absurd.spawn('late', {})
  await backend.workBatch()
  assert.deepEqual((await backend.getWorkflowTask(late.taskID)).result, { second: true })
  const events = await absurd.listEvents({ name: 'go' })
  assert.deepEqual(events.map(({ payload, taskID }) => [payload, taskID]), [[{ first: true }, null], [{ second: true }, null]])
  assert.deepEqual(await absurd.listEvents({ after: events[0].number, limit: 1 }), [events[1]])
})

test('tasks that take too long are cancelled, and retries wait as their strategy says', async (t) => {
  quiet(t)
  t.mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1_800_000_000_000 })
  const backend = await open(t)
  const { absurd } = backend
  absurd.registerTask({ name: 'fails', defaultCancellation: { maxDelay: 100 } }, async () => {
    throw 'a string'
  })
  const late = await absurd.spawn('fails', {})
  t.mock.timers.setTime(Date.now() + 100_000)
  await backend.workBatch()
  assert.equal((await backend.getWorkflowTask(late.taskID)).state, 'cancelled')
  const retryStrategy = { kind: 'exponential', baseSeconds: 10, factor: 3 }
  const { taskID } = await absurd.spawn('fails', {}, { retryStrategy, cancellation: { maxDuration: 45 } })
  const states = []
  for (const seconds of [0, 9, 1, 29, 6]) {
    t.mock.timers.setTime(Date.now() + seconds * 1000)
    await backend.workBatch()
    states.push((await backend.getWorkflowTask(taskID)).state)
  }
  // Begun at 0 and 10; the third attempt would be at 40, and so it is: the fourth would be too late.
  assert.deepEqual(states, ['sleeping', 'sleeping', 'sleeping', 'sleeping', 'cancelled'])
  assert.deepEqual((await backend.getWorkflowTask(taskID)).failureReason, { message: 'a string' })
})

test('closing does not wait for ever for a handler that goes on', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const dir = folder(t, {})
  const [one, two] = [await open(t, dir), await open(t, dir)]
  let begun
  const begins = new Promise((resolve) => (begun = resolve))
  one.absurd.registerTask({ name: 'endless' }, (_, ctx) => {
    ctx.signal.addEventListener('abort', begun)
    begun()
    return new Promise(() => {})
  })
  await one.absurd.spawn('endless', {})
  void one.workBatch()
  await begins
  const closing = one.close()
  t.mock.timers.tick(10_000)
  await closing
  assert.deepEqual((await two.absurd.claimTasks()).map(({ attempt }) => attempt), [1])
})

test('a batch that breaks off gives back what it did not come to', async (t) => {
  const backend = await open(t)
  const { absurd } = backend
  await absurd.spawn('first', {}, { queue: 'default' })
  const { taskID } = await absurd.spawn('second', {}, { queue: 'default' })
  t.mock.method(absurd, 'executeTask', () => Promise.reject(new Error('no store')))
  await assert.rejects(absurd.workBatch('w', 120, 2), { message: 'no store' })
  assert.equal((await backend.getWorkflowTask(taskID)).state, 'pending')
  assert.deepEqual((await absurd.claimTasks({ batchSize: 2 })).map(({ task_id, attempt }) => [task_id, attempt]), [[taskID, 1]])
})

test('durable runs and tasks may share a file', async (t) => {
  const { createEngine } = await import('@smol-workflow/engine')
  const dir = folder(t, { 'flow.js': script("export default agent('x')") })
  const engine = createEngine({ store: join(dir, 'tasks.db') })
  t.after(() => engine.close())
  const { init, registerWorkflowTask, runWorkflowAndWait, close } = createAbsurdWorkflowBackend({ dbPath: join(dir, 'tasks.db') })
  await init()
  registerWorkflowTask()
  const run = await engine.run(join(dir, 'flow.js'), { runId: 'r' })
  const [task, result] = await Promise.all([runWorkflowAndWait({ scriptPath: join(dir, 'flow.js') }), run.result])
  assert.deepEqual([task.result, result], ['echo: x', 'echo: x'])
  assert.deepEqual((await engine.list()).map(({ id, status }) => [id, status]), [['r', 'completed']])
  await close()
})

const notes = (dir) => readFileSync(join(dir, 'notes.log'), 'utf8').trim().split('\n')
const windows = process.platform === 'win32' && 'processes are ended by signals'

test('a workflow goes on after its worker was killed, and no recorded call is made again', { skip: windows }, async (t) => {
  const dir = folder(t, {
    'flow.js': script("export default async () => [await agent('a'), ...(await parallel([() => agent('b'), () => agent('c')])), await agent('d'), budget.spent()]"),
  })
  const backend = await open(t, dir)
  const { taskID } = await backend.submitWorkflow({ scriptPath: join(dir, 'flow.js') })
  for (const prompt of ['a', 'd']) {
    const killed = await node([CHILD, dir, 'workflow', prompt])
    assert.equal(killed.signal, 'SIGKILL', killed.stderr)
    assert.equal((await backend.getWorkflowTask(taskID)).state, 'running')
  }
  // At once: nobody waits for the claim of the dead to run out.
  const next = await node([CHILD, dir, 'workflow'])
  assert.deepEqual([next.code, next.stderr], [0, ''])
  const task = await backend.getWorkflowTask(taskID)
  assert.deepEqual(task.result, ['<a>', '<b>', '<c>', '<d>', 40])
  assert.equal(task.failureReason.name, '$ClaimTimeout')
  assert.deepEqual(notes(dir).sort(), ['a', 'a', 'b', 'c', 'd', 'd'])
})

test('two workers on one file do each of 200 tasks once', async (t) => {
  const dir = folder(t, {})
  const backend = await open(t, dir)
  const spawned = []
  for (let number = 0; number < 200; number++) {
    spawned.push(backend.absurd.spawn('note', { number }, { queue: 'default' }))
  }
  const ids = (await Promise.all(spawned)).map(({ taskID }) => taskID)
  assert.deepEqual(ids, [...ids].sort(), 'ids sort by time')
  const workers = await Promise.all([1, 2].map(() => node([CHILD, dir, 'drain'])))
  assert.deepEqual(workers.map(({ code, stderr }) => [code, stderr]), [[0, ''], [0, '']])
  const done = notes(dir).map(Number)
  assert.deepEqual(done.toSorted((a, b) => a - b), Array.from({ length: 200 }, (_, number) => number))
  const states = await Promise.all(ids.map(async (id) => (await backend.getWorkflowTask(id)).state))
  assert.deepEqual(new Set(states), new Set(['completed']))
})

test('a worker whose handler goes on with a task that is lost ends its process, if it is to', async (t) => {
  const dir = folder(t, {})
  const ended = await node([CHILD, dir, 'zombie', 'fatal'])
  assert.deepEqual([ended.code, ended.signal], [1, null])
  assert.match(ended.stderr, /^\[absurd\] task endless \(\S+\) was taken by another worker 0\.2 s ago and does not stop; ending the process\n/m)
  assert.deepEqual(notes(dir), ['2'])
})
