// Structured answers of opencode come from a server: how it is started, asked, told to stop, and ended.

import assert from 'node:assert/strict'
import { realpathSync } from 'node:fs'
import { test } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'

import { KINDS, program, watcher } from './agents-support.mjs'
import { folder, script } from './support.mjs'

const kind = KINDS[2]
const skip = process.platform === 'win32' && 'the stand-ins are scripts with a first line for a POSIX system'
const SCHEMA = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }

/** A server that tells the test about every request. `routes` maps `METHOD /path` to a function of the body. */
const SERVER = `
const events = announce()
const serve = (routes) => {
  const server = require('node:http').createServer((request, response) => {
    let body = ''
    request.on('data', (part) => (body += part))
    request.on('end', () => {
      const url = new URL(request.url, 'http://x')
      const name = request.method + ' ' + url.pathname
      requests.push({ name, directory: url.searchParams.get('directory'), body: body && JSON.parse(body), type: request.headers['content-type'] })
      const route = routes[name]
      if (!route) return response.writeHead(404).end()
      route(response, requests)
    })
  })
  const requests = []
  server.listen(0, '127.0.0.1', () => console.log('opencode server listening on http://127.0.0.1:' + server.address().port))
}
const json = (value, status = 200) => (response) => response.writeHead(status).end(JSON.stringify(value))
const SESSION = { 'POST /session': json({ id: 'ses/1', title: 't' }) }
const MESSAGE = 'POST /session/ses%2F1/message'
const reply = (info) => ({ info: { id: 'm', sessionID: 'ses/1', role: 'assistant', ...info }, parts: [] })
`

const opencode = (t, text, options = {}) => kind.create({ command: program(t, kind, SERVER + text), ...options })
const ask = (provider, options = {}, context = {}) => provider.run({ prompt: 'hello', options: { schema: SCHEMA, ...options }, context })

test('the server is asked for a structured answer', { skip }, async (t) => {
  const watch = await watcher(t)
  const cwd = realpathSync(folder(t, {}))
  const provider = opencode(
    t,
    `const tokens = { input: 10, output: 4, reasoning: 0, cache: { read: 0, write: 0 } }
     serve({ ...SESSION, [MESSAGE]: (response, requests) => json(reply({ structured: { a: 1, requests, argv, cwd: process.cwd() }, tokens }))(response) })`,
    { env: watch.env, cwd, serverArgs: ['--flag'] },
  )
  const { output, sessionId, usage, raw } = await ask(provider, { model: 'p/m/x', agentType: 'build' })
  const started = await watch.next()
  assert.deepEqual(output.argv, ['serve', '--flag', '--hostname', '127.0.0.1', '--port', '0', '--pure'])
  assert.equal(output.cwd, cwd)
  const common = { directory: cwd, type: 'application/json' }
  assert.deepEqual(output.requests, [
    { name: 'POST /session', ...common, body: { title: 'smol-workflows structured output', agent: 'build' } },
    {
      name: 'POST /session/ses%2F1/message',
      ...common,
      body: {
        model: { providerID: 'p', modelID: 'm/x' },
        agent: 'build',
        parts: [{ type: 'text', text: 'hello' }],
        format: { type: 'json_schema', schema: SCHEMA, retryCount: 2 },
      },
    },
  ])
  assert.equal(sessionId, 'ses/1')
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [10, 4])
  assert.deepEqual(Object.keys(raw), ['session', 'response', 'serverLogs'])
  await started.over
})

test('what the session has cost is asked for', { skip }, async (t) => {
  const watch = await watcher(t)
  const provider = opencode(
    t,
    `const tokens = (output) => ({ input: 1, output, reasoning: 0, cache: { read: 0, write: 0 } })
     serve({ ...SESSION, [MESSAGE]: json(reply({ structured: { a: 1 }, tokens: tokens(2) })),
       'GET /session/ses%2F1': json({ id: 'ses/1', tokens: tokens(9) }) })`,
    { env: watch.env },
  )
  const budgetState = { total: null, spent: 0 }
  const source = script(`export default (args) => agent('x', args)`)
  assert.deepEqual(await runWorkflow({ source, args: { schema: SCHEMA }, agentProvider: provider, budgetState }), { a: 1 })
  assert.equal(budgetState.spent, 9)
  await (await watch.next()).over
})

test('what the server answers instead', { skip }, async (t) => {
  const watch = await watcher(t)
  for (const [text, message, code] of [
    ['serve({ ...SESSION, [MESSAGE]: json(reply({})) })', /^OpenCode structured-output response did not include a structured value$/, 'ERR_AGENT_BAD_OUTPUT'],
    ["serve({ 'POST /session': json({ a: 1 }) })", /^OpenCode create-session response did not include a session id: {"a":1}$/, 'ERR_AGENT_BAD_OUTPUT'],
    ["serve({ 'POST /session': json({ e: 1 }, 500) })", /^POST http:\/\/127\.0\.0\.1:\d+\/session\?directory=\S+ failed with 500: {"e":1}$/, 'ERR_AGENT_SERVER'],
    ["serve({ 'POST /session': (response) => response.end('<html>') })", /^Unexpected token '<', "<html>" is not valid JSON$/, 'ERR_AGENT_BAD_OUTPUT'],
    ["serve({ ...SESSION, [MESSAGE]: json(reply({ error: { name: 'ProviderAuthError', data: { message: 'no key' } } })) })", /no key/, 'ERR_AGENT_AUTH'],
    ["serve({ ...SESSION, [MESSAGE]: () => { process.stderr.write('out of luck'); process.exit(3) } })", /^OpenCode server exited with code 3: out of luck$/, 'ERR_AGENT_ENDED'],
    ["process.stderr.write('bad port'); process.exitCode = 4; events.end()", /^OpenCode server exited before it was ready with code 4: bad port$/, 'ERR_AGENT_ENDED'],
  ]) {
    await assert.rejects(ask(opencode(t, text, { env: watch.env })), { message, code })
    await (await watch.next()).over
  }
  const model = { message: 'OpenCode model must use provider/model form for structured output, got: m' }
  await assert.rejects(ask(opencode(t, ''), { model: 'm' }), model)
  await assert.rejects(ask(kind.create({ command: 'no-such-program' })), { message: 'spawn no-such-program ENOENT', code: 'ENOENT' })
})

test('a server that is not ready in time', { skip }, async (t) => {
  const watch = await watcher(t)
  const provider = opencode(t, "console.log('thinking')", { env: watch.env, serverStartupTimeoutMs: 1500 })
  await assert.rejects(ask(provider), { message: 'Timed out waiting for OpenCode server URL: thinking', code: 'ERR_AGENT_ENDED' })
  await (await watch.next()).over
})

/** A server that never answers, and one that tells when it was asked to stop. */
const HANGS = `
const other = (name) => announce({ name })
serve({
  ...SESSION,
  [MESSAGE]: () => other('asked'),
  'POST /session/ses%2F1/abort': (response) => other('told to stop').end(() => json(true)(response)),
  'GET /event': (response) => response.write('data: {}\\n\\n'),
})`

test('time limits, and an abort: the agent is told to stop, and the server ended', { skip }, async (t) => {
  const watch = await watcher(t)
  for (const [options, call, expected] of [
    [{ timeoutMs: 3000 }, {}, { message: 'OpenCode provider timed out after 3000ms', code: 'ERR_AGENT_TIMEOUT' }],
    [{}, { stallMs: 3000 }, { code: 'ERR_AGENT_STALLED' }],
    [{}, {}, { name: 'AbortError', code: 'ABORT_ERR' }],
  ]) {
    const controller = new AbortController()
    const provider = opencode(t, HANGS, { ...options, env: watch.env })
    const rejected = assert.rejects(ask(provider, call, { signal: controller.signal }), expected)
    const server = await watch.next()
    assert.equal((await watch.next()).name, 'asked')
    if (expected.name) controller.abort()
    await rejected
    assert.equal((await watch.next()).name, 'told to stop')
    await server.over
  }
})

test('a session of which something is heard has not stalled', { skip }, async (t) => {
  const watch = await watcher(t)
  const text = `
    serve({
      ...SESSION,
      [MESSAGE]: (response) => setTimeout(() => json(reply({ structured: { a: 1 } }))(response), 4000),
      'GET /event': (response) => setInterval(() => response.write('data: {"sessionID":"ses/1"}\\n\\n'), 100),
    })`
  const provider = opencode(t, text, { env: watch.env })
  assert.deepEqual((await ask(provider, { stallMs: 2000 })).output, { a: 1 })
})
