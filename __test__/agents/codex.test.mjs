// Codex, from end to end.

import assert from 'node:assert/strict'

import { answered, common, failed, modelErrors, SCHEMA, suite, told } from './cases.mjs'
import { fake } from './worlds.mjs'

const it = suite('codex')

common('codex', {
  // Its input counts what was read from the cache.
  usage: { inputTokens: 141, outputTokens: 23, cacheReadTokens: 40, cacheWriteTokens: 0, totalTokens: 164 },
  session: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  limitMs: 2000,
  readOnly: (result, w) => {
    answered(result, 'done')
    assert.match(told(w), /Read-only file system|Permission denied|not permitted/)
  },
})

modelErrors('codex', {
  'a broken service': { reply: { error: { status: 500 } }, code: 'ERR_AGENT_OVERLOADED', message: /high demand/ },
  'a request that makes no sense': { reply: { error: { status: 400 } }, code: 'ERR_AGENT_FAILED', message: /fake error 400/ },
  'a key that is refused': { reply: {}, key: 'bad-key', code: 'ERR_AGENT_AUTH' },
  'no key at all': {
    reply: {},
    key: null,
    code: 'ERR_AGENT_AUTH',
    check: ({ thrown }, { model }) => {
      assert.match(thrown.details.hint, /^log in: /)
      assert.equal(model.requests.length, 0)
    },
  },
  'a rate limit': { reply: { error: { status: 429, retry_after: 7 } }, code: 'ERR_AGENT_RATE_LIMITED' },
  'a model that the service does not have': {
    reply: { error: { status: 404, code: 'model_not_found', message: 'The model `nothere` does not exist' } },
    options: { model: 'nothere' },
    code: 'ERR_AGENT_UNKNOWN_MODEL',
  },
  'a connection that breaks off': { reply: { text: 'x'.repeat(200), drop_after: 4 }, code: 'ERR_AGENT_CONNECTION' },
  'an error in the middle of an answer': { reply: { text: 'x'.repeat(200), error_after: 4 }, code: 'ERR_AGENT_CONNECTION' },
  'an answer that is cut off': { reply: { text: 'x', stop: 'max_tokens' }, code: 'ERR_AGENT_CUT_OFF' },
  'words where a value was asked for': {
    reply: { text: 'words' },
    options: { schema: SCHEMA },
    code: 'ERR_AGENT_BAD_OUTPUT',
    spent: 23,
  },
})

it('a model of a name that it does not know is asked for', async (w) => {
  answered(await w.ask(fake({ text: 'ok' }), { model: 'nothere' }), 'ok')
  assert.equal(w.model.requests[0].model, 'nothere')
})

// It does not look at values itself, so the engine has them repaired, in the session that gave them.
it('a value that does not fit is asked for once more', async (w) => {
  const steps = [{ structured: { name: 'x', n: 'bad' } }, { structured: { name: 'x', n: 7 } }]
  const result = await w.ask(fake({ steps }), { schema: SCHEMA })
  answered(result, { name: 'x', n: 7 })
  assert.deepEqual([result.ended.attempts, result.spent, w.model.requests.length], [2, 46, 2])
  assert.match(told(w), /\/n must be number/)
})

it('values that never fit', async (w) => {
  const result = await w.ask(fake({ structured: { name: 'x', n: 'bad' }, repeat: true }), { schema: SCHEMA })
  failed(result, 'ERR_SCHEMA_MISMATCH', /\/n must be number/)
  assert.deepEqual([result.ended.attempts, result.spent], [2, 46])
})

it('an array as the root of a schema, for a service that takes objects only', async (w) => {
  const schema = { type: 'array', items: { type: 'string' } }
  answered(await w.ask(fake({ structured: ['a'] }), { schema }), ['a'])
})

it('an empty answer', async (w) => {
  answered(await w.ask(fake({ text: '' })), '')
})

it('an answer whose cost is not told', async (w) => {
  const result = await w.ask(fake({ text: 'free', usage: null }))
  answered(result, 'free')
  assert.equal(result.spent, 0)
})

it('what it says before a tool call is not the answer', async (w) => {
  const steps = [{ text: 'let me look', shell: 'true' }, { text: 'found' }]
  answered(await w.ask(fake({ steps }), { permissions: 'full' }), 'found')
})

it('a silent model', async (w) => {
  const result = await w.ask(fake({ hang: true }), undefined, { provider: { stallMs: 2000 } })
  failed(result, 'ERR_AGENT_STALLED', /^Codex provider stalled: it said nothing for 2000ms$/)
})
