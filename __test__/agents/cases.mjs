// What every program is put through. A file per program says which cases apply to it and what they come to; the cases
// themselves are here, so that all programs are held to the same.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'

import { fake, skip, world } from './worlds.mjs'

/** A schema that all programs understand. */
export const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string' }, n: { type: 'number' } },
  required: ['name', 'n'],
  additionalProperties: false,
}

/** Long enough for the slowest machine and program; a case that needs longer hangs. */
const DEADLINE_MS = 120_000

/** A test for one program, in a world of its own. */
export function suite(name) {
  const options = { skip: skip(name), timeout: DEADLINE_MS }
  return (title, body, about) => test(`${name}: ${title}`, options, async (t) => body(await world(t, name, about), t))
}

/** What happens before a call is over. */
function first(happens, call) {
  const early = call.then(({ output, error }) => assert.fail(`it was over too early: ${error?.message ?? JSON.stringify(output)}`))
  return Promise.race([happens, early])
}

/** An answer was given, and this is it. */
export function answered(result, output) {
  assert.deepEqual([result.output, result.thrown?.message], [output, undefined])
}

/** The call failed, with this code and words. */
export function failed({ thrown, error, output }, code, message) {
  assert.ok(thrown, `it answered ${JSON.stringify(output)}`)
  assert.deepEqual({ code: error.code, message: error.message }, { code, message: error.message })
  if (message) assert.match(error.message, message)
}

/** All that the model was told. */
export const told = ({ model }) => model.requests.map(({ body }) => body).join('\n')

/** What all of them do alike; `facts` says where they differ. */
export function common(name, facts) {
  const it = suite(name)
  const structured = facts.structured ?? ((value) => ({ structured: value }))

  it('a text, what it cost, and its session', async (w) => {
    const result = await w.ask(`${fake({ text: 'an answer\n' })} please`)
    answered(result, 'an answer')
    const { usage, sessionId, attempts } = result.ended
    assert.deepEqual(usage, facts.usage)
    assert.match(sessionId, facts.session)
    assert.deepEqual([attempts, result.spent, w.model.requests.length], [1, facts.usage.outputTokens, 1])
  })

  it('a prompt of 200 KiB reaches the model as it is', async (w) => {
    const prompt = `${'ä🙂 "line" \\ <tag>\n'.repeat(10_000)}${fake({ text: 'long' })}`
    assert.ok(Buffer.byteLength(prompt) > 200 << 10)
    answered(await w.ask(prompt), 'long')
    // As the text of a JSON string, which is what it is part of there.
    assert.ok(told(w).includes(JSON.stringify(prompt).slice(1, -1)))
  })

  it('a structured answer', async (w) => {
    const result = await w.ask(fake({ ...structured({ name: 'x', n: 5 }) }), { schema: SCHEMA })
    answered(result, { name: 'x', n: 5 })
    assert.match(result.ended.sessionId, facts.session)
    assert.ok(result.spent >= 23)
  })

  it('a tool call writes a file, and every model call is paid for', async (w) => {
    const steps = [{ shell: 'echo written > made.txt' }, { text: 'done' }]
    const result = await w.ask(fake({ steps }), { permissions: 'full' })
    answered(result, 'done')
    assert.equal(readFileSync(join(w.project, 'made.txt'), 'utf8'), 'written\n')
    assert.equal(w.model.requests.length, 2)
    assert.equal(result.spent, facts.twoCalls ?? 2 * facts.usage.outputTokens)
  })

  it('what an agent type says reaches the model', async (w) => {
    answered(await w.ask(fake({ text: 'ok' }), { agentType: 'reviewer' }), 'ok')
    assert.ok(told(w).includes('Always mention pineapples.'))
  }, { project: { '.claude/agents/reviewer.md': REVIEWER } })

  it('another name for a model', async (w) => {
    const models = { fast: facts.model ?? 'fake-model-small' }
    answered(await w.ask(fake({ text: 'ok' }), { model: 'fast' }, { provider: { models } }), 'ok')
    assert.equal(w.model.requests[0].model, 'fake-model-small')
  })

  it('permissions of a reader do not let it write', async (w) => {
    const steps = [{ shell: 'echo written > made.txt' }, { text: 'done' }]
    const result = await w.ask(fake({ steps }), { permissions: 'read-only' })
    assert.equal(existsSync(join(w.project, 'made.txt')), false)
    facts.readOnly(result, w)
  })

  it('a time limit', async (w) => {
    const result = await w.ask(fake({ hang: true }), undefined, { provider: { timeoutMs: facts.limitMs } })
    failed(result, 'ERR_AGENT_TIMEOUT', new RegExp(`^${w.label} provider timed out after ${facts.limitMs}ms$`))
  })

  it('a rate limit that passes is waited for', async (w) => {
    const retry = { maxAttempts: 2, backoffMs: 1 }
    const result = await w.ask(fake({ error: { status: 429, retry_after: 0 }, times: 1, text: w.mark }), { retry })
    answered(result, w.mark)
    assert.deepEqual([result.ended.attempts, w.model.requests.length], [facts.retries ? 1 : 2, 2])
  })

  it('an empty prompt', async (w) => {
    const result = await w.ask('')
    failed(result, facts.emptyPrompt ?? 'ERR_AGENT_SETUP')
    assert.equal(w.model.requests.length, 0)
  })

  it('a command that is not there', async (w) => {
    const command = join(w.base, 'no-such-program')
    const { thrown, error } = await w.ask('x', undefined, { provider: { command } })
    assert.deepEqual([error.code, error.message], ['ENOENT', `spawn ${command} ENOENT`])
    assert.match(thrown.details.hint, new RegExp(`^there is no file ${command}`))
  })

  it('a call without a workflow', async (w) => {
    const { output, sessionId, raw } = await w.provider({ cwd: w.project }).run({ prompt: fake({ text: 'direct' }), context: {} })
    assert.equal(output, 'direct')
    assert.match(sessionId, facts.session)
    assert.equal(typeof raw, 'object')
  })

  it('an abort before the start asks nobody', async (w) => {
    const reason = new Error('mine')
    const { thrown } = await w.ask('x', undefined, { signal: AbortSignal.abort(reason) })
    assert.deepEqual([thrown.code, thrown.cause], ['ERR_RUN_CANCELLED', reason])
    assert.equal(w.model.requests.length, 0)
  })

  it('an abort while the model is silent', async (w) => {
    const controller = new AbortController()
    const call = w.ask(fake({ hang: true }), undefined, { signal: controller.signal })
    await first(w.model.next(), call)
    controller.abort()
    assert.equal((await call).thrown.code, 'ERR_RUN_CANCELLED')
  })

  aborts(name)
}

/** Aborts while a command runs. */
export function aborts(name, options = {}) {
  const how = options.schema ? ', with a schema' : ''
  suite(name)(`an abort while a command runs ends the command, wherever it has gone${how}`, async (w, t) => {
    const command = await holdingCommand(t)
    const controller = new AbortController()
    const prompt = fake({ shell: command.line })
    const call = w.ask(prompt, { permissions: 'full', ...options }, { signal: controller.signal })
    const { over } = await first(command.up, call)
    controller.abort()
    assert.equal((await call).thrown.code, 'ERR_RUN_CANCELLED')
    await over
  })
}

/** What the programs say of a model that fails. Each costs a start, so the slowest is spared some. */
export function modelErrors(name, table) {
  const it = suite(name)
  for (const [title, { reply, code, message, spent = 0, options, key, check }] of Object.entries(table)) {
    it(title, async (w) => {
      // Limits are waited for otherwise, for hours.
      const result = await w.ask(fake(reply), options, { provider: { maxWaitMs: 1 } })
      failed(result, code, message)
        assert.equal(result.spent, spent)
      check?.(result, w)
    }, { key })
  }
}

/** A definition of an agent type, `.claude/agents/reviewer.md`. */
export const REVIEWER = `---
name: reviewer
description: reviews
---

Always mention pineapples.
`

/**
 * A command that says when it runs, and goes on for ever in two sessions: its own, and another one that it starts.
 * `up` resolves to `{ over }`, a promise of the end of both.
 */
export async function holdingCommand(t) {
  const server = createServer()
  t.after(() => server.close())
  const up = new Promise((resolve) => {
    server.once('connection', (socket) => {
      // Both have the connection, so it closes when the last of them is gone.
      const over = new Promise((done) => socket.once('close', done))
      socket.on('error', () => {})
      // Not the promise itself, which whoever waits for this would wait for as well.
      socket.once('data', () => resolve({ over }))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const line = `exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; setsid sleep 1000 & echo up >&3; sleep 1000; echo late'`
  return { line, up }
}
