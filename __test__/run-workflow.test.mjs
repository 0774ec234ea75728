// runWorkflow on the built package: the original's contract, callbacks, cancelling.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { createAgentProvider, createDebugAgentProvider } from '../dist/agent-providers/index.js'
import { CancelledError, runWorkflow, WorkflowError } from '../dist/index.js'
import { folder, root } from './support.mjs'

const META = "export const meta = { name: 'test', description: 'd' }\n"

/** Runs a module whose default export is this expression. */
const run = (expression, options = {}) => runWorkflow({ source: `${META}export default ${expression}`, ...options })
/** Runs a body. */
const runBody = (code, options = {}) => runWorkflow({ source: `${META}if (!meta) return\n${code}`, ...options })

const rejection = (promise) => promise.then(() => assert.fail('did not reject'), (error) => error)

test('a script sees args, agent, parallel, log and phase', async (t) => {
  const logs = []
  const phases = []
  const dir = folder(t, {
    'flow.js': `${META}
      export default async (given, ctx) => {
        ctx.phase('Research')
        ctx.log('topic', given.topic, { deep: [1, { x: null }] })
        return { same: given === args, all: await ctx.parallel([() => agent('a'), () => ctx.agent('b')]) }
      }`,
  })
  const result = await runWorkflow({
    scriptPath: join(dir, 'flow.js'),
    args: { topic: 'bees' },
    onLog: (...values) => logs.push(values),
    onPhase: (...values) => phases.push(values),
  })
  assert.deepEqual(result, { same: true, all: ['echo: a', 'echo: b'] })
  assert.deepEqual(logs, [['topic', 'bees', { deep: [1, { x: null }] }]])
  assert.deepEqual(phases, [['Research', undefined]])
})

test('values are what JSON makes of them', async () => {
  assert.equal(await run('undefined'), undefined)
  assert.equal(await run('null'), null)
  assert.deepEqual(await run('[NaN, undefined, new Date(0), new Map(), () => 1]'), [null, null, '1970-01-01T00:00:00.000Z', {}, null])
  assert.deepEqual(await run('() => args', { args: { d: new Date(0), u: undefined, n: NaN } }), { d: '1970-01-01T00:00:00.000Z', n: null })
  assert.deepEqual(await run('() => args', { args: null }), {})
  assert.deepEqual(await run('() => args.length', { args: [1, 2] }), 2)
  assert.equal(await runBody('return typeof args'), 'undefined')
  assert.equal(await runBody('return typeof args', { args: 'text' }), 'string')
  const large = 'x'.repeat(5_000_000)
  assert.equal(await runBody('return args.length', { args: large }), large.length)
  await assert.rejects(run('1', { args: { n: 1n } }), /Do not know how to serialize a BigInt/)
})

test('mistakes of the caller are rejections, never exceptions', async () => {
  await assert.rejects(runWorkflow(), { name: 'TypeError' })
  await assert.rejects(runWorkflow({}), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  await assert.rejects(run('1', { maxParallelAgents: 0 }), { code: 'ERR_INVALID_OPTION', message: /maxParallelAgents/ })
  await assert.rejects(run('1', { maxParallelAgents: 1.5 }), { code: 'ERR_INVALID_OPTION' })
  await assert.rejects(run('1', { budgetMode: 'firm' }), { code: 'ERR_INVALID_OPTION', message: /"soft" or "hard", got "firm"/ })
  await assert.rejects(run('1', { maxParallelAgents: '3' }), { code: 'ERR_INVALID_OPTION', message: /maxParallelAgents: must be a number, got the string "3"/ })
  await assert.rejects(run('1', { onLog: 5 }), { code: 'ERR_INVALID_OPTION', message: /onLog: must be a function, got a value of type number/ })
  await assert.rejects(run('1', { budgetTotl: 3 }), { code: 'ERR_INVALID_OPTION', message: /budgetTotl: .* does not know this option; it knows scriptPath, args, .*budgetTotal/ })
  await assert.rejects(run('1', { limits: { cpu: 3 } }), { code: 'ERR_INVALID_OPTION', message: /limits\.cpu: .* it knows memoryBytes/ })
  await assert.rejects(run('1', { source: undefined }), { name: 'TypeError' })
  await assert.rejects(run('1', { limits: { stackBytes: 1 } }), { code: 'ERR_INVALID_OPTION', message: /limits\.stackBytes/ })
})

test('scripts without metadata or entry are refused', async (t) => {
  const dir = folder(t, { 'none.js': 'export default 1', 'entry.js': META })
  const path = (name) => ({ scriptPath: join(dir, name) })
  for (const name of ['none.js', 'missing.js', '.']) {
    await assert.rejects(runWorkflow(path(name)), /Workflow script must export valid literal metadata/)
  }
  await assert.rejects(runWorkflow(path('entry.js')), /Workflow script must default export a workflow result or function/)
})

test('a source that cannot be run says what is wrong with it, and where', async (t) => {
  const dir = folder(t, {
    'empty.js': '',
    'computed.js': "export const meta = { name: 'n', description: 'd', phases: [{ title: make() }] }\nreturn 1",
    'syntax.js': `${META}const a = 1\n  const b = = 2\nreturn a`,
    'imports.js': `${META}import fs from 'node:fs'\nexport default 1`,
    'typed.js': `${META}export default (a: string) => a`,
  })
  const failure = (name) => rejection(runWorkflow({ scriptPath: join(dir, name) }))
  assert.match((await failure('empty.js')).message, /^Workflow script must export valid literal metadata/)
  assert.match((await failure('computed.js')).message, /found a call expression at .*computed\.js:1:\d+ \(meta\.phases\[0\]\.title\)/)
  const syntax = await failure('syntax.js')
  assert.equal(syntax.code, 'ERR_SCRIPT_SYNTAX')
  assert.match(syntax.message, /^SyntaxError: .*syntax\.js:3:13\)\n3 \|   const b = = 2\n {16}\^$/)
  assert.deepEqual([syntax.details.line, syntax.details.column], [3, 13])
  const imports = await failure('imports.js')
  assert.equal(imports.code, 'ERR_SCRIPT_UNSUPPORTED')
  assert.match(imports.message, /cannot import 'node:fs'/)
  assert.match(imports.details.hint, /let an agent read files/)
  assert.match((await failure('typed.js')).details.hint, /name the file \.ts/)
})

test('a prompt need not be a string', async () => {
  assert.deepEqual(await run('Promise.all([agent(5), agent(["a"])])'), ['echo: 5', 'echo: a'])
  const seen = []
  await run('Promise.all([agent(5), agent({ a: 1 }), agent()])', { onAgent: (prompt) => void seen.push(prompt) })
  assert.deepEqual(seen, [5, { a: 1 }, undefined])
})

test('errors carry the script name, line, code and cause', async () => {
  const error = await rejection(run(`async () => {
  const inner = new TypeError('inner')
  throw new RangeError('boom', { cause: inner })
}`, { scriptName: 'mine.js' }))
  assert.ok(error instanceof WorkflowError && error instanceof Error)
  assert.equal(error.code, 'ERR_SCRIPT_FAILED')
  assert.match(error.message, /^RangeError: boom\n {4}at .*mine\.js:4:/)
  assert.equal(error.details.error.name, 'RangeError')
  assert.equal(error.cause.name, 'TypeError')
  assert.equal(error.cause.message, 'inner')
  assert.equal((await rejection(run('() => { throw "str" }'))).message, 'str')
  assert.equal((await rejection(run('() => new Promise(() => 0)'))).code, 'ERR_SCRIPT_STALLED')
})

test('onAgent answers every call, and a full result is told from a value', async () => {
  const seen = []
  const answers = { plain: 1, output: { output: 1 }, full: { output: 'o', usage: undefined }, list: [{ output: 1, raw: 2 }], none: undefined }
  const result = await run('() => Promise.all(args.map((name) => agent(name, { provider: "nobody", key: name })))', {
    args: Object.keys(answers),
    onAgent(prompt, options) {
      seen.push([prompt, options])
      return answers[prompt]
    },
  })
  assert.deepEqual(result, [1, { output: 1 }, 'o', [{ output: 1, raw: 2 }], null])
  assert.deepEqual(seen[0], ['plain', { provider: 'nobody', key: 'plain' }])
  let options = 'unset'
  await run('agent("p")', { onAgent: (_, given) => void (options = given) })
  assert.equal(options, undefined)
})

test('phase metadata gives calls their provider and model', async () => {
  const source = `export const meta = { name: 'n', description: 'd', phases: [{ title: 'A', model: 'm1', provider: 'p1' }, { title: 'B', provider: 'pb' }] }
    export default async () => {
      phase('A')
      await agent('inherited')
      await agent('explicit', { model: 'x', provider: 'y' })
      await agent('other', { phase: 'B' })
    }`
  const seen = []
  await runWorkflow({ source, onAgent: (prompt, options) => seen.push([prompt, options]) })
  assert.deepEqual(seen, [
    ['inherited', { phase: 'A', model: 'm1', provider: 'p1' }],
    ['explicit', { model: 'x', provider: 'y', phase: 'A' }],
    ['other', { phase: 'B', provider: 'pb' }],
  ])
})

test('a custom provider gets the call in its context', async () => {
  const inputs = []
  const agentProvider = {
    name: 'mine',
    async run(input) {
      inputs.push(input)
      return { output: `mine: ${input.prompt}`, usage: { outputTokens: 3.9 }, sessionId: 's' }
    },
  }
  const budgetState = { total: 10, spent: 1 }
  const events = []
  const result = await run('async () => [await agent("p", { phase: "P", key: "k" }), await agent("q", { provider: "debug" }), budget.spent()]', {
    agentProvider,
    budgetState,
    onEvent: (event) => events.push(event),
  })
  assert.deepEqual(result, ['mine: p', 'echo: q', 1 + 3 + 3])
  assert.deepEqual(inputs, [{ prompt: 'p', options: { phase: 'P', key: 'k' }, context: { phase: 'P', key: 'k' } }])
  assert.ok(inputs[0].context.signal instanceof AbortSignal)
  assert.deepEqual(budgetState, { total: 10, spent: 7 })
  assert.equal(events.find((event) => event.type === 'call.ended').sessionId, 's')
  assert.deepEqual(events.map((event) => event.seq), events.map((_, index) => index + 1))
  // Nothing to read a result from: V8's own words, as in the original.
  const nothing = await rejection(run('agent("p")', { agentProvider: { name: 'none', run: async () => undefined } }))
  assert.match(nothing.message, /Cannot read properties of undefined \(reading 'usage'\)/)
  await assert.rejects(run('agent("p", { provider: "nobody" })'), /Unknown agent provider: nobody/)
})

test('what a handler throws comes back as it was', async () => {
  class Mine extends Error {
    name = 'Mine'
    code = 'ERR_MINE'
  }
  const thrown = new Mine('no luck')
  for (const onAgent of [() => { throw thrown }, async () => { throw thrown }]) {
    const caught = await run('agent("p").catch((e) => ({ name: e.name, message: e.message, code: e.code, cause: e.cause.name }))', { onAgent })
    assert.deepEqual(caught, { name: 'Error', message: 'Mine: no luck', code: 'ERR_MINE', cause: 'Mine' })
    const error = await rejection(run('agent("p")', { onAgent }))
    assert.match(error.message, /^Error: Mine: no luck/)
    assert.equal(error.cause, thrown)
    const wrapped = await rejection(run('agent("p").catch((e) => { throw new Error("wrapped", { cause: e }) })', { onAgent }))
    assert.equal(wrapped.cause, thrown)
  }
  for (const odd of ['text', undefined, null, { toString() { throw new Error('no') } }]) {
    const error = await rejection(run('agent("p")', { onAgent: () => { throw odd } }))
    assert.equal(error.cause, odd)
  }
  const agentProvider = { name: 'x', run() { throw thrown } }
  assert.equal((await rejection(run('agent("p")', { agentProvider }))).cause, thrown)
  // A body gets null, and the reason is told.
  const events = []
  assert.equal(await runBody('return await agent("p", { label: "l" })', { onAgent() { throw thrown }, onEvent: (event) => events.push(event) }), null)
  const ended = events.find((event) => event.type === 'call.ended')
  assert.deepEqual([ended.outcome, ended.label, ended.error.message], ['failed', 'l', 'no luck'])
})

test('an exception of onLog, onPhase or onEvent rejects the run with it', async () => {
  for (const name of ['onLog', 'onPhase', 'onEvent']) {
    const thrown = new Error(`from ${name}`)
    let calls = 0
    const error = await rejection(
      run('async () => { log("a"); phase("b"); await agent("c"); log("d"); await agent("e") }', {
        [name]() {
          calls++
          throw thrown
        },
      }),
    )
    assert.equal(error.cause, thrown, name)
    assert.equal(error.code, 'ERR_CALLBACK_FAILED')
    assert.equal(calls, 1)
  }
})

test('so does a callback that rejects, and the process lives on', async () => {
  for (const name of ['onLog', 'onPhase', 'onEvent']) {
    const thrown = new Error(`from ${name}`)
    const error = await rejection(
      run('async () => { log("a"); phase("b"); await new Promise((r) => setTimeout(r, 3600000)) }', {
        [name]: async () => {
          throw thrown
        },
      }),
    )
    assert.equal(error.cause, thrown, name)
  }
  const late = await program(`
    const source = META + 'log(1); export default 2'
    console.log(await runWorkflow({ source, onLog: () => new Promise((_, reject) => setTimeout(reject, 50, new Error('late'))) }))`)
  assert.equal(late.status, 0)
  assert.match(late.output, /^2$/m)
  assert.match(late.output, /\[WARN_CALLBACK_FAILED\] WorkflowWarning: a callback rejected after the run was over: Error: late/)
})

test('callbacks keep their order', async () => {
  const order = []
  await run(`async () => {
    for (let i = 0; i < 50; i++) { log('l' + i); phase('p' + i); await agent('a' + i) }
  }`, {
    onLog: (text) => order.push(text),
    onPhase: (name) => order.push(name),
    onAgent: async (prompt) => void order.push(prompt),
  })
  assert.deepEqual(order, Array.from({ length: 50 }, (_, i) => [`l${i}`, `p${i}`, `a${i}`]).flat())
})

test('schemas are held against the output, with one retry', async () => {
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
  const prompts = []
  const answers = [{}, { n: 1 }]
  const onAgent = (prompt) => {
    prompts.push(prompt)
    return { output: answers[prompts.length - 1], usage: { outputTokens: 5 } }
  }
  const budgetState = { total: null, spent: 0 }
  assert.deepEqual(await run('() => agent("p", args)', { args: { schema }, onAgent, budgetState }), { n: 1 })
  assert.equal(prompts.length, 2)
  assert.match(prompts[1], /^p\n\nPrevious structured output failed JSON Schema validation\.\n.*\nValidation errors:\n- \/ must have required property 'n'$/s)
  assert.equal(budgetState.spent, 10)
  const error = await rejection(run('() => agent("p", args)', { args: { schema }, onAgent: () => ({}) }))
  assert.match(error.message, /^Error: Error: Structured output did not match JSON Schema: \/ must have required property 'n'/)
  assert.match((await rejection(run('agent("p", { schema: { type: "nonsense" } })', { onAgent: () => assert.fail('asked') }))).message, /schema is invalid/)
})

test('the budget is shared with children', async (t) => {
  const dir = folder(t, {
    'parent.js': `${META}export default async () => {
      const seen = [budget.total, budget.spent()]
      await agent('a')
      seen.push(budget.spent(), await workflow({ scriptPath: './child.js' }), budget.spent())
      return seen
    }`,
    'child.js': `${META}export default async () => { const before = budget.spent(); await agent('b'); return [before, budget.spent()] }`,
    'nested.js': `${META}export default () => workflow({ scriptPath: './parent.js' })`,
  })
  const options = { budgetTotal: 50, onAgent: () => ({ output: 1, usage: { outputTokens: 7 } }) }
  assert.deepEqual(await runWorkflow({ scriptPath: join(dir, 'parent.js'), ...options }), [50, 0, 7, [7, 14], 14])
  await assert.rejects(runWorkflow({ scriptPath: join(dir, 'nested.js'), ...options }), /Nested workflow\(\) calls are limited to one level/)
  assert.deepEqual(await runWorkflow({ scriptPath: join(dir, 'nested.js'), maxDepth: 2, ...options }), [50, 0, 7, [7, 14], 14])
})

test('children are found by name in the project', async (t) => {
  const dir = folder(t, {
    '.claude/workflows/one.js': "export const meta = { name: 'first', description: 'd' }\nreturn ['one', args]",
    '.smol/workflows/two.js': "export const meta = { name: 'second', description: 'd' }\nexport default () => ['two', args]",
    'flow.js': `${META}return [await workflow('first', 'verbatim'), await workflow('second', { n: 1 })]`,
  })
  const result = await runWorkflow({ scriptPath: join(dir, 'flow.js'), cwd: dir })
  assert.deepEqual(result, [['one', 'verbatim'], ['two', { n: 1 }]])
  await assert.rejects(run('workflow("third")', { cwd: dir }), /Unknown workflow: third/)
})

test('TypeScript runs, by the name of the file or of the source', async (t) => {
  const typed = 'type A = { n: number }\nexport default (args: A): number => args.n as number'
  const dir = folder(t, {
    'flow.ts': META + typed,
    'named.mts': META + typed,
    'throws.ts': `${META}interface A {}\nexport default (a?: A): never => { throw new RangeError('late') }`,
    'parent.js': `${META}return await workflow({ scriptPath: './flow.ts' }, { n: 2 })`,
  })
  for (const name of ['flow.ts', 'named.mts']) {
    assert.equal(await runWorkflow({ scriptPath: join(dir, name), args: { n: 1 } }), 1)
  }
  assert.equal(await runWorkflow({ scriptPath: join(dir, 'parent.js') }), 2)
  assert.equal(await runWorkflow({ source: META + typed, scriptName: 'x.ts', args: { n: 3 } }), 3)
  assert.match((await rejection(runWorkflow({ source: META + typed }))).details.hint, /name the file \.ts/)
  const thrown = await rejection(runWorkflow({ scriptPath: join(dir, 'throws.ts') }))
  assert.match(thrown.message, /^RangeError: late\n.*throws\.ts:3:4\d\)/)
})

test('helpers are imported where that is allowed', async (t) => {
  const dir = folder(t, {
    'secret.js': 'export default 1',
    'flows/flow.js': `import { double } from './lib/double.ts'\n${META}export default async (args) => double(args.n)`,
    'flows/lib/double.ts': 'export const double = (n: number): number => n * 2',
    'flows/outside.js': `import secret from '../secret.js'\n${META}export default secret`,
    'flows/parent.js': `${META}return await workflow({ scriptPath: './flow.js' }, { n: 4 })`,
  })
  const flow = (name, options) => runWorkflow({ scriptPath: join(dir, 'flows', name), args: { n: 3 }, ...options })
  assert.equal(await flow('flow.js', { imports: 'relative' }), 6)
  assert.equal(await flow('parent.js', { imports: 'relative' }), 8)
  for (const imports of [undefined, 'none']) {
    const refused = await rejection(flow('flow.js', { imports }))
    assert.equal(refused.code, 'ERR_SCRIPT_UNSUPPORTED')
    assert.match(refused.details.hint, /imports: 'relative'/)
  }
  const outside = await rejection(flow('outside.js', { imports: 'relative' }))
  assert.equal(outside.code, 'ERR_SCRIPT_IMPORT')
  assert.deepEqual([outside.details.line, outside.details.column], [1, 1])
  await assert.rejects(flow('flow.js', { imports: 'all' }), { code: 'ERR_INVALID_OPTION', message: /imports: must be "none" or "relative", got "all"/ })
})

test('an aborted signal cancels, whenever it was aborted', async () => {
  const reason = new Error('enough')
  let asked = 0
  const early = await rejection(run('agent("p")', { signal: AbortSignal.abort(reason), onAgent: () => void asked++ }))
  assert.ok(early instanceof CancelledError && early instanceof WorkflowError)
  assert.deepEqual([early.code, early.cause, asked], ['ERR_RUN_CANCELLED', reason, 0])

  const controller = new AbortController()
  let seen
  const order = []
  const late = await rejection(
    run('async () => { try { await agent("p") } finally { log("cleaned up") } }', {
      signal: controller.signal,
      onLog: (text) => order.push(text),
      agentProvider: {
        name: 'endless',
        run({ context }) {
          seen = context.signal
          seen.addEventListener('abort', () => order.push('aborted'))
          queueMicrotask(() => controller.abort(reason))
          return new Promise(() => {})
        },
      },
    }),
  )
  assert.deepEqual([late.code, late.cause, seen.aborted], ['ERR_RUN_CANCELLED', reason, true])
  assert.deepEqual(order.sort(), ['aborted', 'cleaned up'])

  const after = new AbortController()
  assert.equal(await run('1', { signal: after.signal }), 1)
  after.abort()
})

test('ten thousand calls at once, and their cancellation', async () => {
  const parallel = `() => parallel(Array.from({ length: 10000 }, (_, i) => () => agent('p' + i)))`
  let most = 0
  let now = 0
  const onAgent = async (prompt) => {
    most = Math.max(most, ++now)
    await null
    now--
    return prompt
  }
  assert.equal((await run(parallel, { onAgent })).at(-1), 'p9999')
  assert.equal((await run(parallel, { onAgent: (most = 0, now = 0, onAgent), maxParallelAgents: 3 })).length, 10000)
  assert.ok(most <= 3)
  const controller = new AbortController()
  let asked = 0
  const endless = () => {
    if (++asked === 10000) controller.abort()
    return new Promise(() => {})
  }
  assert.equal((await rejection(run(parallel, { onAgent: endless, signal: controller.signal }))).code, 'ERR_RUN_CANCELLED')
})

test('many runs at once keep apart', async () => {
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) => runBody('log(args); return (await agent("p" + args)) + budget.total', { args: i, budgetTotal: i + 1 })),
  )
  assert.deepEqual(results, Array.from({ length: 200 }, (_, i) => `echo: p${i}${i + 1}`))
})

test('the event loop stays free whatever a script does', async () => {
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  const error = await rejection(runBody('for (;;) {}', { limits: { cpuMs: 300 } }))
  clearInterval(timer)
  assert.equal(error.code, 'ERR_SCRIPT_CPU_LIMIT')
  assert.equal(error.details.limitMs, 300)
  assert.ok(ticks > 10, `${ticks} ticks`)
})

test('the debug provider object works on its own', async () => {
  const provider = createDebugAgentProvider()
  assert.deepEqual(Object.keys(provider), ['name', 'schemaMode', 'usageMode', 'run'])
  assert.deepEqual(await provider.run({ prompt: 'hello', context: {} }), {
    output: 'echo: hello',
    usage: { inputTokens: 2, outputTokens: 4, totalTokens: 6, cost: { input: 0, output: 0, total: 0, currency: 'USD' } },
    raw: { output: 'echo: hello' },
  })
  assert.throws(() => createAgentProvider('nobody'), /^Error: Unknown agent provider: nobody$/)
  assert.throws(() => createAgentProvider(null), /Unknown agent provider: null/)
})

/** Runs a program of its own that uses the package; resolves to its exit code and output. */
function program(code) {
  const entry = pathToFileURL(join(root, 'dist/index.js')).href
  const text = `import { runWorkflow } from ${JSON.stringify(entry)}\nconst META = ${JSON.stringify(META)}\n${code}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, output })))
}

test('a pending run keeps the process, a finished one does not', async () => {
  const waits = await program(`
    const source = META + 'export default () => new Promise((r) => setTimeout(() => r("waited"), 300))'
    console.log(await runWorkflow({ source }))`)
  assert.deepEqual(waits, { status: 0, signal: null, output: 'waited\n' })
  const leftover = await program(`
    const source = META + 'setTimeout(() => 0, 3600000); export default 1'
    console.log(await runWorkflow({ source }))`)
  assert.deepEqual(leftover, { status: 0, signal: null, output: '1\n' })
})

test('console goes to stderr, warnings become warnings', async () => {
  const { output } = await program(`
    const source = META + 'console.log("hello", { a: [1] }); agent("p", { colour: 1 }); export default agent("q")'
    await runWorkflow({ source })`)
  assert.match(output, /^hello \{ a: \[ 1 \] \}$/m)
  assert.match(output, /\[WARN_UNKNOWN_OPTION\] WorkflowWarning: agent\(\) does not know the option "colour"/)
})

test('a process may exit, and a worker may be terminated, in the middle of a run', async () => {
  const exits = await program(`
    runWorkflow({ source: META + 'export default () => { for (;;) {} }' })
    runWorkflow({ source: META + 'export default agent("p")', onAgent: () => setTimeout(() => process.exit(7), 50) && new Promise(() => {}) })`)
  assert.deepEqual(exits, { status: 7, signal: null, output: '' })
  const entry = pathToFileURL(join(root, 'dist/index.js')).href
  const worker = await program(`
    import { Worker } from 'node:worker_threads'
    const code = \`
      import { parentPort } from 'node:worker_threads'
      import(${JSON.stringify(entry)}).then(({ runWorkflow }) => {
        const source = \${JSON.stringify(META + 'export default parallel([() => agent("p"), () => { for (;;) {} }])')}
        runWorkflow({ source, onAgent: () => new Promise(() => {}) })
        parentPort.postMessage('running')
      })\`
    const worker = new Worker(code, { eval: true })
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    console.log(await runWorkflow({ source: META + 'export default 1' }))`)
  assert.deepEqual(worker, { status: 0, signal: null, output: '1\n' })
})
