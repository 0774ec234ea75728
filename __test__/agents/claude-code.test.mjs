// Claude Code, from end to end.

import assert from 'node:assert/strict'

import { answered, common, failed, modelErrors, SCHEMA, suite } from './cases.mjs'
import { fake } from './worlds.mjs'

const it = suite('claude-code')

common('claude-code', {
  usage: {
    inputTokens: 101,
    outputTokens: 23,
    cacheReadTokens: 40,
    cacheWriteTokens: 17,
    totalTokens: 141,
    cost: { total: 0.000957, currency: 'USD' },
  },
  session: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  limitMs: 2000,
  // It exits with 1 here, and has answered all the same.
  readOnly: (result) => {
    answered(result, 'done')
    assert.equal(result.spent, 46)
  },
})

modelErrors('claude-code', {
  'a broken service': { reply: { error: { status: 500 } }, code: 'ERR_AGENT_SERVER', message: /API Error: 500/ },
  'an overloaded service': { reply: { error: { status: 529 } }, code: 'ERR_AGENT_OVERLOADED' },
  'a request that makes no sense': { reply: { error: { status: 400 } }, code: 'ERR_AGENT_FAILED', message: /fake error 400/ },
  'a prompt that is too long for the model': {
    reply: { error: { status: 400, message: 'prompt is too long: 300000 tokens > 200000 maximum' } },
    code: 'ERR_AGENT_PROMPT_TOO_LONG',
  },
  'a key that is refused': { reply: {}, key: 'bad-key', code: 'ERR_AGENT_AUTH' },
  'no key at all': {
    reply: {},
    key: null,
    code: 'ERR_AGENT_AUTH',
    message: /Not logged in/,
    check: ({ error, thrown }, { model }) => {
      assert.match(thrown.details.hint, /^log in: /)
      assert.equal(error.code, 'ERR_AGENT_AUTH')
      assert.equal(model.requests.length, 0)
    },
  },
  'a rate limit': { reply: { error: { status: 429, retry_after: 7 } }, code: 'ERR_AGENT_RATE_LIMITED' },
  'a model that the service does not have': {
    reply: { error: { status: 404, type: 'not_found_error', message: 'model: nothere' } },
    options: { model: 'nothere' },
    code: 'ERR_AGENT_UNKNOWN_MODEL',
  },
  'a connection that breaks off': { reply: { text: 'x'.repeat(200), drop_after: 4 }, code: 'ERR_AGENT_CONNECTION' },
  // It asks five times, and does not count the last one in what it says that they cost.
  'values that never fit': {
    reply: { structured: { name: 5 }, repeat: true },
    options: { schema: SCHEMA },
    code: 'ERR_AGENT_BAD_OUTPUT',
    spent: 4 * 23,
    check: (_, { model }) => assert.equal(model.requests.length, 5),
  },
  'words where a value was asked for': {
    reply: { text: 'words', repeat: true },
    options: { schema: SCHEMA },
    code: 'ERR_AGENT_BAD_OUTPUT',
    spent: 2 * 23,
  },
})

it('a model of a name that it does not know is asked for', async (w) => {
  answered(await w.ask(fake({ text: 'ok' }), { model: 'nothere' }), 'ok')
  assert.equal(w.model.requests[0].model, 'nothere')
})

it('a value that does not fit is asked for again by itself', async (w) => {
  const steps = [{ structured: { name: 5 } }, { structured: { name: 'x', n: 1 } }]
  const result = await w.ask(fake({ steps }), { schema: SCHEMA })
  answered(result, { name: 'x', n: 1 })
  assert.equal(result.ended.attempts, 1)
})

it('an array as the root of a schema', async (w) => {
  const schema = { type: 'array', items: { type: 'string' } }
  answered(await w.ask(fake({ structured: { value: ['a'] } }), { schema }), ['a'])
})

it('an empty answer', async (w) => {
  answered(await w.ask(fake({ text: '', repeat: true })), '')
})

// Of which it gives the last part only.
it('an answer that is cut off goes on', async (w) => {
  answered(await w.ask(fake({ steps: [{ text: 'one', stop: 'max_tokens' }, { text: 'two' }] })), 'two')
  assert.equal(w.model.requests.length, 2)
})

it('a silent model', async (w) => {
  const result = await w.ask(fake({ hang: true }), undefined, { provider: { stallMs: 2000 } })
  failed(result, 'ERR_AGENT_STALLED', /^Claude Code provider stalled: it said nothing for 2000ms$/)
})
