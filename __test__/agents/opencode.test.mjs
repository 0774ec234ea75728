// OpenCode, from end to end. Each start costs it four seconds of a processor, so it goes through fewer cases than the
// others: text through its command line, values through its server.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { answered, aborts, failed, modelErrors, REVIEWER, SCHEMA, suite, told } from './cases.mjs'
import { fake } from './worlds.mjs'

const it = suite('opencode')
const SESSION = /^ses_\w+$/

it('a long text for an agent type and a model of another name, a tool call, what it cost, and its session', async (w) => {
  const steps = [{ shell: 'echo written > made.txt' }, { text: 'an answer\n' }]
  const prompt = `${'ä🙂 "line" \\ <tag>\n'.repeat(10_000)}${fake({ steps })}`
  const options = { model: 'fast', agentType: 'reviewer', permissions: 'full' }
  const result = await w.ask(prompt, options, { provider: { models: { fast: 'fake/fake-model-small' } } })
  answered(result, 'an answer')
  assert.equal(readFileSync(join(w.project, 'made.txt'), 'utf8'), 'written\n')
  assert.match(result.ended.sessionId, SESSION)
  // Two model calls, and what it adds up is output with its reasoning.
  const { cost, ...tokens } = result.ended.usage
  assert.deepEqual(tokens, { inputTokens: 202, outputTokens: 46, cacheReadTokens: 80, cacheWriteTokens: 0, totalTokens: 328 })
  assert.equal(result.spent, 46)
  assert.deepEqual(w.model.requests.map(({ model }) => model), ['fake-model-small', 'fake-model-small'])
  assert.ok(told(w).includes(JSON.stringify(prompt).slice(1, -1)))
  assert.ok(told(w).includes('Always mention pineapples.'))
}, { project: { '.claude/agents/reviewer.md': REVIEWER } })

it('permissions of a reader do not let it write', async (w) => {
  const steps = [{ shell: 'echo written > made.txt' }, { text: 'done' }]
  const result = await w.ask(fake({ steps }), { permissions: 'read-only' })
  assert.equal(existsSync(join(w.project, 'made.txt')), false)
  assert.match(result.output, /no shell tool offered/)
})

it('a structured answer, and what it cost', async (w) => {
  const result = await w.ask(fake({ structured: { name: 'x', n: 5 } }), { schema: SCHEMA })
  answered(result, { name: 'x', n: 5 })
  assert.match(result.ended.sessionId, SESSION)
  assert.equal(result.spent, 23 * w.model.requests.length)
})

// It says of a value that it is valid, and has not looked.
it('a value that does not fit is asked for once more', async (w) => {
  const steps = [{ structured: { name: 'x', n: 'bad' } }, { structured: { name: 'x', n: 7 } }]
  const result = await w.ask(fake({ steps }), { schema: SCHEMA })
  answered(result, { name: 'x', n: 7 })
  assert.equal(result.ended.attempts, 2)
})

modelErrors('opencode', {
  'a key that is refused, with a schema': { reply: {}, key: 'bad-key', options: { schema: SCHEMA }, code: 'ERR_AGENT_AUTH' },
  'a request that makes no sense': { reply: { error: { status: 400 } }, code: 'ERR_AGENT_FAILED', message: /fake error 400/ },
  // Of which it says nothing but in its log.
  'a model that it does not know': {
    reply: {},
    options: { model: 'fake/nothere' },
    code: 'ERR_AGENT_FAILED',
    message: /Check server logs/,
    check: (_, { model }) => assert.equal(model.requests.length, 0),
  },
})

// It tries again by itself.
it('a rate limit that passes is waited for, and an empty answer', async (w) => {
  const result = await w.ask(fake({ error: { status: 429, retry_after: 0 }, times: 1, text: '' }))
  answered(result, '')
  assert.deepEqual([result.ended.attempts, w.model.requests.length], [1, 2])
})

it('a time limit, with a schema', async (w) => {
  const result = await w.ask(fake({ hang: true }), { schema: SCHEMA, timeoutMs: 10_000 })
  failed(result, 'ERR_AGENT_TIMEOUT')
})

aborts('opencode')
aborts('opencode', { schema: SCHEMA })
