// The examples, run as the README says: each under `debug` from the command line or the API, and where their logic
// branches, with answers that take the other branch.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'
import { generateDebugValueFromSchema } from '@smol-workflow/engine/agent-providers'

import { node, root, smolWf } from './support.mjs'

const examples = join(root, 'examples')

/** Runs an example: `{ result, phases, logs, calls }`, the calls being what agents were asked. */
async function run(name, { onAgent, ...options } = {}) {
  const seen = { phases: [], logs: [], calls: [] }
  seen.result = await runWorkflow({
    scriptPath: join(examples, name),
    cwd: examples,
    onPhase: (phase) => seen.phases.push(phase),
    onLog: (text) => seen.logs.push(text),
    onAgent: (prompt, options) => {
      seen.calls.push({ prompt, ...options })
      const made = options?.schema ? generateDebugValueFromSchema(options.schema) : `echo: ${prompt}`
      return onAgent ? onAgent(prompt, options, made) : made
    },
    ...options,
  })
  return seen
}

const labels = ({ calls }) => calls.map(({ label }) => label)

test('every example is tested here', () => {
  const found = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter((name) => /\.m?js$/.test(name))
  assert.deepEqual(found.map((name) => name.replaceAll('\\', '/')).sort(), [
    '.claude/workflows/house-style.js',
    'budget-loop.js',
    'code-review.js',
    'embed.mjs',
    'migration.js',
    'release-notes.js',
    'research.js',
    'summarize.js',
  ])
})

test('code-review on the command line, as the demo runs it', async () => {
  const { code, stdout, stderr } = await smolWf(['run', 'examples/code-review.js', '--agent-provider', 'debug'], {
    cwd: root,
  })
  assert.equal(code, 0, stderr)
  assert.deepEqual(stderr.trimEnd().split('\n'), [
    '[phase] Scope',
    '[log] main...HEAD: debug-string (1 file)',
    '[phase] Review',
    '[log] correctness: 1 finding',
    '[log] security: 1 finding',
    '[log] performance: 1 finding',
    '[log] tests: 1 finding',
    '[log] 1 finding after merging duplicates',
    '[phase] Verify',
    '[log] confirmed, 3 of 3: debug-string',
    '[phase] Report',
  ])
  const result = JSON.parse(stdout)
  assert.equal(result.verdict, 'request changes')
  assert.deepEqual(result.findings[0].foundBy, ['correctness', 'security', 'performance', 'tests'])
})

test('code-review drops what the skeptics refute, and lives with agents that fail', async () => {
  const finding = (title, line, severity) => ({ title, file: 'a.js', line, severity, explanation: 'e' })
  const seen = await run('code-review.js', {
    args: 'HEAD~3',
    onAgent: (prompt, { label }, made) => {
      if (label === 'review:security') throw new Error('no answer')
      if (label === 'review:correctness') return { findings: [finding('real', 1, 'low'), finding('Imagined', 2, 'high')] }
      if (label === 'review:tests') return { findings: [finding('imagined', 2, 'high')] }
      if (label === 'review:performance') return { findings: [] }
      // Two of three skeptics refute the imagined one, one skeptic of the real one fails.
      if (label === 'tester:a.js:1') throw new Error('no answer')
      if (label.endsWith(':a.js:2')) return { holds: label.startsWith('reader'), reason: label }
      return made
    },
  })
  assert.deepEqual(seen.phases, ['Scope', 'Review', 'Verify', 'Report'])
  assert.equal(seen.result.target, 'HEAD~3')
  assert.equal(seen.result.verdict, 'approve')
  assert.equal(seen.result.refuted, 1)
  assert.deepEqual(
    seen.result.findings.map(({ title, votes, foundBy }) => ({ title, votes, foundBy })),
    [{ title: 'real', votes: '2 of 2', foundBy: ['correctness'] }],
  )
  assert.ok(seen.logs.includes('security: no answer'))
  assert.ok(seen.logs.includes('refuted, 1 of 3: Imagined'))
  assert.equal(seen.calls.length, 1 + 4 + 2 * 3)
})

test('research checks every claim and survives a question that fails', async () => {
  const debug = await run('research.js')
  assert.deepEqual(debug.phases, ['Plan', 'Research', 'Answer'])
  assert.deepEqual(debug.result.sources, ['https://example.com/debug'])
  assert.equal(debug.result.unanswered, 0)
  assert.deepEqual(labels(debug), [undefined, 'read:1', 'read:2', 'check:1', 'check:2', undefined])

  const { result } = await run('research.js', {
    args: { question: 'q' },
    onAgent: (prompt, { label } = {}, made) => {
      if (label === 'check:1') return { supported: false }
      if (label === 'check:2') throw new Error('unreachable')
      return made
    },
  })
  // The plan's only question is the second; its check fails, so its claim counts as unsupported.
  assert.deepEqual({ sources: result.sources, unanswered: result.unanswered }, { sources: [], unanswered: 0 })
})

test('migration takes every file through its stages, and repairs a bounded number of times', async () => {
  const files = ['good.js', 'risky.js', 'broken.js', 'lost.js', 'mended.js']
  const fixed = new Set()
  const seen = await run('migration.js', {
    args: { from: 'a', to: 'b', files },
    onAgent: (prompt, { label, phase }, made) => {
      if (phase === 'Plan' && label === 'risky.js') return { steps: ['ask'], risk: 'leave it to a person' }
      if (phase === 'Plan' && label === 'lost.js') throw new Error('no plan')
      if (prompt.startsWith('Fix mended.js')) fixed.add(label)
      if (phase === 'Verify') {
        const passed = label === 'good.js' || fixed.has(label)
        return { passed, problems: passed ? [] : ['a test fails'] }
      }
      return made
    },
  })
  assert.deepEqual(seen.result, {
    from: 'a',
    to: 'b',
    migrated: ['good.js', 'mended.js'],
    left: ['risky.js'],
    broken: ['broken.js'],
    failed: ['lost.js'],
    details: [
      { file: 'risky.js', status: 'left', notes: ['ask'] },
      { file: 'broken.js', status: 'broken', repairs: 2, notes: ['a test fails'] },
    ],
  })
  assert.deepEqual(new Set(seen.calls.map(({ phase }) => phase)), new Set(['Plan', 'Change', 'Verify']))

  const found = await run('migration.js')
  assert.deepEqual(found.result, { from: 'moment', to: 'date-fns', migrated: ['debug-string'], details: [] })
  assert.equal(found.calls[0].phase, 'Find')
})

test('budget-loop stops before its budget does', async () => {
  for (const [total, rounds] of [
    [null, 3],
    [1000, 10],
    [100, 1],
  ]) {
    const budgetState = { total, spent: 0 }
    const seen = await run('budget-loop.js', {
      budgetState,
      onAgent: (prompt, options, made) => ({ output: made, usage: { outputTokens: options.schema ? 90 : 10 } }),
    })
    assert.equal(seen.result.rounds, rounds, `rounds with ${total}`)
    assert.equal(seen.result.spent, rounds * 90 + 10)
    assert.equal(budgetState.spent, seen.result.spent)
    assert.deepEqual(seen.phases, ['Work', 'Wrap up'])
  }
  const { code, stdout } = await smolWf(['run', 'examples/budget-loop.js', '--budget-allowance', '300'], { cwd: root })
  const result = JSON.parse(stdout)
  assert.equal(code, 0)
  assert.ok(result.rounds > 3 && result.spent <= 300, stdout)
})

test('release-notes runs one child by its path and one by its name', async () => {
  const inside = await smolWf(['run', 'release-notes.js', '--args-range', 'v1..v2'], { cwd: examples })
  assert.equal(inside.code, 0, inside.stderr)
  assert.deepEqual(JSON.parse(inside.stdout), { range: 'v1..v2', changes: 1, notes: 'debug-string' })

  const seen = await run('release-notes.js')
  assert.deepEqual(labels(seen), [undefined, 'summary for users', 'summary for operators', 'house style'])

  // Where nothing is called house-style, the notes stay as they are.
  const outside = await run('release-notes.js', { cwd: root })
  assert.equal(outside.result.notes, 'debug-string\ndebug-string\n\ndebug-string\ndebug-string')
  assert.match(outside.logs.at(-1), /no workflow called house-style/)
})

test('summarize needs a text', async () => {
  const { result } = await run('summarize.js', { args: { text: 't', audience: 'users' } })
  assert.deepEqual(result, { headline: 'debug-string', summary: 'debug-string' })
  await assert.rejects(run('summarize.js'), { code: 'ERR_SCRIPT_FAILED', message: /summarize needs the argument text/ })
})

test('embed.mjs uses a handler, a provider and a signal, and ends by itself', async () => {
  const { code, stdout, stderr } = await node([join(examples, 'embed.mjs')])
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    'a handler',
    '  asked: summary for developers, 100 characters',
    "  result: { headline: 'Faster', summary: 'Twice as fast, fewer bugs.' }",
    'a provider',
    '  phase: Scope',
    '  log: HEAD~1: debug-string (1 file)',
    '  phase: Review',
    '  log: correctness: 1 finding',
    '  log: security: 1 finding',
    '  log: 1 finding after merging duplicates',
    '  phase: Verify',
    '  log: confirmed, 3 of 3: debug-string',
    '  phase: Report',
    '  calls: { completed: 6 } tokens: 150',
    'a signal',
    '  log: cleaning up',
    '  cancelled: true ERR_RUN_CANCELLED (changed my mind)',
  ])
})
