// The providers that start programs, with stand-ins for the programs: what is started, what is made of what it prints,
// and that nothing of it is left. Each case goes through both doors, provider.run() and runWorkflow().

import assert from 'node:assert/strict'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'
import { createAgentProvider, createDebugAgentProvider } from '@smol-workflow/engine/agent-providers'

import { KINDS, program, watcher } from './agents-support.mjs'
import { linked } from './linked.mjs'
import { folder, node, root, script, smolWf } from './support.mjs'

const CALL = script('export default ({ prompt, options }) => agent(prompt, options)')

/** The ways to a provider; each gives the output, or rejects. */
const DOORS = {
  'provider.run': async (provider, prompt, options) => (await provider.run({ prompt, options, context: {} })).output,
  runWorkflow: (agentProvider, prompt, options) =>
    runWorkflow({ source: CALL, args: { prompt, ...(options && { options }) }, agentProvider }),
}

const windows = process.platform === 'win32' && 'the stand-ins are scripts with a first line for a POSIX system'

/** A test for every provider and every door. */
function each(name, body, kinds = KINDS) {
  for (const kind of kinds) {
    for (const [door, call] of Object.entries(DOORS)) {
      test(`${kind.name}, ${door}: ${name}`, { skip: windows }, (t) => body(t, kind, call))
    }
  }
}

const only = (...names) => KINDS.filter(({ name }) => names.includes(name))

/** The error that the provider gave, whichever door it came through. */
async function failure(promise) {
  const error = await promise.then(
    (value) => assert.fail(`it answered ${JSON.stringify(value)}`),
    (error) => error,
  )
  return error.cause?.message === undefined ? error : error.cause
}

const SCHEMA = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }

// --- objects ---------------------------------------------------------------------------------------------------------

test('provider objects have four members, and making one starts nothing', () => {
  for (const { name, create } of KINDS) {
    for (const provider of [create(), create({ command: 'no-such-program' }), createAgentProvider(name)]) {
      assert.deepEqual(Object.keys(provider), ['name', 'schemaMode', 'usageMode', 'run'])
      assert.deepEqual([provider.name, provider.schemaMode, provider.usageMode], [name, 'builtin', 'builtin'])
    }
  }
})

test('names and options that do not exist are refused', () => {
  for (const name of ['x', 'Codex', null, '']) {
    assert.throws(() => createAgentProvider(name), { message: `Unknown agent provider: ${name}` })
  }
  for (const [options, message] of [
    [{ comand: 'x' }, /codex: comand: unknown field/],
    [{ timeoutMs: 'x' }, /codex: timeoutMs: /],
    [{ serverArgs: [] }, /codex: serverArgs: only opencode has a server/],
  ]) {
    assert.throws(() => createAgentProvider('codex', options), { code: 'ERR_INVALID_OPTION', message })
  }
  // What the original takes for "none" is none.
  for (const options of [undefined, {}, { timeoutMs: 0, cwd: undefined, env: {} }]) createAgentProvider('pi', options)
  createAgentProvider('debug', { command: 'ignored' })
})

// --- what is started -------------------------------------------------------------------------------------------------

const ARGUMENTS = {
  'claude-code': {
    plain: ['--output-format', 'json', '--print', 'hello'],
    full: ['sub', '--flag', '--model', 'm', '--output-format', 'json', '--print', 'hello'],
  },
  codex: {
    plain: ['exec', '--json', '--output-last-message', 'FILE', '-'],
    full: ['sub', '--flag', '--model', 'm', '--json', '--output-last-message', 'FILE', '-'],
  },
  opencode: {
    plain: ['run', '--format', 'json', 'hello'],
    full: ['sub', '--flag', '--format', 'json', '--model', 'm', 'hello'],
  },
  pi: {
    plain: ['--print', '--mode', 'json', 'hello'],
    full: ['sub', '--flag', '--print', '--mode', 'json', '--model', 'm', 'hello'],
  },
}

each('the command line, the folder and the environment', async (t, kind, call) => {
  const command = program(
    t,
    kind,
    `const shown = argv.map((arg) => arg.endsWith('last-message.txt') ? 'FILE' : arg)
     answer(JSON.stringify({ argv: shown, prompt: prompt(), cwd: process.cwd(), home: process.env.HOME, own: process.env.OWN }))`,
  )
  const cwd = realpathSync(dirname(command))
  const about = async (options, callOptions) => JSON.parse(await call(kind.create({ command, ...options }), 'hello', callOptions))
  const here = { prompt: 'hello', cwd: process.cwd(), home: process.env.HOME }
  assert.deepEqual(await about({}), { argv: ARGUMENTS[kind.name].plain, ...here })
  const options = { subcommand: ['sub'], args: ['--flag'], cwd, env: { OWN: 'x' } }
  assert.deepEqual(await about(options, { model: 'm' }), { argv: ARGUMENTS[kind.name].full, ...here, cwd, own: 'x' })
})

test('the folder of the context goes before that of the options', { skip: windows }, async (t) => {
  for (const kind of KINDS) {
    const command = program(t, kind, 'prompt(); answer(process.cwd())')
    const cwd = realpathSync(folder(t, {}))
    const { output } = await kind.create({ command, cwd: root }).run({ prompt: 'x', context: { cwd } })
    assert.equal(output, cwd)
  }
})

each('a prompt of a megabyte, and one that looks like a flag', async (t, kind, call) => {
  const command = program(
    t,
    kind,
    `const { createHash } = require('node:crypto')
     const text = prompt()
     answer(text.length > 1000 ? text.length + ' ' + createHash('sha1').update(text).digest('hex') : text)`,
  )
  const { createHash } = await import('node:crypto')
  const prompt = 'ä🙂 "line"\n'.repeat(80_000)
  const hash = createHash('sha1').update(prompt).digest('hex')
  assert.equal(await call(kind.create({ command }), prompt), `${prompt.length} ${hash}`)
  assert.equal(await call(kind.create({ command }), '--version'), '--version')
})

each('the private folder is for nobody else, and goes away', async (t, kind, call) => {
  const flag = kind.name === 'codex' ? '--output-schema' : '--extension'
  const command = program(
    t,
    kind,
    `const folder = require('node:path').dirname(after('${flag}'))
     const content = { a: statSync(folder).mode & 0o777, folder }
     prompt()
     if (KIND === 'codex') answer(JSON.stringify(content))
     else print({ type: 'tool_execution_end', toolName: 'smol_workflows_structured_output', isError: false, result: { details: content } })`,
  )
  const answer = await call(kind.create({ command }), 'x', { schema: { ...SCHEMA } })
  assert.equal(answer.a, 0o700)
  assert.equal(existsSync(answer.folder), false)
}, only('codex', 'pi'))

test('a script that names a provider gets it with the options it was given', { skip: windows }, async (t) => {
  const kind = KINDS[1]
  const command = program(t, kind, `answer(process.env.OWN + ' ' + prompt())`)
  const source = script("export default () => agent('x', { provider: 'codex' })")
  const agentProvider = kind.create({ command, env: { OWN: 'mine' } })
  assert.equal(await runWorkflow({ source, agentProvider }), 'mine x')
})

// --- what comes of it ------------------------------------------------------------------------------------------------

test('results have the members of the original, and codex has its session', { skip: windows }, async (t) => {
  for (const kind of KINDS) {
    const command = program(t, kind, 'prompt(); answer("done  ")')
    const result = await kind.create({ command }).run({ prompt: 'x', context: {} })
    assert.deepEqual(Object.keys(result), ['output', 'sessionId', 'usage', 'raw'], kind.name)
    assert.deepEqual([result.output, result.sessionId], ['done', 's-1'], kind.name)
    assert.deepEqual([result.usage.inputTokens, result.usage.outputTokens, result.usage.totalTokens], [3, 2, 5], kind.name)
    assert.equal(result.raw.stderr, '', kind.name)
  }
  assert.deepEqual(Object.keys(await createDebugAgentProvider().run({ prompt: 'x', context: {} })), ['output', 'usage', 'raw'])
})

each('usage counts against the budget, and the event has the session', async (t, kind) => {
  const command = program(t, kind, 'prompt(); answer("done")')
  const budgetState = { total: 10, spent: 0 }
  const events = []
  await runWorkflow({ source: CALL, args: { prompt: 'x' }, agentProvider: kind.create({ command }), budgetState, onEvent: (event) => events.push(event) })
  assert.equal(budgetState.spent, 2)
  assert.equal(events.find(({ type }) => type === 'call.ended').sessionId, 's-1')
})

const STRUCTURED = {
  'claude-code': "print({ type: 'result', is_error: false, result: '', structured_output: { a: 1 } })",
  codex: `answer('{"a":1}')`,
  pi: "print({ type: 'tool_execution_end', toolName: 'smol_workflows_structured_output', isError: false, result: { details: { a: 1 } } })",
}
const BAD = {
  'claude-code': ['answer("words")', 'Claude Code provider did not return valid JSON for schema output'],
  codex: ['answer("words")', 'Codex provider did not return valid JSON for schema output'],
  pi: ['answer("words")', 'Pi provider did not call smol_workflows_structured_output for schema output'],
}

each('structured answers, and what is none', async (t, kind, call) => {
  const good = program(t, kind, `prompt(); ${STRUCTURED[kind.name]}`)
  assert.deepEqual(await call(kind.create({ command: good }), 'x', { schema: SCHEMA }), { a: 1 })
  const [text, message] = BAD[kind.name]
  const bad = program(t, kind, `prompt(); ${text}`)
  const error = await failure(call(kind.create({ command: bad }), 'x', { schema: SCHEMA }))
  assert.deepEqual([error.message, error.code], [message, 'ERR_AGENT_BAD_OUTPUT'])
}, only('claude-code', 'codex', 'pi'))

each('an exit with a code, and by a signal', async (t, kind, call) => {
  for (const [text, message, code] of [
    ['process.stderr.write("nope\\n"); process.exitCode = 7', `${kind.label} provider exited with code 7: nope`, 'ERR_AGENT_FAILED'],
    ['process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)', `${kind.label} provider exited with signal SIGKILL`, 'ERR_AGENT_ENDED'],
    ['process.stderr.write("API Error: 401 invalid api key"); process.exitCode = 1', `${kind.label} provider exited with code 1: API Error: 401 invalid api key`, 'ERR_AGENT_AUTH'],
  ]) {
    const error = await failure(call(kind.create({ command: program(t, kind, text) }), 'x'))
    assert.deepEqual([error.message, error.code], [message, code])
    assert.equal(code === 'ERR_AGENT_AUTH', error.hint?.startsWith('log in') ?? false)
  }
})

each('a program that is not there', async (t, kind, call) => {
  const path = folder(t, {})
  const missing = join(path, 'no-such-program')
  for (const [options, spawned, hint] of [
    [{ command: missing }, missing, `there is no file ${missing}`],
    [{ env: { PATH: path } }, kind.command, `there is no ${kind.command} in the folders of PATH (${path}); install it with npm`],
    [{ cwd: join(path, 'nowhere') }, kind.command, `there is no folder ${join(path, 'nowhere')}`],
  ]) {
    const error = await failure(call(kind.create(options), 'x'))
    assert.deepEqual([error.message, error.code], [`spawn ${spawned} ENOENT`, 'ENOENT'])
    assert.ok(error.hint.startsWith(hint), error.hint)
  }
})

test('the error of a run says what to do', { skip: windows }, async (t) => {
  const agentProvider = KINDS[0].create({ env: { PATH: folder(t, {}) } })
  await assert.rejects(runWorkflow({ source: CALL, args: { prompt: 'x' }, agentProvider }), (error) => {
    assert.equal(error.code, 'ERR_SCRIPT_FAILED')
    assert.match(error.details.hint, /npm install --global @anthropic-ai\/claude-code/)
    return true
  })
})

each('a program that answers and exits without reading', async (t, kind, call) => {
  const command = program(t, kind, "answer('early')")
  assert.equal(await call(kind.create({ command }), 'x'.repeat(4 << 20)), 'early')
})

each('bytes that are no text', async (t, kind, call) => {
  const command = program(
    t,
    kind,
    `prompt()
     process.stderr.write(Buffer.from([0x65, 0xff, 0x0a]))
     if (KIND === 'codex') writeFileSync(after('--output-last-message'), Buffer.from([0x61, 0xff, 0x62]))
     else process.stdout.write(Buffer.from([0x61, 0xff, 0x62]))`,
  )
  assert.equal(await call(kind.create({ command }), 'x'), 'a\ufffdb')
})

each('a folder where the last message ought to be', async (t, kind, call) => {
  const command = program(t, kind, "prompt(); mkdirSync(after('--output-last-message'))")
  const error = await failure(call(kind.create({ command }), 'x'))
  assert.equal(error.message, 'Failed to read codex output file: EISDIR: illegal operation on a directory, read')
}, only('codex'))

test('a schema that the service refuses is sent once more, closed strictly, and that is remembered', { skip: windows }, async (t) => {
  const kind = KINDS[1]
  const watch = await watcher(t)
  const command = program(
    t,
    kind,
    `prompt()
     const { required } = JSON.parse(readFileSync(after('--output-schema'), 'utf8'))
     announce({ required }).end()
     const strict = required.includes('b')
     if (strict) answer('{"a":1,"b":null}')
     else {
       print({ type: 'thread.started', thread_id: 't' }, { type: 'turn.started' },
         { type: 'turn.failed', error: { message: 'invalid_json_schema: Invalid schema for response_format' } })
       process.exitCode = 1
     }`,
  )
  const provider = kind.create({ command, env: watch.env })
  const schema = { type: 'object', properties: { a: { type: 'number' }, b: { type: 'string' } }, required: ['a'] }
  for (const expected of [[['a'], ['a', 'b']], [['a', 'b']]]) {
    // The null that stands for the optional property is taken out again.
    assert.deepEqual((await provider.run({ prompt: 'x', options: { schema }, context: {} })).output, { a: 1 })
    for (const required of expected) assert.deepEqual((await watch.next()).required, required)
  }
  assert.equal(watch.unseen(), 0)
})

test('failed attempts are charged, and repeated where that can help', { skip: windows }, async (t) => {
  const kind = KINDS[0]
  for (const [status, attempts] of [[500, 2], [401, 1]]) {
    const path = folder(t, {})
    const text = `
      if (existsSync('seen')) answer('done')
      else {
        writeFileSync('seen', '')
        print({ type: 'result', is_error: true, result: 'API Error: ${status}', api_error_status: ${status}, session_id: 's', usage: { output_tokens: 5 } })
        process.exitCode = 1
      }`
    const agentProvider = kind.create({ command: program(t, kind, text), cwd: path })
    const budgetState = { total: null, spent: 0 }
    const events = []
    const args = { prompt: 'x', options: { retry: { maxAttempts: 3 } } }
    const run = runWorkflow({ source: CALL, args, agentProvider, budgetState, onEvent: (event) => events.push(event) })
    if (attempts === 2) assert.equal(await run, 'done')
    else assert.equal((await failure(run)).code, 'ERR_AGENT_AUTH')
    assert.equal(budgetState.spent, attempts === 2 ? 7 : 5)
    assert.equal(events.find(({ type }) => type === 'call.ended').attempts, attempts)
  }
})

test('options of agent() that make no sense reject in body form, too', { skip: windows }, async () => {
  const source = `export const meta = { name: 'n', description: 'd' }
    try { return await agent('x', { effort: 'huge' }) } catch (error) { return [error.code, error.message] }`
  const [code, message] = await runWorkflow({ source, agentProvider: createAgentProvider('codex') })
  assert.equal(code, 'ERR_INVALID_OPTION')
  assert.match(message, /^TypeError: agent\(\) option effort must be one of minimal, low/)
})

// --- how it ends -----------------------------------------------------------------------------------------------------

/** Everybody at once, so that limits can be long enough for a slow machine to have started them. */
async function limited(t, options, callOptions, expected) {
  const watch = await watcher(t)
  const calls = KINDS.flatMap((kind) =>
    Object.values(DOORS).map(async (call) => {
      const provider = kind.create({ command: program(t, kind, 'hang()'), env: watch.env, ...options })
      const { message, code } = await failure(call(provider, 'x', callOptions))
      assert.equal(code, expected.code)
      assert.match(message, expected.message(kind.label))
    }),
  )
  const started = await Promise.all(calls.map(() => watch.next()))
  await Promise.all(calls)
  await Promise.all(started.map(({ over }) => over))
}

const TIMED_OUT = (label) => new RegExp(`^(${label} provider timed out after 6000ms|agent\\(\\) ran into its timeout of 6000 ms)$`)

test('a time limit of the provider', { skip: windows }, (t) =>
  limited(t, { timeoutMs: 6000 }, undefined, {
    code: 'ERR_AGENT_TIMEOUT',
    message: (label) => new RegExp(`^${label} provider timed out after 6000ms$`),
  }))

test('a time limit of the call, which goes before that of the provider', { skip: windows }, (t) =>
  limited(t, { timeoutMs: 1 }, { timeoutMs: 6000 }, { code: 'ERR_AGENT_TIMEOUT', message: TIMED_OUT }))

test('a limit of silence', { skip: windows }, (t) =>
  limited(t, {}, { stallMs: 6000 }, {
    code: 'ERR_AGENT_STALLED',
    message: (label) => new RegExp(`^${label} provider stalled: it said nothing for 6000ms$`),
  }))

test('a signal that was aborted before: nothing is started', { skip: windows }, async (t) => {
  const watch = await watcher(t)
  for (const kind of KINDS) {
    const provider = kind.create({ command: program(t, kind, 'hang()'), env: watch.env })
    const reason = new Error('mine')
    for (const options of [undefined, { schema: SCHEMA }]) {
      await assert.rejects(provider.run({ prompt: 'x', options, context: { signal: AbortSignal.abort(reason) } }), (error) => {
        assert.deepEqual([error.name, error.code, error.message], ['AbortError', 'ABORT_ERR', 'The operation was aborted'])
        assert.equal(error.cause, reason)
        return true
      })
    }
  }
  assert.equal(watch.unseen(), 0)
})

test('a signal that is aborted meanwhile ends the program', { skip: windows }, async (t) => {
  const watch = await watcher(t)
  for (const kind of KINDS) {
    const command = program(t, kind, 'hang()')
    const provider = kind.create({ command, env: watch.env })
    const controller = new AbortController()
    const call = provider.run({ prompt: 'x', context: { signal: controller.signal } })
    const direct = await watch.next()
    controller.abort()
    await assert.rejects(call, { name: 'AbortError', code: 'ABORT_ERR' })
    await direct.over

    const cancel = new AbortController()
    const run = runWorkflow({ source: CALL, args: { prompt: 'x' }, agentProvider: provider, signal: cancel.signal })
    const started = await watch.next()
    cancel.abort()
    await assert.rejects(run, { code: 'ERR_RUN_CANCELLED' })
    await started.over
  }
})

each('a child in the background is ended with the program', async (t, kind, call) => {
  const watch = await watcher(t)
  const child = `const socket = require('node:net').connect(process.env.FAKE_PORT, '127.0.0.1')
    socket.write('{}\\n'); socket.once('ready', () => process.send?.('up')); setInterval(() => {}, 1000)`
  const command = program(
    t,
    kind,
    `prompt()
     const child = spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { detached: true, stdio: ['ignore', 'inherit', 'ignore', 'ipc'] })
     child.once('message', () => { answer('done'); child.disconnect(); child.unref() })`,
  )
  assert.equal(await call(kind.create({ command, env: watch.env }), 'x'), 'done')
  await (await watch.next()).over
})

const RUN = `runWorkflow({ source: ${JSON.stringify(CALL)}, args: { prompt: 'x' }, agentProvider }).catch(() => {})`
for (const [name, ending] of Object.entries({
  'calls process.exit': `${RUN}; go(() => process.exit(0))`,
  'calls process.exit during provider.run': `agentProvider.run({ prompt: 'x', context: {} }).catch(() => {}); go(() => process.exit(0))`,
  throws: `${RUN}; go(() => { throw new Error('out') })`,
  'is killed': `${RUN}; go(() => process.kill(process.pid, 'SIGKILL'))`,
  'ends a worker': `
    import { Worker, isMainThread } from 'node:worker_threads'
    import { fileURLToPath } from 'node:url'
    if (isMainThread) {
      const worker = new Worker(fileURLToPath(import.meta.url))
      go(() => worker.terminate())
    } else {
      ${RUN}
    }`,
})) {
  const skip = windows || (name === 'is killed' && process.platform !== 'linux' && 'only Linux tells a child that its parent has died')
  test(`a host that ${name} leaves no agent behind`, { skip }, async (t) => {
    const watch = await watcher(t)
    const text = `
      import { connect } from 'node:net'
      import { createClaudeCodeAgentProvider } from '@smol-workflow/engine/agent-providers'
      import { runWorkflow } from '@smol-workflow/engine'
      const agentProvider = createClaudeCodeAgentProvider({ command: ${JSON.stringify(program(t, KINDS[0], 'hang()'))} })
      const go = (end) => connect(process.env.FAKE_PORT, '127.0.0.1').once('data', end).write('{"host":true}\\n')
      ${ending}`
    const path = linked(t, { 'host.mjs': text })
    const ended = node([join(path, 'host.mjs')], { cwd: path, env: watch.env })
    const both = [await watch.next(), await watch.next()]
    const agent = both.find(({ host }) => !host)
    const { socket } = both.find(({ host }) => host)
    socket.write('go')
    await agent.over
    socket.destroy()
    await ended
  })
}

// --- the command line ------------------------------------------------------------------------------------------------

test('smol-wf run --agent-provider', { skip: windows }, async (t) => {
  const cwd = folder(t, { 'w.mjs': CALL })
  for (const kind of KINDS) {
    const bin = dirname(program(t, kind, "answer('it said ' + prompt())"))
    const env = { PATH: [bin, process.env.PATH].join(delimiter) }
    const args = ['run', 'w.mjs', '--agent-provider', kind.name, '--args-prompt', 'hello']
    assert.deepEqual(await smolWf(args, { cwd, env }), { code: 0, signal: null, stdout: '"it said hello"\n', stderr: '' })
    const none = await smolWf(args, { cwd, env: { PATH: join(cwd, 'none') } })
    assert.equal(none.code, 1)
    assert.match(none.stderr, new RegExp(`^smol-wf: Error: Error: spawn ${kind.command} ENOENT\\n[^]*\\nhint: there is no ${kind.command} in the folders of PATH`))
  }
})

test('Ctrl-C ends the agent, with the time it needs', { skip: windows }, async (t) => {
  const watch = await watcher(t)
  const cwd = folder(t, { 'w.mjs': script("phase('up'); export default agent('x')") })
  const text = `process.on('SIGTERM', () => { writeFileSync('cleaned', ''); process.exit(143) }); hang()`
  const bin = dirname(program(t, KINDS[0], text))
  const env = { ...watch.env, PATH: [bin, process.env.PATH].join(delimiter) }
  let child
  const run = smolWf(['run', 'w.mjs', '--agent-provider', 'claude-code'], { cwd, env, onStderr: (running) => (child = running) })
  const started = await watch.next()
  child.kill('SIGINT')
  assert.equal((await run).code, 130)
  await started.over
  assert.ok(existsSync(join(cwd, 'cleaned')))
})
