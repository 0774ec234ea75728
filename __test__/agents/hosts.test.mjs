// The programs below whatever starts them: `smol-wf`, its configuration and its doctor, a host that is killed, a machine
// that lacks them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { PACKAGES } from '../../scripts/agent-clis.mjs'
import { linked } from '../linked.mjs'
import { cli, script, smolWf } from '../support.mjs'
import { holdingCommand } from './cases.mjs'
import { fake, isolated, KINDS, skip, survivors, world } from './worlds.mjs'

const NAMES = Object.keys(KINDS)

/** A test for each program that is there. */
function each(title, body, names = NAMES) {
  for (const name of names) {
    test(`${name}: ${title}`, { skip: skip(name), timeout: 120_000 }, async (t) => body(await world(t, name, { project: PROJECT }), t))
  }
}

const PROJECT = { 'w.mjs': script('export default ({ prompt }) => agent(prompt)') }

/** The environment of a machine where the program is set up as in this world. */
const configured = ({ name, env, settings }) => {
  const prefix = `SMOL_WF_${name.toUpperCase().replace('-', '_')}`
  const { command, subcommand, args } = settings
  // Subcommands of its own go after what starts it.
  const started = { codex: ['exec'], opencode: ['run'] }[name] ?? []
  return {
    ...env,
    [`${prefix}_COMMAND`]: command,
    [`${prefix}_SUBCOMMAND`]: JSON.stringify([...(subcommand ?? []), ...started]),
    ...(args && { [`${prefix}_ARGS`]: JSON.stringify(args) }),
  }
}

test('there is no way out of here', { skip: !isolated && 'this system makes no network namespace' }, () => {
  const addresses = Object.values(networkInterfaces()).flat().map(({ address }) => address)
  assert.deepEqual(new Set([...addresses, '127.0.0.1', '::1']), new Set(['127.0.0.1', '::1']))
})

each('smol-wf run, set up by variables', async (w) => {
  const args = ['run', 'w.mjs', '--agent-provider', w.name, '--args-prompt', fake({ text: 'an answer' })]
  const result = await smolWf(args, { cwd: w.project, env: configured(w) })
  assert.deepEqual(result, { code: 0, signal: null, stdout: '"an answer"\n', stderr: '' })
})

each('smol-wf run where the program is not to be found', async (w) => {
  const env = { ...w.env, PATH: join(w.base, 'nowhere') }
  const args = ['run', 'w.mjs', '--agent-provider', w.name, '--args-prompt', 'hello']
  const { code, stderr } = await smolWf(args, { cwd: w.project, env })
  assert.equal(code, 1)
  assert.match(stderr, /spawn \w+ ENOENT/)
  assert.match(stderr, new RegExp(`hint: there is no \\w+ in the folders of PATH \\(${w.base}/nowhere\\); install it with npm install --global `))
})

test('smol-wf doctor knows the versions', { skip: NAMES.map(skip).find(Boolean) ?? false, timeout: 120_000 }, async (t) => {
  const worlds = await Promise.all(NAMES.map((name) => world(t, name)))
  const env = Object.assign({}, ...worlds.map(configured), { SMOL_WF_PROVIDER: 'claude-code' })
  const { code, stdout } = await smolWf(['doctor', '--json'], { cwd: worlds[0].project, env })
  const { providers } = JSON.parse(stdout)
  assert.equal(code, 0, stdout)
  for (const name of NAMES) {
    assert.equal(providers.find((provider) => provider.name === name).version, PACKAGES[name].version)
  }
  // It sends nothing to a model.
  assert.deepEqual(worlds.map(({ model }) => model.requests.length), [0, 0, 0, 0])
})

/** Runs Node.js until it is over; `process` and `ended`, a promise of its code or signal. */
function start(args, options) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
  return { process: child, ended }
}

/** What happens before a host has ended. */
const before = (host, happens) => Promise.race([happens, host.ended.then((how) => assert.fail(`it ended early: ${how}`))])

// The slowest of them ends as it does at any abort.
each('Ctrl-C ends the program and its command', async (w, t) => {
  const command = await holdingCommand(t)
  const env = { ...process.env, ...configured(w), SMOL_WF_PERMISSIONS: 'full' }
  const args = [cli, 'run', 'w.mjs', '--agent-provider', w.name, '--args-prompt', fake({ shell: command.line })]
  const host = start(args, { cwd: w.project, env, stdio: 'ignore' })
  const { over } = await before(host, command.up)
  host.process.kill('SIGINT')
  assert.equal(await host.ended, 130)
  await over
}, NAMES.filter((name) => name !== 'opencode'))

const HOST = `
  import { runWorkflow } from '@smol-workflow/engine'
  import { createAgentProvider } from '@smol-workflow/engine/agent-providers'
  const { name, options, prompt, source, cwd } = JSON.parse(process.argv[2])
  await runWorkflow({ source, args: { prompt }, agentProvider: createAgentProvider(name, options), cwd })`

each('a host that is killed while a command runs leaves nothing behind', async (w, t) => {
  const command = await holdingCommand(t)
  const folder = linked(t, { 'host.mjs': HOST })
  const { env, ...settings } = w.settings
  const call = {
    name: w.name,
    options: { ...settings, ...KINDS[w.name].options, env, permissions: 'full' },
    prompt: fake({ shell: command.line }),
    source: PROJECT['w.mjs'],
    cwd: w.project,
  }
  const host = start([join(folder, 'host.mjs'), JSON.stringify(call)])
  const { over } = await before(host, command.up)
  host.process.kill('SIGKILL')
  assert.equal(await host.ended, 'SIGKILL')
  await over
  assert.deepEqual(await survivors(w.mark), [])
})
