// What the engine makes of agent calls, the same for every provider: limits of others, sessions to go on with, what
// agents do at their work, worktrees, names. Programs are stand-ins; one provider is an object of the host's.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine, runWorkflow } from '@smol-workflow/engine'

import { KINDS, program } from './agents-support.mjs'
import { folder, node, root, script } from './support.mjs'

const windows = process.platform === 'win32' && 'the stand-ins are scripts with a first line for a POSIX system'

const CALL = script('export default ({ prompt, options }) => agent(prompt, options)')

/** Runs one call to its end: what came of it, and the events. */
async function call(prompt, options, rest) {
  const events = []
  const run = runWorkflow({ source: CALL, args: { prompt, options }, onEvent: (event) => events.push(event), ...rest })
  const [settled] = await Promise.allSettled([run])
  const of = (type) => events.filter((event) => event.type === type)
  return { ...settled, error: settled.reason?.cause ?? settled.reason, events, of, ended: of('call.ended')[0] }
}

/** Counts the attempts in the folder of the call. */
const COUNT = `
  const attempt = existsSync('attempts') ? Number(readFileSync('attempts', 'utf8')) + 1 : 1
  writeFileSync('attempts', String(attempt))`

/** Words and a tool call, as each program tells them, and its session. */
const WORK = `
  const work = () => {
    if (KIND === 'claude-code') print(
      { type: 'system', subtype: 'init', session_id: 's-1' },
      { type: 'assistant', session_id: 's-1', message: { content: [{ type: 'text', text: 'looking' }, { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls' } }] } },
    )
    if (KIND === 'codex') print(
      { type: 'thread.started', thread_id: 's-1' }, { type: 'turn.started' },
      { type: 'item.completed', item: { id: 'i', type: 'agent_message', text: 'looking' } },
      { type: 'item.started', item: { id: 't', type: 'command_execution', command: 'ls', status: 'in_progress' } },
    )
    if (KIND === 'opencode') {
      const part = { sessionID: 's-1', messageID: 'm' }
      print(
        { type: 'step_start', sessionID: 's-1', part: { ...part, type: 'step-start' } },
        { type: 'text', sessionID: 's-1', part: { ...part, type: 'text', text: 'looking' } },
        { type: 'tool_use', sessionID: 's-1', part: { ...part, type: 'tool', callID: 't', tool: 'bash', state: { status: 'completed', input: { command: 'ls' }, output: 'a' } } },
      )
    }
    if (KIND === 'pi') print(
      { type: 'session', id: 's-1' },
      { type: 'message_end', message: { role: 'assistant', content: [{ type: 'text', text: 'looking' }], usage: { input: 1, output: 1 }, stopReason: 'toolUse' } },
      { type: 'tool_execution_start', toolCallId: 't', toolName: 'bash', args: { command: 'ls' } },
    )
  }`

/** A provider of the host's that does what a function says. */
const own = (run, rest) => ({ name: 'own', schemaMode: 'none', usageMode: 'none', run, ...rest })

function each(name, body) {
  for (const kind of KINDS) test(`${kind.name}: ${name}`, { skip: windows }, (t) => body(t, kind))
}

// --- limits of others ------------------------------------------------------------------------------------------------

const LIMITED = `${COUNT}
  if (attempt === 1) {
    process.stderr.write('429 Too Many Requests, try again in 10ms')
    process.exitCode = 1
  } else answer('done after ' + attempt)`

each('a limit of the service is waited for and costs no attempt', async (t, kind) => {
  const cwd = folder(t, {})
  const agentProvider = kind.create({ command: program(t, kind, LIMITED), cwd })
  const run = await call('x', { label: 'l' }, { agentProvider })
  assert.equal(run.value, 'done after 2', String(run.error))
  const [waiting] = run.of('call.waiting')
  assert.deepEqual([waiting.reason, waiting.attempt, waiting.error.code], ['rate-limited', 2, 'ERR_AGENT_RATE_LIMITED'])
  assert.ok(waiting.delayMs >= 10 && waiting.delayMs < 1100, String(waiting.delayMs))
  assert.deepEqual(run.of('call.retrying'), [])
  assert.equal(run.ended.attempts, 2)
})

each('maxWaitMs is the most that is waited', async (t, kind) => {
  const agentProvider = kind.create({ command: program(t, kind, LIMITED), cwd: folder(t, {}), maxWaitMs: 0 })
  const run = await call('x', {}, { agentProvider })
  assert.equal(run.error.code, 'ERR_AGENT_RATE_LIMITED')
  assert.deepEqual(run.of('call.waiting'), [])
})

test('own: a limit is waited for where the error says so', async () => {
  for (const code of ['ERR_AGENT_RATE_LIMITED', 'ERR_AGENT_OVERLOADED']) {
    let attempts = 0
    const agentProvider = own(async () => {
      if (++attempts === 1) throw Object.assign(new Error('later'), { code, retryAfterMs: 1 })
      return { output: attempts }
    })
    const run = await call('x', {}, { agentProvider })
    assert.equal(run.value, 2)
    assert.equal(run.of('call.waiting').length, 1)
  }
})

test('while a service has no room, its other calls are not started', async () => {
  const started = []
  const agentProvider = own(async ({ prompt }) => {
    started.push(prompt)
    if (started.length === 1) throw Object.assign(new Error('later'), { code: 'ERR_AGENT_RATE_LIMITED', retryAfterMs: 5 })
    return { output: prompt }
  })
  const source = script("export default () => parallel(['a', 'b', 'c'].map((it) => () => agent(it)))")
  assert.deepEqual(await runWorkflow({ source, agentProvider, maxParallelAgents: 1 }), ['a', 'b', 'c'])
  assert.deepEqual(started, ['a', 'a', 'b', 'c'])
})

// --- sessions --------------------------------------------------------------------------------------------------------

each('an attempt that was broken off at its work is gone on with in its session', async (t, kind) => {
  const text = `${COUNT}${WORK}
    if (attempt === 1) {
      work()
      process.stderr.write('connection error')
      process.exitCode = 1
    } else answer(JSON.stringify({ argv, prompt: prompt() }))`
  const agentProvider = kind.create({ command: program(t, kind, text), cwd: folder(t, {}) })
  const run = await call('do it', { retry: { maxAttempts: 2 } }, { agentProvider })
  assert.equal(run.status, 'fulfilled', String(run.error))
  const { argv, prompt } = JSON.parse(run.value)
  assert.ok(argv.includes('s-1'), argv.join(' '))
  assert.match(prompt, /^You were interrupted before you were done\./)
  assert.equal(run.of('call.retrying')[0].error.code, 'ERR_AGENT_CONNECTION')
  assert.deepEqual(run.of('call.started').map(({ continues }) => continues), [undefined, 's-1'])
})

each('an attempt that had done nothing begins anew', async (t, kind) => {
  const text = `${COUNT}
    if (attempt === 1) {
      process.stderr.write('connection error')
      process.exitCode = 1
    } else answer(JSON.stringify({ argv, prompt: prompt() }))`
  const agentProvider = kind.create({ command: program(t, kind, text), cwd: folder(t, {}) })
  const run = await call('do it', { retry: {} }, { agentProvider })
  assert.equal(JSON.parse(run.value).prompt, 'do it')
  assert.deepEqual(run.of('call.started').map(({ continues }) => continues), [undefined, undefined])
})

each('a session that is not there costs no attempt', async (t, kind) => {
  const text = `${COUNT}${WORK}
    if (attempt === 1) {
      work()
      process.stderr.write('connection error')
      process.exitCode = 1
    } else if (attempt === 2) {
      process.stderr.write(KIND === 'pi' ? 'No session found matching s-1' : KIND === 'codex' ? 'no rollout found for thread id s-1' : 'session not found')
      process.exitCode = 1
    } else answer(prompt())`
  const agentProvider = kind.create({ command: program(t, kind, text), cwd: folder(t, {}) })
  const run = await call('do it', { retry: { maxAttempts: 2 } }, { agentProvider })
  assert.equal(run.value, 'do it', String(run.error))
  assert.deepEqual(run.of('call.started').map(({ continues }) => continues), [undefined, 's-1', undefined])
})

test('the time limit of a call leaves its session to the next attempt', { skip: windows }, async (t) => {
  for (const kind of KINDS) {
    const text = `${COUNT}${WORK}
      if (attempt === 1) { work(); setInterval(() => {}, 1 << 30) } else answer(prompt())`
    const agentProvider = kind.create({ command: program(t, kind, text), cwd: folder(t, {}) })
    const run = await call('do it', { timeoutMs: 3000, retry: {} }, { agentProvider })
    assert.match(run.value, /^You were interrupted/, kind.name)
    assert.equal(run.of('call.retrying')[0].error.code, 'ERR_AGENT_TIMEOUT')
  }
})

const SCHEMA = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }

test('a repair goes on in the session of the answer', { skip: windows }, async (t) => {
  for (const kind of KINDS.filter(({ name }) => name === 'claude-code' || name === 'codex')) {
    const text = `${COUNT}
      const value = attempt === 1 ? { b: 1 } : { a: 1, argv, prompt: prompt() }
      if (KIND === 'codex') answer(JSON.stringify(value))
      else print({ type: 'result', subtype: 'success', is_error: false, result: '', structured_output: value, session_id: 's-1' })`
    const agentProvider = kind.create({ command: program(t, kind, text), cwd: folder(t, {}) })
    const run = await call('do it', { schema: SCHEMA }, { agentProvider })
    assert.ok(run.value.argv.includes('s-1'), run.value.argv.join(' '))
    assert.match(run.value.prompt, /^Previous structured output failed JSON Schema validation\.[^]*\n- \/ must have required property 'a'$/)
  }
})

test('own: sessions are for providers that resume', async () => {
  for (const resumes of [true, false]) {
    const seen = []
    const agentProvider = own(
      async ({ prompt, context }) => {
        seen.push([prompt.split('\n')[0], context.sessionId])
        return { output: seen.length === 1 ? 'x' : { a: 1 }, sessionId: 's-7' }
      },
      { resumes },
    )
    const run = await call('do it', { schema: SCHEMA }, { agentProvider })
    assert.deepEqual(run.value, { a: 1 })
    const second = resumes ? ['Previous structured output failed JSON Schema validation.', 's-7'] : ['do it', undefined]
    assert.deepEqual(seen, [['do it', undefined], second])
  }
})

test('own: an error says whether another attempt is of use, and what was spent', async () => {
  for (const [retryable, attempts] of [[true, 3], [false, 1]]) {
    const budgetState = { total: null, spent: 0 }
    const agentProvider = own(async () => {
      throw Object.assign(new Error('no'), { retryable, usage: { outputTokens: 5 } })
    })
    const run = await call('x', { retry: { maxAttempts: 3 } }, { agentProvider, budgetState })
    assert.deepEqual([run.ended.attempts, budgetState.spent], [attempts, 5 * attempts])
  }
})

// --- what agents do --------------------------------------------------------------------------------------------------

each('what the agent does is told while it works', async (t, kind) => {
  const agentProvider = kind.create({ command: program(t, kind, `${WORK}\nwork(); answer('done')`), cwd: folder(t, {}) })
  const run = await call('x', {}, { agentProvider })
  const told = run.of('call.progress').map(({ progress }) => progress)
  assert.deepEqual(told[0], { kind: 'session', id: 's-1' })
  assert.ok(told.some((it) => it.kind === 'text' && it.text === 'looking'), JSON.stringify(told))
  const tool = told.find((it) => it.kind === 'toolUse')
  assert.deepEqual([tool.name.toLowerCase().replace('command_execution', 'bash'), tool.summary], ['bash', 'ls'])
  // Everything about a call comes before its end.
  assert.equal(run.events.findLastIndex(({ type }) => type === 'call.progress') < run.events.indexOf(run.ended), true)
})

test('own: a provider reports what its agent does', async () => {
  const progress = [{ kind: 'text', text: 'x'.repeat(3000) }, { kind: 'toolUse', name: 'Bash', summary: 'ls' }, { kind: 'usage', usage: { outputTokens: 1 } }]
  const agentProvider = own(async ({ context }) => {
    assert.deepEqual(Object.keys(context), ['phase', 'key'])
    for (const one of progress) context.report(one)
    for (const wrong of [{ kind: 'song' }, { kind: 'text' }, null, 5]) assert.throws(() => context.report(wrong), TypeError)
    return { output: 1 }
  })
  const run = await call('x', {}, { agentProvider })
  assert.equal(run.value, 1, String(run.error))
  const told = run.of('call.progress').map(({ progress }) => progress)
  assert.deepEqual(told.slice(1), progress.slice(1))
  assert.ok(told[0].text.length <= 2001)
})

test('in a durable run, what is not in the journal has no number of its own', async (t) => {
  const engine = createEngine({ store: join(folder(t, {}), 'runs.db') })
  t.after(() => engine.close())
  const agentProvider = own(async ({ context }) => {
    for (let count = 0; count < 3; count++) context.report({ kind: 'text', text: 'x' })
    return { output: 1 }
  })
  const told = []
  const source = script("export default async () => { await agent('a'); return agent('b') }")
  const run = await engine.run({ source }, { runId: 'r', agentProvider, onEvent: (event) => told.push(event) })
  assert.equal(await run.result, 1)
  const written = []
  for await (const { seq, type } of engine.events('r')) written.push(`${seq} ${type}`)
  const isReport = ({ type }) => type === 'call.progress'
  assert.equal(told.filter(isReport).length, 6)
  assert.deepEqual(told.filter((event) => !isReport(event)).map(({ seq, type }) => `${seq} ${type}`), written)
  // What is written is told when it is, so that a report may come before all of it.
  told.forEach((event, index) => isReport(event) && assert.equal(event.seq, told[index - 1]?.seq ?? 0))
})

test('a flood of reports is bounded and counted', async () => {
  const agentProvider = own(async ({ context }) => {
    for (let count = 0; count < 20_000; count++) context.report({ kind: 'text', text: 'x' })
    return { output: 1 }
  })
  const run = await call('x', {}, { agentProvider })
  const told = run.of('call.progress').length
  const lost = run.of('warning').filter(({ code }) => code === 'WARN_PROGRESS_DROPPED')
  const count = lost.length === 0 ? 0 : Number.parseInt(lost[0].message, 10)
  assert.equal(told + count, 20_000)
  assert.equal(run.events.at(-1).type, 'run.completed')
})

// --- worktrees -------------------------------------------------------------------------------------------------------

const git = (cwd, ...args) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()

/** A repository with one commit. */
function repository(t) {
  const path = realpathSync(folder(t, { 'a.txt': 'one\n' }))
  git(path, 'init', '--quiet', '--initial-branch=main')
  git(path, 'add', '.')
  git(path, 'commit', '--quiet', '--message=first')
  return path
}

const WRITE = `writeFileSync('new.txt', 'by ' + KIND + '\\n'); answer(process.cwd())`

each('a worktree of its own', async (t, kind) => {
  const cwd = repository(t)
  const agentProvider = kind.create({ command: program(t, kind, WRITE) })
  const run = await call('x', { isolation: 'worktree', label: 'Fix it' }, { agentProvider, cwd })
  assert.equal(run.status, 'fulfilled', String(run.error))
  assert.ok(run.value.startsWith(join(cwd, '.smol', 'worktrees')), run.value)
  const { outcome, branch, commits, filesChanged } = run.ended.worktree
  assert.deepEqual([outcome, commits, filesChanged], ['kept', 1, 1])
  assert.match(branch, /^smol\/run-\d+\/0-fix-it$/)
  assert.equal(git(cwd, 'show', `${branch}:new.txt`), `by ${kind.name}`)
  assert.ok(!existsSync(run.value) && !existsSync(join(cwd, 'new.txt')))
  assert.equal(git(cwd, 'status', '--porcelain'), '')
})

test('what becomes of a worktree is for the call, else the run, to say', { skip: windows }, async (t) => {
  const kind = KINDS[0]
  const cwd = repository(t)
  const agentProvider = kind.create({ command: program(t, kind, WRITE) })
  const merged = await call('x', { isolation: 'worktree' }, { agentProvider, cwd, worktree: { merge: 'ff' } })
  assert.deepEqual([merged.ended.worktree.outcome, merged.ended.worktree.into], ['merged', 'main'])
  assert.equal(readFileSync(join(cwd, 'new.txt'), 'utf8'), 'by claude-code\n')
  writeFileSync(join(cwd, 'a.txt'), 'changed\n')
  const looked = kind.create({ command: program(t, kind, "answer(readFileSync('a.txt', 'utf8'))") })
  const options = { isolation: 'worktree', worktree: { uncommitted: true } }
  const run = await call('x', options, { agentProvider: looked, cwd })
  assert.equal(run.value.trim(), 'changed', String(run.error))
  assert.deepEqual(run.ended.worktree, { outcome: 'unchanged' })
})

test('attempts of one call share a worktree', { skip: windows }, async (t) => {
  const kind = KINDS[1]
  const cwd = repository(t)
  const text = `${COUNT}
    if (attempt === 1) { process.stderr.write('connection error'); process.exitCode = 1 } else answer(String(attempt))`
  const run = await call('x', { isolation: 'worktree', retry: {} }, { agentProvider: kind.create({ command: program(t, kind, text) }), cwd })
  assert.equal(run.value, '2')
  assert.equal(git(cwd, 'show', `${run.ended.worktree.branch}:attempts`), '2')
})

test('an answer is not asked for again because its worktree was being closed', { skip: windows }, async (t) => {
  const kind = KINDS[0]
  const cwd = repository(t)
  const path = folder(t, {})
  const asked = join(path, 'asked')
  const command = program(t, kind, `require('node:fs').appendFileSync(${JSON.stringify(asked)}, 'x'); ${WRITE}`)
  const source = script("export default async () => [await agent('x', { isolation: 'worktree', label: 'Fix it' }), await agent('y')]")
  // The answer is written down in the moment in which git is asked for the first time what has changed.
  const child = `import { createEngine } from '@smol-workflow/engine'
    import { ${kind.create.name} } from '@smol-workflow/engine/agent-providers'
    const engine = createEngine({ store: ${JSON.stringify(join(path, 'runs.db'))} })
    const agentProvider = ${kind.create.name}({ command: ${JSON.stringify(command)} })
    const run = await engine.run({ source: ${JSON.stringify(source)} }, { runId: 'r', agentProvider, cwd: ${JSON.stringify(cwd)} })
    for await (const { type } of run.events()) if (type === 'call.attempted') process.kill(process.pid, 'SIGKILL')`
  const killed = await node(['--input-type=module', '-e', child], { cwd: root })
  assert.equal(killed.signal, 'SIGKILL', killed.stderr)
  assert.equal(readFileSync(asked, 'utf8'), 'x')
  const engine = createEngine({ store: join(path, 'runs.db') })
  t.after(() => engine.close())
  const agentProvider = kind.create({ command: program(t, kind, "answer('second')") })
  const run = await engine.resume('r', { agentProvider, cwd })
  const events = []
  for await (const event of run.events({ from: 1 })) events.push(event)
  const [answer, second] = await run.result
  assert.ok(answer.startsWith(join(cwd, '.smol', 'worktrees')), answer)
  assert.equal(second, 'second')
  assert.equal(readFileSync(asked, 'utf8'), 'x')
  const of = (type) => events.filter((event) => event.type === type && event.call === 0)
  assert.deepEqual([of('call.started').length, of('call.ended').length], [1, 1])
  const { worktree } = of('call.ended')[0]
  // What had been done by then of closing it was done, and the rest is.
  const branch = worktree?.branch ?? git(cwd, 'branch', '--list', 'smol/r/*', '--format=%(refname:short)')
  assert.equal(git(cwd, 'show', `${branch}:new.txt`), 'by claude-code')
  assert.ok(!existsSync(answer))
})

test('calls that can have no worktree fail, and the others go on', { skip: windows }, async (t) => {
  const kind = KINDS[0]
  const cwd = folder(t, {})
  const agentProvider = kind.create({ command: program(t, kind, "answer('fine')") })
  const source = `export const meta = { name: 'n', description: 'd' }
    return [await agent('a', { isolation: 'worktree' }), await agent('b')]`
  const events = []
  assert.deepEqual(await runWorkflow({ source, agentProvider, cwd, onEvent: (event) => events.push(event) }), [null, 'fine'])
  const { error } = events.find(({ type }) => type === 'call.ended')
  assert.equal(error.code, 'ERR_WORKTREE')
  assert.ok(error.message.includes(cwd), error.message)
  for (const [options, message] of [
    [{ isolation: 'worktree', worktree: { keep: 'perhaps' } }, /worktree\.keep: unknown variant `perhaps`/],
    [{ worktree: {} }, /option worktree does nothing without isolation/],
    [{ isolation: 'worktree', worktree: { keep: 'never', merge: 'ff' } }, /merge cannot go with keep: 'never'/],
  ]) {
    const run = await call('x', options, { agentProvider, cwd })
    assert.match(run.reason.message, message)
  }
  await assert.rejects(runWorkflow({ source, worktree: { keep: 'perhaps' } }), { code: 'ERR_INVALID_OPTION' })
})

test('what a cancelled call has done is put in order by the next run', { skip: windows }, async (t) => {
  const kind = KINDS[0]
  const cwd = repository(t)
  const abort = new AbortController()
  // It has its session, so it has written its file.
  const text = `${WORK}\nwriteFileSync('half.txt', 'half\\n'); work(); process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1 << 30)`
  const first = await call('x', { isolation: 'worktree', label: 'half' }, {
    agentProvider: kind.create({ command: program(t, kind, text) }),
    cwd,
    signal: abort.signal,
    onEvent: ({ type }) => type === 'call.progress' && abort.abort(),
  })
  assert.equal(first.status, 'rejected')
  const second = await call('x', { isolation: 'worktree' }, { agentProvider: kind.create({ command: program(t, kind, "answer('fine')") }), cwd })
  assert.equal(second.value, 'fine', String(second.error))
  const [warning] = second.of('warning')
  assert.equal(warning.code, 'WARN_WORKTREE')
  const branch = /is on the branch (\S+)$/.exec(warning.message)[1]
  assert.equal(git(cwd, 'show', `${branch}:half.txt`), 'half')
})

test('own: worktrees are for providers that ask for them', async (t) => {
  const cwd = repository(t)
  for (const worktrees of [true, false]) {
    const agentProvider = own(
      async ({ options, context }) => {
        assert.equal(options.isolation, 'worktree')
        if (context.cwd !== undefined) writeFileSync(join(context.cwd, 'own.txt'), 'own\n')
        return { output: context.cwd ?? null }
      },
      { worktrees },
    )
    const run = await call('x', { isolation: 'worktree' }, { agentProvider, cwd })
    assert.equal(run.value !== null, worktrees)
    assert.equal(run.ended.worktree?.outcome, worktrees ? 'kept' : undefined)
  }
})

// --- names -----------------------------------------------------------------------------------------------------------

test('providers have the names that the host gives them', { skip: windows }, async (t) => {
  const [claude, codex] = KINDS
  const text = "answer(argv.includes('--fast') ? 'fast' : 'slow')"
  const command = program(t, codex, text)
  const providers = {
    codex: { command },
    fast: codex.create({ command, args: ['--fast'] }),
    mine: own(async ({ prompt }) => ({ output: `mine: ${prompt}` })),
  }
  const agentProvider = claude.create({ command: program(t, claude, "answer('claude')") })
  const source = script("export default async () => [await agent('x'), ...await Promise.all(['codex', 'fast', 'mine', 'debug'].map((provider) => agent('x', { provider })))]")
  assert.deepEqual(await runWorkflow({ source, agentProvider, providers }), ['claude', 'slow', 'fast', 'mine: x', 'echo: x'])
  // What the object for all calls says goes before the list.
  const run = await call('x', { provider: 'codex' }, { agentProvider: codex.create({ command, args: ['--fast'] }), providers: { codex: { command: 'no-such-program' } } })
  assert.equal(run.value, 'fast')
})

test('lists of providers that make no sense are refused', async () => {
  for (const [providers, message] of [
    [{ mine: {} }, /providers\.mine: must have a function run/],
    [{ codex: { comand: 'x' } }, /codex: comand: unknown field/],
    [{ mine: 5 }, /providers\.mine: must be a provider/],
  ]) {
    await assert.rejects(runWorkflow({ source: CALL, providers }), { code: 'ERR_INVALID_OPTION', message })
  }
})

test('own: calls run at once, and hear that nobody wants them any more', async () => {
  const abort = new AbortController()
  let open = 0
  const aborted = []
  const agentProvider = own(({ prompt, context }) => {
    if (++open === 50) abort.abort()
    return new Promise((_, reject) => {
      context.signal.addEventListener('abort', () => { aborted.push(prompt); reject(new Error('aborted')) })
    })
  })
  const source = script("export default () => parallel(Array.from({ length: 50 }, (_, i) => () => agent(String(i))))")
  await assert.rejects(runWorkflow({ source, agentProvider, signal: abort.signal }), { code: 'ERR_RUN_CANCELLED' })
  assert.equal(aborted.length, 50)
})
