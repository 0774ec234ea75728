// Durable runs whose host is killed while an agent is at work: the agent is ended before another one begins, and that one
// goes on in its session. The agents are stand-ins; the hosts are programs of their own.

import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createEngine } from '@smol-workflow/engine'

import { KINDS, program, watcher } from './agents-support.mjs'
import { folder, node, root, script } from './support.mjs'

const windows = process.platform === 'win32' && 'processes are ended by signals'
const notLinux = process.platform !== 'linux' && 'there is no guard'

/** Works for ever if it is asked for the first time, answers where it goes on. */
const AGENT = `
const asked = prompt()
const socket = announce({ asked })
const at = (object) => ({ sessionID: 's-1', messageID: 'm', ...object })
// Not before the test has heard of it: it may be ended in the moment in which it is heard to work.
socket.once('connect', () => (argv.includes('s-1') ? (answer('went on'), socket.end()) : work()))
function work() {
  if (KIND === 'claude-code') print(
    { type: 'system', subtype: 'init', session_id: 's-1' },
    { type: 'assistant', session_id: 's-1', message: { role: 'assistant', content: [{ type: 'text', text: 'working' }] } },
  )
  if (KIND === 'codex') print(
    { type: 'thread.started', thread_id: 's-1' },
    { type: 'turn.started' },
    { type: 'item.completed', item: { id: 'i', type: 'agent_message', text: 'working' } },
  )
  if (KIND === 'opencode') print(
    { type: 'step_start', sessionID: 's-1', part: at({ type: 'step-start' }) },
    { type: 'text', sessionID: 's-1', part: at({ type: 'text', text: 'working' }) },
  )
  if (KIND === 'pi') print(
    { type: 'session', version: 3, id: 's-1' },
    { type: 'message_update', assistantMessageEvent: { type: 'text_delta', contentIndex: 0, delta: 'working' } },
  )
  setInterval(() => {}, 1 << 30)
}
`
const DEAF = "process.on('SIGTERM', () => {})\n"

/** One life of run `r`: kills itself, and its guard if that is wanted, when the agent is at work. */
const LIFE = `
import { readdirSync, readFileSync } from 'node:fs'
import { createEngine } from '@smol-workflow/engine'
const { store, source, provider, options, guard } = JSON.parse(process.argv[1])
const engine = createEngine({ store })
const run = await engine.run({ source }, { runId: 'r', providers: { [provider]: options } })
run.result.catch(() => {})
for await (const { type } of run.events()) if (type === 'call.session') break
for (const pid of guard ? readdirSync('/proc').filter((name) => Number(name)) : []) {
  try {
    const parent = /^PPid:\\s+(\\d+)/m.exec(readFileSync('/proc/' + pid + '/status', 'utf8'))[1]
    const name = readFileSync('/proc/' + pid + '/cmdline', 'utf8')
    if (Number(parent) === process.pid && name.includes('smol-wf-guard')) process.kill(Number(pid), 'SIGKILL')
  } catch {}
}
process.kill(process.pid, 'SIGKILL')
`

/** A run whose first life was killed while its agent was at work. */
async function killed(t, kind, { deaf = false, cwd = root } = {}) {
  const path = folder(t, {})
  const watch = await watcher(t)
  const command = program(t, kind, `${deaf ? DEAF : ''}${AGENT}`)
  const store = join(path, 'runs.db')
  const source = script(`return await agent('do it', { provider: '${kind.name}' })`)
  const options = { command, env: watch.env, cwd }
  const life = { store, source, provider: kind.name, options, guard: deaf }
  const { signal, stderr } = await node(['--input-type=module', '-e', LIFE, JSON.stringify(life)], { cwd: root })
  assert.equal(signal, 'SIGKILL', stderr)
  const agent = await watch.next()
  agent.ended = false
  agent.over = agent.over.then(() => (agent.ended = true))
  t.after(() => {
    // Whatever a test that fails has left.
    try {
      if (!agent.ended) process.kill(agent.pid, 'SIGKILL')
    } catch {}
  })
  const engine = createEngine({ store })
  t.after(() => engine.close())
  const resume = (more) => engine.resume('r', { providers: { [kind.name]: { ...options, ...more } } })
  return { agent, engine, watch, resume }
}

async function events(engine) {
  const found = []
  for await (const event of engine.events('r')) found.push(event)
  return found
}

test('an agent that has outlived its host and the guard is ended before the next one begins', { skip: notLinux }, async (t) => {
  const { agent, engine, watch, resume } = await killed(t, KINDS[0], { deaf: true })
  process.kill(agent.pid, 0)
  assert.equal(agent.ended, false)
  const run = await resume()
  const next = await watch.next()
  assert.equal(agent.ended, true)
  assert.notEqual(next.pid, agent.pid)
  assert.equal(await run.result, 'went on')
  const told = await events(engine)
  const { code, message } = told.find(({ type }) => type === 'warning')
  assert.equal(code, 'WARN_AGENT_LEFT_BEHIND')
  assert.ok(message.endsWith(`: ${agent.pid}`), message)
  assert.deepEqual(
    told.map(({ type }) => type),
    ['run.started', 'call.started', 'call.session', 'run.resumed', 'warning', 'call.started', 'call.ended', 'run.completed'],
  )
})

test('a run that nobody owns is cancelled: its agent ends', { skip: notLinux }, async (t) => {
  const { agent, engine, resume } = await killed(t, KINDS[0], { deaf: true })
  assert.equal((await engine.cancel('r')).cancelRequested, 'user')
  await agent.over
  await assert.rejects((await resume()).result, { code: 'ERR_RUN_CANCELLED' })
})

test('the agent of an owner that has lost the run is ended, and the new one goes on', { skip: windows }, async (t) => {
  const path = folder(t, {})
  const watch = await watcher(t)
  const options = { command: program(t, KINDS[0], AGENT), env: watch.env }
  const providers = { 'claude-code': options }
  const [zombie, owner] = [0, 1].map(() => createEngine({ store: join(path, 'runs.db') }))
  t.after(() => Promise.all([zombie.close(), owner.close()]))
  const source = script("return await agent('do it', { provider: 'claude-code' })")
  const lost = await zombie.run({ source }, { runId: 'r', providers })
  for await (const { type } of lost.events()) if (type === 'call.session') break
  const agent = await watch.next()
  let ended = false
  agent.over.then(() => (ended = true))
  // As if the machine had slept: the others see nobody alive.
  for (const file of readdirSync(join(path, 'runs.db-owners'))) rmSync(join(path, 'runs.db-owners', file))
  const taken = await owner.resume('r', { providers })
  await watch.next()
  assert.equal(ended || process.platform !== 'linux', true)
  assert.equal(await taken.result, 'went on')
  await assert.rejects(lost.result, { code: 'ERR_RUN_LEASE_LOST' })
  await agent.over
})

for (const kind of KINDS) {
  test(`an attempt that was cut off is gone on with in its session: ${kind.name}`, { skip: windows }, async (t) => {
    const { agent, engine, watch, resume } = await killed(t, kind)
    assert.equal(agent.asked, 'do it')
    assert.equal(await (await resume()).result, 'went on')
    await agent.over
    const next = await watch.next()
    assert.match(next.asked, /^You were interrupted before you were done/)
    const starts = (await events(engine)).filter(({ type }) => type === 'call.started')
    assert.deepEqual(starts.map(({ attempt, continues }) => [attempt, continues]), [[1, undefined], [2, 's-1']])
    assert.equal(watch.unseen(), 0)
  })
}

test('a session of another folder is not gone on with', { skip: windows }, async (t) => {
  const { agent, engine, watch, resume } = await killed(t, KINDS[0])
  const run = await resume({ cwd: folder(t, {}) })
  const next = await watch.next()
  assert.equal(next.asked, 'do it')
  assert.equal(next.argv.includes('--resume'), false)
  await agent.over
  await engine.cancel('r')
  await assert.rejects(run.result, { code: 'ERR_RUN_CANCELLED' })
  const { error } = (await events(engine)).find(({ type }) => type === 'call.retrying')
  assert.equal(error.code, 'ERR_AGENT_SESSION')
  assert.match(error.message, /^session s-1 is one of claude-code in .*; the call now goes to claude-code in .*, and starts over$/)
})
