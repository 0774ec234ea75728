// Pi, from end to end.

import assert from 'node:assert/strict'

import { answered, common, failed, modelErrors, SCHEMA, suite, told } from './cases.mjs'
import { fake } from './worlds.mjs'

const it = suite('pi')
const TOOL = 'smol_workflows_structured_output'
const call = (input) => ({ tool: { name: TOOL, input } })

common('pi', {
  usage: {
    inputTokens: 101,
    outputTokens: 23,
    cacheReadTokens: 40,
    cacheWriteTokens: 0,
    totalTokens: 164,
    cost: { input: 0.000101, output: 0.000046, cacheRead: 0.000019999999999999998, cacheWrite: 0, total: 0.000167 },
  },
  session: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  limitMs: 2000,
  structured: call,
  // It says nothing, and exits with 0.
  emptyPrompt: 'ERR_AGENT_ENDED',
  // It has no permissions; what a reader does not need is not there.
  readOnly: (result) => assert.match(result.output, /no shell tool offered; tools: read,grep,find,ls/),
})

modelErrors('pi', {
  'a broken service': { reply: { error: { status: 500 } }, code: 'ERR_AGENT_SERVER', message: /500/ },
  'a request that makes no sense': { reply: { error: { status: 400 } }, code: 'ERR_AGENT_FAILED', message: /fake error 400/ },
  'a key that is refused': {
    reply: {},
    key: 'bad-key',
    code: 'ERR_AGENT_AUTH',
    check: ({ thrown }) => assert.match(thrown.details.hint, /^log in: /),
  },
  'a rate limit': { reply: { error: { status: 429, retry_after: 7 } }, code: 'ERR_AGENT_RATE_LIMITED' },
  'a model that the service does not have': {
    reply: { error: { status: 404, code: 'model_not_found', message: 'The model `fake-model-small` does not exist' } },
    options: { model: 'fake-model-small' },
    code: 'ERR_AGENT_UNKNOWN_MODEL',
  },
  'a model that it does not know': {
    reply: {},
    options: { model: 'nothere' },
    code: 'ERR_AGENT_UNKNOWN_MODEL',
    message: /Model "nothere" not found/,
    check: (_, { model }) => assert.equal(model.requests.length, 0),
  },
  'a connection that breaks off': { reply: { text: 'x'.repeat(200), drop_after: 4 }, code: 'ERR_AGENT_CONNECTION' },
  'words where a value was asked for': {
    reply: { text: 'words' },
    options: { schema: SCHEMA },
    code: 'ERR_AGENT_BAD_OUTPUT',
    message: /did not call smol_workflows_structured_output/,
    spent: 23,
  },
})

it('a value that does not fit is asked for again by itself', async (w) => {
  const result = await w.ask(fake({ steps: [call({ name: 'x' }), call({ name: 'x', n: 1 })] }), { schema: SCHEMA })
  answered(result, { name: 'x', n: 1 })
  assert.deepEqual([result.ended.attempts, result.spent], [1, 46])
})

// What its tools cannot say about values, it does not look at; the engine has such values repaired.
it('a value that does not fit is asked for once more', async (w) => {
  const schema = { type: 'object', properties: { n: { type: 'number', not: { const: 5 } } }, required: ['n'] }
  const result = await w.ask(fake({ steps: [call({ n: 5 }), call({ n: 7 })] }), { schema })
  answered(result, { n: 7 })
  assert.deepEqual([result.ended.attempts, result.spent], [2, 46])
})

it('an empty answer', async (w) => {
  answered(await w.ask(fake({ text: '' })), '')
})

it('an answer that is cut off is given as it is', async (w) => {
  answered(await w.ask(fake({ text: 'one', stop: 'max_tokens' })), 'one')
})

it('an answer whose cost is not told', async (w) => {
  const result = await w.ask(fake({ text: 'free', usage: null }))
  answered(result, 'free')
  assert.equal(result.spent, 0)
})

it('an answer of 24 KB, of which it prints 50 MB', async (w) => {
  const text = '0123456789ab'.repeat(2000)
  answered(await w.ask(fake({ text })), text)
})

it('a silent model', async (w) => {
  const result = await w.ask(fake({ hang: true }), undefined, { provider: { stallMs: 2000 } })
  failed(result, 'ERR_AGENT_STALLED', /^Pi provider stalled: it said nothing for 2000ms$/)
})
