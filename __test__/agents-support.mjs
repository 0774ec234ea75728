// Stand-ins for the programs of agents: small Node.js programs that do what a test says, and tell when they begin and end.

import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import {
  createClaudeCodeAgentProvider,
  createCodexAgentProvider,
  createOpenCodeAgentProvider,
  createPiAgentProvider,
} from '@smol-workflow/engine/agent-providers'

import { folder } from './support.mjs'

/** What all stand-ins can do. `KIND` is set before it. */
const PRELUDE = `
const { readFileSync, writeFileSync, mkdirSync, existsSync, statSync } = require('node:fs')
const { spawn } = require('node:child_process')
const argv = process.argv.slice(2)
const after = (flag) => argv[argv.indexOf(flag) + 1]
const stdin = () => readFileSync(0, 'utf8')
const print = (...events) => { for (const event of events) process.stdout.write(JSON.stringify(event) + '\\n') }
/** The prompt, however it came. */
const prompt = () => {
  const last = argv.at(-1)
  if (KIND === 'codex' || last === '--print' || last === 'json') return stdin()
  return KIND === 'pi' && last.startsWith('@') ? readFileSync(last.slice(1), 'utf8') : last
}
/** Answers with a text as the program does. */
const answer = (text) => {
  const usage = { input_tokens: 3, output_tokens: 2 }
  if (KIND === 'claude-code') print({ type: 'result', subtype: 'success', is_error: false, result: text, session_id: 's-1', usage })
  if (KIND === 'codex') {
    writeFileSync(after('--output-last-message'), text)
    print({ type: 'thread.started', thread_id: 's-1' }, { type: 'turn.started' }, { type: 'turn.completed', usage })
  }
  if (KIND === 'opencode') {
    const part = { sessionID: 's-1', messageID: 'm' }
    const tokens = { input: 3, output: 2, reasoning: 0, cache: { read: 0, write: 0 } }
    print(
      { type: 'step_start', sessionID: 's-1', part: { ...part, type: 'step-start' } },
      { type: 'text', sessionID: 's-1', part: { ...part, type: 'text', text } },
      { type: 'step_finish', sessionID: 's-1', part: { ...part, type: 'step-finish', reason: 'stop', tokens, cost: 0 } },
    )
  }
  if (KIND === 'pi') {
    const message = { role: 'assistant', content: [{ type: 'text', text }], usage: { input: 3, output: 2 }, stopReason: 'stop' }
    print({ type: 'session', id: 's-1' }, { type: 'message_end', message }, { type: 'agent_end', messages: [message] })
  }
}
/** Connects to the test, which sees by that that this process runs, and when it is over. */
const announce = (content = {}) => {
  const socket = require('node:net').connect(process.env.FAKE_PORT, '127.0.0.1')
  socket.write(JSON.stringify({ pid: process.pid, argv, ...content }) + '\\n')
  socket.on('error', () => {})
  return socket
}
const hang = () => { announce(); setInterval(() => {}, 1 << 30) }
`

/** The four providers. */
export const KINDS = [
  { name: 'claude-code', label: 'Claude Code', command: 'claude', create: createClaudeCodeAgentProvider },
  { name: 'codex', label: 'Codex', command: 'codex', create: createCodexAgentProvider },
  { name: 'opencode', label: 'OpenCode', command: 'opencode', create: createOpenCodeAgentProvider },
  { name: 'pi', label: 'Pi', command: 'pi', create: createPiAgentProvider },
]

/** Writes a stand-in for the program of a provider; its path. */
export function program(t, kind, text, path = folder(t, {})) {
  const file = join(path, kind.command)
  writeFileSync(file, `#!${process.execPath}\nconst KIND = ${JSON.stringify(kind.name)}\n${PRELUDE}\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

/** Hears of the processes that `announce` themselves. */
export async function watcher(t) {
  const waiting = []
  const arrived = []
  const server = createServer((socket) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', () => {})
    const over = new Promise((resolve) => socket.on('close', resolve))
    socket.on('data', (part) => {
      text += part
      if (!text.endsWith('\n')) return
      const seen = { ...JSON.parse(text), over, socket }
      const next = waiting.shift()
      if (next) next(seen)
      else arrived.push(seen)
    })
    socket.resume()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return {
    env: { FAKE_PORT: String(server.address().port) },
    /** The next process that has begun: what it said, and `over`, a promise of its end. */
    next: () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve))),
    /** How many have begun that nobody has asked for. */
    unseen: () => arrived.length,
  }
}
