// The examples with real programs. The fake model gives every value the smallest shape that fits, so what comes out is
// known; that a program can be told of the schemas, and its answers be read, is what is tested.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'
import { generateDebugValueFromSchema } from '@smol-workflow/engine/agent-providers'

import { root } from '../support.mjs'
import { skip, world } from './worlds.mjs'

/** What stands in for the program, example by example. */
const TABLE = {
  codex: ['code-review.js', 'research.js', 'migration.js', 'budget-loop.js', 'release-notes.js', 'summarize.js'],
  'claude-code': ['code-review.js', 'migration.js', 'summarize.js'],
  pi: ['summarize.js'],
  opencode: ['summarize.js'],
}

const ARGS = { 'summarize.js': { text: 'a text' }, 'migration.js': { files: ['a.js'] } }

const EXPECTED = {
  'code-review.js': (result) => {
    assert.deepEqual([result.verdict, result.refuted], ['request changes', 0])
    const [{ title, votes, foundBy }] = result.findings
    assert.deepEqual([title, votes, foundBy.length], ['fake', '3 of 3', 4])
  },
  'research.js': (result) => {
    assert.deepEqual([result.sources, result.unanswered], [['fake'], 0])
    assert.match(result.answer, /^ECHO: Answer in at most 200 words/)
  },
  'migration.js': (result) => assert.deepEqual(result.migrated, ['a.js']),
  'budget-loop.js': (result) => {
    assert.deepEqual([result.rounds, result.tests], [3, ['fake', 'fake', 'fake']])
    assert.equal(result.spent, 4 * 23)
  },
  'release-notes.js': (result) => assert.deepEqual([result.changes, result.notes], [1, 'fake']),
  'summarize.js': (result) => assert.deepEqual(result, { headline: 'fake', summary: 'fake' }),
}

/** Has the model call the tool that pi gets for values, which the fake model does not know. */
function withTool(body) {
  const request = JSON.parse(body)
  const tool = request.tools?.find(({ function: { name } = {} }) => name === 'smol_workflows_structured_output')
  const last = request.messages?.at(-1)
  if (tool === undefined || last.role !== 'user') return body
  const input = JSON.parse(JSON.stringify(generateDebugValueFromSchema(tool.function.parameters)).replaceAll('debug-string', 'fake'))
  const directive = `<<FAKE ${JSON.stringify({ tool: { name: tool.function.name, input } })} FAKE>>`
  last.content = [...(typeof last.content === 'string' ? [{ type: 'text', text: last.content }] : last.content), { type: 'text', text: directive }]
  return JSON.stringify(request)
}

for (const [name, examples] of Object.entries(TABLE)) {
  for (const example of examples) {
    test(`${name}: ${example}`, { skip: skip(name), timeout: 120_000 }, async (t) => {
      const w = await world(t, name, { rewrite: name === 'pi' ? withTool : undefined })
      const calls = []
      const result = await runWorkflow({
        scriptPath: join(root, 'examples', example),
        args: ARGS[example],
        agentProvider: w.provider({ cwd: w.project }),
        cwd: join(root, 'examples'),
        // Programs start at once as fast as the machine is, which says nothing about them.
        maxParallelAgents: 4,
        onEvent: (event) => event.type === 'call.ended' && event.kind === 'agent' && calls.push(event),
      })
      EXPECTED[example](result)
      for (const call of calls) assert.equal(call.outcome, 'completed', call.error?.message)
      assert.ok(w.model.requests.length >= calls.length)
    })
  }
}
