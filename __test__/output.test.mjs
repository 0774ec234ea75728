// What agents print is kept beside the journals of durable runs, and can be looked at while they run and afterwards.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine } from '@smol-workflow/engine'

import { KINDS, program, watcher } from './agents-support.mjs'
import { cli, environment, folder, script, smolWf } from './support.mjs'

const NOT_ON_WINDOWS = { skip: process.platform === 'win32' && 'the stand-ins are no programs there' }

/** An engine with a store of its own, closed after the test. */
function open(t, path = folder(t, {}), { store, ...options } = {}) {
  const engine = createEngine({ store: { path: join(path, 'runs.db'), synchronous: 'normal', ...store }, ...options })
  t.after(() => engine.close())
  return engine
}

const source = (text) => ({ source: script(text) })
const TWO = source("export default async () => [await agent('a'), await agent('b')]")
const RETRIED = source("export default async () => await agent('a', { retry: { maxAttempts: 2 } })")
const raws = (outputs) => outputs.map(({ raw }) => raw)
const nothing = (message) => ({ code: 'ERR_NO_OUTPUT', message })

test('what providers of the host print is kept, of failed attempts too', async (t) => {
  const engine = open(t)
  let asked = 0
  const before = Date.now()
  const run = await engine.run(RETRIED, {
    onAgent: () => {
      if (asked++ === 0) throw Object.assign(new Error('cut off'), { raw: { said: 'half' } })
      return { output: 1, raw: ['whole', null] }
    },
  })
  assert.equal(await run.result, 1)
  const outputs = await engine.output(run.id, 0)
  assert.deepEqual(
    outputs.map(({ at, ...output }) => output),
    [
      { call: 0, attempt: 1, raw: { said: 'half' } },
      { call: 0, attempt: 2, raw: ['whole', null] },
    ],
  )
  assert.ok(outputs.every(({ at }) => at >= before && at <= Date.now()))

  const named = { name: 'mine', run: async () => ({ output: 'x', raw: 'of mine' }) }
  const other = await engine.run(source("export default async () => await agent('a', { provider: 'mine' })"), {
    providers: { mine: named },
  })
  await other.result
  assert.deepEqual(raws(await engine.output(other.id, 0)), ['of mine'])
})

test('what is strange or too long stays what it is, or its ends', async (t) => {
  const engine = open(t)
  const deep = JSON.parse('['.repeat(500) + ']'.repeat(500))
  const long = `${'é'.repeat(1024 * 1024)}!`
  const given = [{ half: '\ud83d', deep }, long, () => 'no JSON at all']
  const run = await engine.run(source("export default async () => [await agent('0'), await agent('1'), await agent('2')]"), {
    onAgent: (prompt) => ({ output: prompt, raw: given[prompt] }),
  })
  assert.deepEqual(await run.result, ['0', '1', '2'])
  assert.deepEqual(raws(await engine.output(run.id, 0)), [given[0]])
  const [{ leftOut, head, tail }] = raws(await engine.output(run.id, 1))
  assert.ok(leftOut.bytes > 1024 * 1024, `${leftOut.bytes}`)
  assert.ok(head.startsWith('"éé') && tail.endsWith('éé!"'))
  assert.ok(Buffer.byteLength(head) + Buffer.byteLength(tail) <= 1024 * 1024)
  await assert.rejects(engine.output(run.id, 2), nothing(`nothing is kept of what call 2 of run ${run.id} has printed; there is output of the calls 0, 1`))
})

test('a call of which nothing is kept is said to be one', async (t) => {
  const engine = open(t)
  const run = await engine.run(TWO, { runId: 'r', onAgent: (prompt) => (prompt === 'a' ? { output: 1, raw: 1 } : 2) })
  await run.result
  await assert.rejects(engine.output('r', 1), nothing('nothing is kept of what call 1 of run r has printed; there is output of call 0'))
  await assert.rejects(engine.output('r', 7), nothing('run r has no call 7; there is output of call 0'))
  await assert.rejects(engine.output('nobody', 0), { code: 'ERR_UNKNOWN_RUN' })
  for (const call of [-1, 0.5, '0', undefined]) await assert.rejects(engine.output('r', call), { code: 'ERR_INVALID_OPTION' })

  // The debug provider prints nothing but its answer.
  const made = await engine.run(TWO, { runId: 'd' })
  await made.result
  await assert.rejects(engine.output('d', 0), nothing(/^nothing is kept of what call 0 of run d has printed; nothing is kept of any of its calls$/))
})

test('keepOutput: false keeps nothing, for all lives of the run', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path, { keepOutput: false })
  const onAgent = () => ({ output: 1, raw: 'secret' })
  const none = await engine.run(TWO, { runId: 'none', onAgent })
  await none.result
  await assert.rejects(engine.output('none', 0), nothing(/./))
  const some = await engine.run(TWO, { onAgent, keepOutput: true })
  await some.result
  assert.deepEqual(raws(await engine.output(some.id, 1)), ['secret'])

  const left = await engine.run(TWO, { runId: 'left', onAgent: (prompt) => (prompt === 'a' ? onAgent() : (engine.close(), new Promise(() => {}))) })
  await assert.rejects(left.result, { code: 'ERR_RUN_LEFT' })
  const next = open(t, path)
  await (await next.resume('left', { onAgent })).result
  await assert.rejects(next.output('left', 1), nothing(/nothing is kept of any of its calls$/))
  for (const keepOutput of ['yes', 1]) assert.throws(() => createEngine({ keepOutput }), { code: 'ERR_INVALID_OPTION' })
  await assert.rejects(next.run(TWO, { keepOutput: 'no' }), { code: 'ERR_INVALID_OPTION' })
})

test('what was printed is found after a run was taken up anew, and goes along with copies', async (t) => {
  const engine = open(t)
  const text = (last) =>
    source(`export default async () => {
      const found = await parallel(['a', 'b'].map((it) => () => agent(it, { retry: { maxAttempts: 2 } })))
      return [...found, await agent(${last})]
    }`)
  let failed = 0
  const said = (name) => (prompt) => {
    if (prompt === 'b' && failed++ === 0) throw Object.assign(new Error('once'), { raw: `${name}: b failed` })
    if (prompt === 'c') throw Object.assign(new Error('no'), { raw: `${name}: c failed` })
    return { output: prompt, raw: `${name}: ${prompt}` }
  }
  const run = await engine.run(text("'c'"), { runId: 'r', onAgent: said('first') })
  await assert.rejects(run.result, /no/)
  assert.deepEqual(raws(await engine.output('r', 2)), ['first: c failed'])

  // Taken up with another script: what was answered is taken over, and its output is where it was.
  const again = await engine.resume('r', { ...text("'d'"), onAgent: said('second') })
  assert.deepEqual(await again.result, ['a', 'b', 'd'])
  assert.deepEqual(raws(await engine.output('r', 0)), ['first: a'])
  assert.deepEqual(raws(await engine.output('r', 1)), ['first: b failed', 'first: b'])
  assert.deepEqual(raws(await engine.output('r', 2)), ['second: d'])

  const copy = await engine.fork('r', { runId: 'f', from: 2, onAgent: said('third') })
  assert.deepEqual(await copy.result, ['a', 'b', 'd'])
  await engine.delete(['r'])
  assert.deepEqual(raws(await engine.output('f', 1)), ['first: b failed', 'first: b'])
  assert.deepEqual(raws(await engine.output('f', 2)), ['third: d'])
  assert.deepEqual(await engine.verify(), [])
})

test('what was printed is deleted with its run, and counted before', async (t) => {
  const engine = open(t)
  const raw = 'x'.repeat(100_000)
  for (const runId of ['one', 'two']) await (await engine.run(TWO, { runId, onAgent: () => ({ output: 1, raw }) })).result
  // All four are the same, and there once.
  const [planned, both] = [await engine.delete(['one'], { dryRun: true }), await engine.delete(['one', 'two'], { dryRun: true })]
  assert.ok(planned.bytes < 10_000 && both.bytes > 100_000 && both.bytes < 110_000, `${planned.bytes}, ${both.bytes}`)
  const deleted = await engine.delete(['one', 'two'])
  assert.equal(deleted.bytes, both.bytes)
  assert.ok(deleted.fileBytes > 90_000, `${deleted.fileBytes}`)
  assert.deepEqual(await engine.verify(), [])
})

test('a run that is under way has spent what its journal says', async (t) => {
  const path = folder(t, {})
  const engine = open(t, path)
  const onAgent = (prompt) => (prompt === 'b' ? (engine.close(), new Promise(() => {})) : { output: 1, usage: { outputTokens: 7 } })
  let go
  let seen
  const looking = new Promise((resolve) => (seen = resolve))
  const run = await engine.run(source("export default async () => { await agent('a'); log('spent'); await agent('wait'); return await agent('b') }"), {
    runId: 'r',
    onAgent: (prompt) => (prompt === 'wait' ? (seen(), new Promise((resolve) => (go = resolve))) : onAgent(prompt)),
  })
  await looking
  assert.deepEqual([(await run.inspect()).spent, await run.usage(), (await engine.list())[0].spent], [7, { total: null, spent: 7 }, 7])
  go({ output: 2, usage: { outputTokens: 5 } })
  await assert.rejects(run.result, { code: 'ERR_RUN_LEFT' })

  const looks = open(t, path, { store: { readOnly: true } })
  assert.deepEqual([(await looks.inspect('r')).status, (await looks.inspect('r')).spent, (await looks.list())[0].spent], ['running', 12, 12])
  // Taken up anew, before anything else is spent; and left again.
  const second = open(t, path)
  let begun
  const begins = new Promise((resolve) => (begun = resolve))
  const again = await second.resume('r', { drift: 'prefix', onAgent: () => (begun(), new Promise(() => {})) })
  await begins
  assert.equal((await again.inspect()).spent, 12)
  await second.close()
  await assert.rejects(again.result, { code: 'ERR_RUN_LEFT' })
  assert.equal((await looks.inspect('r')).spent, 12)
})

for (const kind of KINDS) {
  test(`${kind.name}: what the program prints is kept, and what it printed when it failed`, NOT_ON_WINDOWS, async (t) => {
    const path = folder(t, {})
    const command = program(
      t,
      kind,
      `const first = join(${JSON.stringify(path)}, 'first')
      function join(...parts) { return parts.join('/') }
      if (!existsSync(first)) {
        writeFileSync(first, '')
        process.stderr.write('it burns')
        process.exit(3)
      }
      answer('done')`,
    )
    const engine = open(t, path)
    const run = await engine.run(RETRIED, { agentProvider: kind.create({ command, cwd: path }) })
    assert.equal(await run.result, 'done')
    const outputs = await engine.output(run.id, 0)
    assert.deepEqual(outputs.map(({ attempt }) => attempt), [1, 2])
    assert.match(outputs[0].raw.stderr, /it burns/)
    assert.match(JSON.stringify(outputs[1].raw), kind.name === 'codex' ? /thread\.started/ : /done/)
  })
}

test('history show --output shows it, while the run is under way too', NOT_ON_WINDOWS, async (t) => {
  const watch = await watcher(t)
  const dir = folder(t, { 'two.js': script("export default [await agent('one'), await agent('two')]") })
  const codex = KINDS.find(({ name }) => name === 'codex')
  const command = program(
    t,
    codex,
    `if (prompt() === 'two') hang()
    else {
      print({ type: 'item.completed', item: { type: 'command_execution', command: 'ls', aggregated_output: 'a\\tb\\nc\\u001b[31m\\n' } })
      answer('done')
      process.stderr.write('careful\\n')
    }`,
  )
  const env = { ...watch.env, SMOL_WF_AGENT_PROVIDER: 'codex', SMOL_WF_CODEX_COMMAND: command }
  const run = (...args) => smolWf(args, { cwd: dir, env })
  const child = spawn(process.execPath, [cli, 'run', 'two.js', '--run-id', 'r'], { cwd: dir, env: environment(env), stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve))
  t.after(() => child.kill('SIGKILL'))
  const agent = await watch.next()

  const shown = await run('history', 'show', 'r', '--output', '0')
  const [head, ...lines] = shown.stdout.split('\n')
  assert.match(head, /^attempt 1, over at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  assert.deepEqual(lines.slice(0, 9), [
    '  events:',
    '    - type: item.completed',
    '      item:',
    '        type: command_execution',
    '        command: ls',
    '        aggregated_output:',
    '          a    b',
    '          c\ufffd[31m',
    '    - type: thread.started',
  ])
  assert.equal(lines.at(-2), '  stderr: careful')
  assert.equal(shown.code, 0)
  const json = JSON.parse((await run('history', 'show', 'r', '--output=0', '--json')).stdout)
  assert.deepEqual([json.length, json[0].call, json[0].attempt, json[0].raw.stderr], [1, 0, 1, 'careful\n'])

  const none = await run('history', 'show', 'r', '--output', '1')
  assert.deepEqual([none.stdout, none.code], ['', 1])
  assert.match(none.stderr, /^smol-wf: nothing is kept of what call 1 of run r has printed; there is output of call 0\nhint: \S/)
  const wrong = await run('history', 'show', 'r', '--output', 'one')
  assert.match(wrong.stderr, /^smol-wf: --output must be the number of a call: one\nhint: \S/)

  // What was written outlives the process.
  child.kill('SIGKILL')
  await ended
  await agent.over
  assert.equal((await run('history', 'show', 'r', '--output', '0')).stdout, shown.stdout)
})

test('run --no-output keeps nothing', NOT_ON_WINDOWS, async (t) => {
  const dir = folder(t, { 'one.js': script("export default await agent('one')") })
  const command = program(t, KINDS[0], "answer('done')")
  const env = { SMOL_WF_AGENT_PROVIDER: 'claude-code', SMOL_WF_CLAUDE_CODE_COMMAND: command }
  const run = (...args) => smolWf(args, { cwd: dir, env })
  assert.equal((await run('run', 'one.js', '--run-id', 'r', '--no-output')).code, 0)
  assert.match((await run('history', 'show', 'r', '--output', '0')).stderr, /nothing is kept of any of its calls/)
  assert.match((await run('run', 'one.js', '--no-output')).stderr, /^smol-wf: --no-output requires --durable$/m)
})
