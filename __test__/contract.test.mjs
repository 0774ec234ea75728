// The contract of the original engine, row by row, through the built package. What differs on purpose stands in
// docs/differences.md; what is here is the same. Rows that other files of this folder or tests/it pin are not repeated.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'

import * as providers from '../dist/agent-providers/index.js'
import * as engine from '../dist/index.js'
import { folder, script, smolWf } from './support.mjs'

const { createAgentProvider, createDebugAgentProvider, generateDebugValueFromSchema } = providers
const { runWorkflow } = engine

const META = "export const meta = { name: 'test', description: 'd' }\n"

/** Runs a module whose default export is this expression. */
const run = (expression, options = {}) => runWorkflow({ source: `${META}export default ${expression}`, ...options })
const rejection = (promise) => promise.then((value) => assert.fail(`did not reject, but gave ${JSON.stringify(value)}`), (error) => error)
const firstLine = (text) => text.split('\n')[0]

const cycle = () => {
  const object = {}
  object.self = object
  return object
}

test('1: the entries export what they exported, and what is new', () => {
  assert.deepEqual(Object.keys(engine).sort(), ['CancelledError', 'WorkflowError', 'checkWorkflow', 'createEngine', 'formatLogValue', 'listWorkflows', 'loadConfig', 'runWorkflow'])
  for (const name of ['createAgentProvider', 'createDebugAgentProvider', 'generateDebugValueFromSchema']) {
    assert.equal(typeof providers[name], 'function', name)
  }
})

test('1.3: providers are made by name, exactly', () => {
  for (const make of [() => createAgentProvider(), () => createAgentProvider('debug', { command: 'no such thing' }), createDebugAgentProvider]) {
    const provider = make()
    assert.deepEqual(Object.entries(provider).map(([key, value]) => [key, typeof value === 'function' ? 'function' : value]), [
      ['name', 'debug'],
      ['schemaMode', 'builtin'],
      ['usageMode', 'builtin'],
      ['run', 'function'],
    ])
  }
  for (const name of ['Debug', ' debug', '', null, 'toString', '__proto__']) {
    assert.throws(() => createAgentProvider(name), { message: `Unknown agent provider: ${name}` })
  }
})

test('2.1: a missing script path is rejected in the words of Node.js', async () => {
  for (const [options, message] of [
    [undefined, "Cannot read properties of undefined (reading 'scriptPath')"],
    [null, "Cannot read properties of null (reading 'scriptPath')"],
  ]) {
    let thrown = false
    const promise = (() => {
      try {
        return runWorkflow(options)
      } catch {
        thrown = true
      }
    })()
    assert.equal(thrown, false)
    const error = await rejection(promise)
    assert.deepEqual([error.name, error.message], ['TypeError', message])
  }
  for (const options of [{}, { scriptPath: undefined }, { args: {} }]) {
    const error = await rejection(runWorkflow(options))
    assert.deepEqual([error.name, error.code], ['TypeError', 'ERR_INVALID_ARG_TYPE'])
    assert.match(error.message, /argument must be of type string\. Received undefined$/)
  }
  assert.match((await rejection(runWorkflow({ scriptPath: 5 }))).message, /argument must be of type string\. Received type number \(5\)$/)
})

test('2.1: a relative path starts at the working directory', async (t) => {
  const dir = folder(t, { 'here.js': script('export default "found"') })
  assert.equal(await runWorkflow({ scriptPath: relative(process.cwd(), join(dir, 'here.js')) }), 'found')
})

test('2.1: args are what JSON makes of them', async () => {
  for (const [args, seen] of [
    [undefined, ['object', {}]],
    [null, ['object', {}]],
    [() => 1, ['object', {}]],
    [Symbol('s'), ['object', {}]],
    [{ d: new Date(0), n: NaN, f: () => 1, u: undefined, m: new Map([[1, 2]]), zero: -0 }, ['object', { d: '1970-01-01T00:00:00.000Z', n: null, m: {}, zero: 0 }]],
    [new Date(0), ['string', '1970-01-01T00:00:00.000Z']],
    [[undefined, () => 1, 1], ['object', [null, null, 1]]],
    ['text', ['string', 'text']],
    ['', ['string', '']],
    [0, ['number', 0]],
    [false, ['boolean', false]],
    [{ toJSON: () => ({ made: true }) }, ['object', { made: true }]],
    [{ b: 1, a: 2, 1: 0 }, ['object', { 1: 0, b: 1, a: 2 }]],
  ]) {
    const result = await run('() => [typeof args, args]', { args })
    assert.equal(JSON.stringify(result), JSON.stringify(seen))
  }
  // Before anything is read.
  const missing = { scriptPath: 'no-such-file.js' }
  await assert.rejects(runWorkflow({ ...missing, args: { n: 1n } }), { name: 'TypeError', message: 'Do not know how to serialize a BigInt' })
  await assert.rejects(runWorkflow({ ...missing, args: cycle() }), { name: 'TypeError', message: /^Converting circular structure to JSON\n/ })
})

test('2.1: nothing limits how many agent calls are under way', async () => {
  let now = 0
  let release
  const all = new Promise((resolve) => (release = resolve))
  const onAgent = async () => {
    if (++now === 200) release()
    await all
    return now
  }
  const results = await run('() => Promise.all(Array.from({ length: 200 }, (_, i) => agent("p" + i)))', { onAgent })
  assert.deepEqual(new Set(results), new Set([200]))
})

test('2.1: agents that nobody waits for are asked, and do not hold up the end', async () => {
  const asked = []
  const signals = []
  const agentProvider = {
    name: 'mine',
    run({ prompt, context }) {
      asked.push(prompt)
      if (prompt === 'waited for') return { output: 'done' }
      signals.push(context.signal)
      return new Promise(() => {})
    },
  }
  assert.equal(await run('() => { agent("left behind"); return agent("waited for") }', { agentProvider }), 'done')
  assert.deepEqual([asked, signals.map((signal) => signal.aborted)], [['left behind', 'waited for'], [true]])
  // On purpose: what a script asks for with its last words is not asked any more.
  assert.equal(await run('() => { agent("left behind"); return "done" }', { agentProvider: { name: 'mine', run: () => assert.fail('asked') } }), 'done')
})

test('2.2 and 2.3: what is wrong with a file, in the order of the original', async (t) => {
  const dir = folder(t, {
    'empty.js': '',
    'no-meta-no-default.js': 'const a = 1\n',
    'no-default.js': `${META}const a = 1\n`,
    'return.js': `${META}export default 1\nreturn 2\n`,
    'strict.mjs': `${META}export default (() => { 'sloppy'; return [typeof this, (function () { return typeof this })()] })()`,
    ending: `${META}export default 'no ending'`,
    'a.weird': `${META}export default 'another ending'`,
  })
  const metadata = /^Workflow script must export valid literal metadata as `export const meta = \{ name, description, \.\.\. \}`/
  for (const [name, message] of [
    ['missing.js', metadata],
    ['.', metadata],
    ['empty.js', metadata],
    ['no-meta-no-default.js', metadata],
    ['no-default.js', /^Workflow script must default export a workflow result or function/],
    ['return.js', /^SyntaxError: Illegal return statement/],
  ]) {
    assert.match((await rejection(runWorkflow({ scriptPath: join(dir, name) }))).message, message, name)
  }
  for (const [name, result] of [
    ['strict.mjs', ['undefined', 'undefined']],
    ['ending', 'no ending'],
    ['a.weird', 'another ending'],
  ]) {
    assert.deepEqual(await runWorkflow({ scriptPath: join(dir, name) }), result, name)
  }
})

test('2.3: a run leaves nothing beside its script, however it ends', async (t) => {
  const files = {
    'good.js': script('export default agent("p")'),
    'throws.js': script('export default () => { throw new Error("boom") }'),
    'broken.js': script('export default ]'),
    'stalls.js': script('export default new Promise(() => {})'),
  }
  const dir = folder(t, files)
  const before = readdirSync(dir)
  for (const name of Object.keys(files)) {
    const running = runWorkflow({ scriptPath: join(dir, name), onAgent: () => readdirSync(dir) })
    const result = await running.catch(() => before)
    assert.deepEqual([result, readdirSync(dir)], [before, before], name)
  }
})

test('2.5: whatever is exported is the result', async () => {
  for (const [expression, result] of [
    ['undefined', undefined],
    ['null', null],
    ['Promise.resolve(Promise.resolve(5))', 5],
    ['({ then(resolve) { resolve(6) } })', 6],
    ['() => ({ then(resolve) { resolve(7) } })', 7],
    ['() => () => 8', undefined],
    ['async function named() { return 9 }', 9],
    ['function* () { yield 1 }', {}],
    ['(given, ctx) => [given === args, Object.keys(ctx), Object.isFrozen(ctx), arguments_(ctx)]; function arguments_(c) { c.mine = 1; c.agent = 2; delete c.log; return [c.mine, c.agent, "log" in c, typeof agent] }', [
      true,
      ['args', 'agent', 'parallel', 'pipeline', 'workflow', 'budget', 'log', 'phase'],
      false,
      [1, 2, false, 'function'],
    ]],
    ['(_, ctx) => Object.entries(ctx).every(([name, value]) => value === globalThis[name])', true],
  ]) {
    assert.deepEqual(await run(expression), result, expression)
  }
  assert.equal(firstLine((await rejection(run('class A {}'))).message), "TypeError: Class constructor A cannot be invoked without 'new'")
})

test('2.6: the globals and their properties', async () => {
  const names = ['args', 'agent', 'parallel', 'pipeline', 'workflow', 'budget', 'log', 'phase']
  const flags = await run(`[...'${names}'.split(',')].map((name) => {
    const { writable, configurable, enumerable, value } = Object.getOwnPropertyDescriptor(globalThis, name)
    return [name, writable, configurable, enumerable, value === globalThis[name]]
  })`)
  assert.deepEqual(flags, names.map((name) => [name, false, false, true, true]))
  // A script may have its own of that name.
  const shadowed = "const agent = (prompt) => `mine: ${prompt}`; let log = 5; function parallel() { return log }\nexport default [agent('p'), parallel(), typeof globalThis.agent]"
  assert.deepEqual(await runWorkflow({ source: META + shadowed }), ['mine: p', 5, 'function'])
})

test('2.7: what can be done to args and budget, and what cannot', async () => {
  const attempt = (code) => run(`() => { try { return ['done', ${code}] } catch (e) { return [e.name, e.message] } }`, { args: { n: { a: 1 }, list: [3, 1, 2] } })
  for (const [code, result] of [
    ['args.n === args.n', ['done', true]],
    ['Array.isArray(args.list)', ['done', true]],
    ['args.list.map((x) => x * 2).concat(0)', ['done', [6, 2, 4, 0]]],
    ['args.list.filter((x) => x > 1).sort()', ['done', [2, 3]]],
    ['[...args.list, { ...args.n }]', ['done', [3, 1, 2, { a: 1 }]]],
    ["'n' in args", ['done', true]],
    ['Object.keys(args)', ['done', ['n', 'list']]],
    ['JSON.stringify(args)', ['done', '{"n":{"a":1},"list":[3,1,2]}']],
    ['structuredClone(args)', ['DataCloneError', '#<Object> could not be cloned.']],
    ['Object.preventExtensions(args) === args', ['done', true]],
    ['(args.n.a = 2)', ['TypeError', 'Cannot modify workflow args']],
    ['args.list.push(1)', ['TypeError', 'Cannot modify workflow args']],
    ['(budget.total = 5)', ['TypeError', 'Cannot modify workflow args']],
    ['delete budget.spent', ['TypeError', 'Cannot modify workflow args']],
    ['Object.keys(budget)', ['done', ['total', 'spent', 'remaining']]],
    ['JSON.stringify(budget)', ['done', '{"total":null}']],
    ...['agent', 'parallel', 'pipeline', 'workflow', 'log', 'phase'].flatMap((name) => [
      [`(${name}.x = 1)`, ['TypeError', `Cannot modify workflow global ${name}`]],
      [`delete ${name}.name`, ['TypeError', `Cannot modify workflow global ${name}`]],
      [`Object.defineProperty(${name}, 'x', { value: 1 })`, ['TypeError', `Cannot modify workflow global ${name}`]],
      [`Object.setPrototypeOf(${name}, null)`, ['TypeError', `Cannot modify workflow global ${name}`]],
    ]),
  ]) {
    assert.deepEqual(await attempt(code), result, code)
  }
})

test('2.8 and A.1: what the phase says fills in what the call leaves out', async () => {
  const meta = `export const meta = { name: 'n', description: 'd', phases: [{ title: 'A', model: 'm1', provider: 'p1' },
    { title: 'A', model: 'm2', provider: 'p2' }, { title: 'B', provider: 'pb' }, { title: 'C', model: 'mc' }, { title: 'D', model: '', provider: '' }] }\n`
  for (const [calls, options] of [
    ['agent("p")', undefined],
    ['agent("p", undefined)', undefined],
    ['agent("p", null)', null],
    ['agent("p", {})', {}],
    ['agent("p", { phase: "A" })', { phase: 'A', model: 'm1', provider: 'p1' }],
    ['agent("p", { phase: "Z" })', { phase: 'Z' }],
    ['agent("p", { phase: "" })', { phase: '' }],
    ['(phase("A"), agent("p"))', { phase: 'A', model: 'm1', provider: 'p1' }],
    ['(phase("A"), agent("p", null))', { phase: 'A', model: 'm1', provider: 'p1' }],
    ['(phase("A"), agent("p", { model: "x" }))', { model: 'x', phase: 'A', provider: 'p1' }],
    ['(phase("A"), agent("p", { provider: "y" }))', { provider: 'y', phase: 'A', model: 'm1' }],
    ['(phase("A"), agent("p", { model: "", provider: "", phase: "" }))', { model: '', provider: '', phase: '' }],
    ['(phase("A"), agent("p", { model: "", provider: "", phase: "A" }))', { model: 'm1', provider: 'p1', phase: 'A' }],
    ['(phase("A"), agent("p", { model: null, provider: null, phase: null }))', { model: 'm1', provider: 'p1', phase: 'A' }],
    ['(phase("A"), agent("p", { phase: "B", key: "k" }))', { phase: 'B', key: 'k', provider: 'pb' }],
    ['(phase("Z"), agent("p"))', { phase: 'Z' }],
    ['(phase("C"), agent("p"))', { phase: 'C', model: 'mc' }],
    ['(phase("D"), agent("p"))', { phase: 'D' }],
    ['(phase("A"), phase("B"), agent("p", { label: "l" }))', { label: 'l', phase: 'B', provider: 'pb' }],
    ['(phase("A"), phase(undefined), agent("p"))', undefined],
    ['(phase("A"), phase(""), agent("p"))', undefined],
    ['(phase(7), agent("p"))', { phase: 7 }],
    ['agent("p", { label: undefined, tools: [undefined], key: "k" })', { tools: [null], key: 'k' }],
  ]) {
    let seen = 'not asked'
    const onAgent = (...given) => void (seen = given)
    await runWorkflow({ source: `${meta}export default () => ${calls}`, onAgent })
    // As text: the order of the members is part of it.
    assert.equal(JSON.stringify(seen), JSON.stringify(['p', options]), calls)
    assert.equal(seen.length, 2)
    assert.ok(seen[1] === options || typeof seen[1] === 'object', calls)
  }
})

test('2.8: every script has a phase of its own', async (t) => {
  const dir = folder(t, {
    'parent.js': `${META}export default async () => {
      phase('parent')
      await agent('before')
      await workflow({ scriptPath: './child.js' })
      await agent('after')
    }`,
    'child.js': `${META}export default async () => { await agent('none'); phase('child'); await agent('own') }`,
  })
  const seen = []
  await runWorkflow({ scriptPath: join(dir, 'parent.js'), onAgent: (prompt, options) => void seen.push([prompt, options?.phase]) })
  assert.deepEqual(seen, [['before', 'parent'], ['none', undefined], ['own', 'child'], ['after', 'parent']])
})

test('2.9: what a handler returns, as the script sees it', async () => {
  const inherited = Object.create({ output: 9, usage: {} })
  for (const [answer, seen] of [
    [undefined, undefined],
    [null, null],
    ['text', 'text'],
    [0, 0],
    [NaN, null],
    [() => 1, undefined],
    [Symbol('s'), undefined],
    [new Map([[1, 2]]), {}],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [[undefined, () => 1], [null, null]],
    [{ a: undefined, b: new Set([1]) }, { b: {} }],
    [{ toJSON: () => 'made' }, 'made'],
    [{ output: 1 }, { output: 1 }],
    [{ output: 1, other: 2 }, { output: 1, other: 2 }],
    [{ usage: {}, raw: 1 }, { usage: {}, raw: 1 }],
    [{ output: 1, usage: undefined }, 1],
    [{ output: 2, sessionId: undefined }, 2],
    [{ output: 3, raw: undefined }, 3],
    [{ output: undefined, raw: 1 }, undefined],
    [{ output: null, raw: 1 }, null],
    [{ output: () => 1, raw: 1 }, undefined],
    [{ output: { output: 1, raw: 2 }, raw: 1 }, { output: 1, raw: 2 }],
    [Object.assign([1], { output: 1, raw: 1 }), [1]],
    [inherited, 9],
  ]) {
    for (const onAgent of [() => answer, async () => answer]) {
      const [isUndefined, value] = await run('async () => { const v = await agent("p"); return [v === undefined, v] }', { onAgent })
      assert.deepEqual(isUndefined ? undefined : value, seen)
    }
  }
  for (const [answer, message] of [
    [1n, 'Error: TypeError: Do not know how to serialize a BigInt'],
    [cycle(), 'Error: TypeError: Converting circular structure to JSON'],
    [{ output: cycle(), raw: 1 }, 'Error: TypeError: Converting circular structure to JSON'],
    [{ get output() { throw new RangeError('no output') }, raw: 1 }, 'Error: RangeError: no output'],
  ]) {
    assert.equal(firstLine((await rejection(run('agent("p")', { onAgent: () => answer }))).message), message)
  }
})

test('2.9: what a provider returns, as the script sees it', async () => {
  for (const [answer, seen] of [
    [{ output: 'o' }, 'o'],
    [{ output: { output: 1, usage: 2 } }, { output: 1, usage: 2 }],
    ['text', undefined],
    [5, undefined],
    [[1], undefined],
    [{}, undefined],
    [{ output: undefined, usage: null, sessionId: null }, undefined],
  ]) {
    const agentProvider = { name: 'mine', run: async () => answer }
    const [isUndefined, value] = await run('async () => { const v = await agent("p"); return [v === undefined, v] }', { agentProvider })
    assert.deepEqual(isUndefined ? undefined : value, seen)
  }
  for (const answer of [undefined, null]) {
    const error = await rejection(run('agent("p")', { agentProvider: { name: 'mine', run: async () => answer } }))
    assert.equal(firstLine(error.message), `Error: TypeError: Cannot read properties of ${answer} (reading 'usage')`)
  }
})

test('2.9: what a provider is given', async () => {
  const inputs = []
  const agentProvider = { name: 'mine', run: async (input) => (inputs.push(input), { output: 1 }) }
  await run('async () => { await agent("a"); await agent("b", null); await agent("c", { key: "k", phase: "P", cwd: "/x" }); await agent(5, { phase: "" }) }', { agentProvider })
  assert.deepEqual(inputs, [
    { prompt: 'a', context: { phase: undefined, key: undefined } },
    { prompt: 'b', options: undefined, context: { phase: undefined, key: undefined } },
    { prompt: 'c', options: { key: 'k', phase: 'P', cwd: '/x' }, context: { phase: 'P', key: 'k' } },
    { prompt: 5, options: { phase: '' }, context: { phase: '', key: undefined } },
  ])
  // A handler goes before every provider, known or not.
  const asked = []
  await run('async () => { await agent("a", { provider: "debug" }); await agent("b", { provider: "nobody" }) }', {
    agentProvider: { name: 'never', run: () => assert.fail('asked') },
    onAgent: (prompt) => void asked.push(prompt),
  })
  assert.deepEqual(asked, ['a', 'b'])
})

test('2.10: schemas that are none, and answers that do not fit', async () => {
  const failure = async (options, answer = {}) =>
    firstLine((await rejection(run('() => agent("p", args)', { args: options, onAgent: () => answer }))).message)
  for (const [schema, message] of [
    [null, "Cannot read properties of null (reading '$id')"],
    ['x', 'schema must be object or boolean'],
    [5, 'schema must be object or boolean'],
    [{ type: 'nonsense' }, 'schema is invalid: data/type must be equal to one of the allowed values, data/type must be array, data/type must match a schema in anyOf'],
    [{ $schema: 5 }, '$schema must be a string'],
    [{ $schema: 'http://json-schema.org/draft-06/schema#' }, 'no schema with key or ref "http://json-schema.org/draft-06/schema#"'],
    [{ pattern: '(' }, 'Invalid regular expression: /(/u: Unterminated group'],
    [{ $ref: '#/nope' }, "can't resolve reference #/nope from id #"],
  ]) {
    const found = await failure({ schema })
    assert.ok(found.startsWith('Error: ') && found.endsWith(message), `${JSON.stringify(schema)}: ${found}`)
  }
  for (const [schema, answer, errors] of [
    [{ type: 'object', required: ['a', 'b'] }, {}, "/ must have required property 'a'; / must have required property 'b'"],
    [{ type: 'string' }, undefined, '/ must be string'],
    [false, 1, '/ boolean schema is false'],
    [{ properties: { 'a/b': { properties: { 'c~d': { type: 'null' } } } } }, { 'a/b': { 'c~d': 1 } }, '/a~1b/c~0d must be null'],
    [{ properties: { properties: { type: 'object', properties: { properties: { type: 'integer' } } } } }, { properties: { properties: 'x' } }, '/properties/properties must be integer'],
  ]) {
    assert.equal(await failure({ schema }, answer), `Error: Error: Structured output did not match JSON Schema: ${errors}`)
  }
  // `undefined` is no schema; `true` accepts everything.
  assert.deepEqual(await run('Promise.all([agent("p", { schema: undefined }), agent("p", { schema: true })])', { onAgent: () => [1] }), [[1], [1]])
  // A handler's full result is judged by its output, and only a mismatch is asked for again.
  let asked = 0
  const onAgent = () => (asked++, { output: 5, usage: {} })
  assert.equal(await run('agent("p", { schema: { type: "integer" } })', { onAgent }), 5)
  await rejection(run('agent("p", { schema: { type: "integer" } })', { onAgent: () => { asked++; throw new Error('once') } }))
  assert.equal(asked, 2)
})

test('2.10: the same $id twice, and formats, without a word on stderr', async (t) => {
  const text = script(`
    const schema = (type) => ({ $id: 'https://example.com/same', type, format: 'email' })
    export default [await agent('a', { schema: schema('string') }), await agent('b', { schema: schema('string') }), await agent('c', { schema: schema('integer') })]`)
  const dir = folder(t, { 'script.js': text })
  for (const result of [await runWorkflow({ source: text }), await runWorkflow({ source: text })]) {
    assert.deepEqual(result, ['debug@example.com', 'debug@example.com', 0])
  }
  const { code, stderr } = await smolWf(['run', join(dir, 'script.js')])
  assert.deepEqual([code, stderr], [0, ''])
})

test('2.11: what is counted, in the object of the caller', async () => {
  for (const [outputTokens, counted] of [
    [7, 7],
    [2.9, 2],
    [-3, 0],
    ['7', 7],
    ['2.9', 2],
    ['', 0],
    [null, 0],
    [undefined, 0],
    [0, 0],
    [true, 1],
    [1e15, 1e15],
    // On purpose: the original spoils the budget.
    [NaN, 0],
    [Infinity, 0],
    ['many', 0],
  ]) {
    const budgetState = { total: 100, spent: 1 }
    const onAgent = () => ({ output: 1, usage: { inputTokens: 50, totalTokens: 50, outputTokens } })
    const seen = await run('async () => (await agent("p"), [budget.total, budget.spent(), budget.remaining()])', { budgetState, budgetTotal: 5, onAgent })
    const spent = 1 + counted
    assert.deepEqual([seen, budgetState], [[100, spent, Math.max(0, 100 - spent)], { total: 100, spent }], `${outputTokens}`)
  }
  for (const usage of [undefined, null, 5, 'text', {}, []]) {
    const budgetState = { total: null, spent: 1 }
    assert.equal(await run('async () => (await agent("p"), budget.spent())', { budgetState, onAgent: () => ({ output: 1, usage }) }), 1)
    assert.deepEqual(budgetState, { total: null, spent: 1 })
  }
})

test('2.11: what was spent counts, whatever came with it', async () => {
  let deep = 1
  for (let i = 0; i < 3000; i++) deep = [deep]
  for (const more of [{ raw: deep }, { raw: '\ud800' }, { sessionId: '\ud800' }, { sessionId: deep }, { sessionId: 5 }]) {
    const budgetState = { total: null, spent: 0 }
    await run('agent("p")', { budgetState, onAgent: () => ({ output: 1, usage: { outputTokens: 7 }, ...more }) })
    assert.equal(budgetState.spent, 7)
  }
})

test('retry: failed attempts are followed by others, the last failure is the one that is told', async () => {
  for (const [failing, retry, outcome, asked, spent] of [
    [2, { maxAttempts: 3, backoffMs: 1 }, 'p', 3, 3],
    [1, {}, 'p', 2, 3],
    [3, { maxAttempts: 3 }, 'Error: Error: no 3', 3, 0],
    [1, null, 'Error: Error: no 1', 1, 0],
    [1, { maxAttempts: 1 }, 'Error: Error: no 1', 1, 0],
  ]) {
    let calls = 0
    const seen = new Set()
    const budgetState = { total: null, spent: 0 }
    const onAgent = (prompt, options) => {
      seen.add(JSON.stringify([prompt, options]))
      if (++calls <= failing) throw new Error(`no ${calls}`)
      return { output: prompt, usage: { outputTokens: 3 } }
    }
    const found = await run('() => agent("p", { key: "k", retry: args.retry })', { args: { retry }, budgetState, onAgent }).catch((error) => firstLine(error.message))
    assert.deepEqual([found, calls, budgetState.spent], [outcome, asked, spent], JSON.stringify(retry))
    assert.deepEqual([...seen], [JSON.stringify(['p', { key: 'k', retry }])])
  }
})

test('values of any depth cross every boundary, or are refused with a reason', async () => {
  const nest = 'const nest = (n) => { let o = 1; for (let i = 0; i < n; i++) o = [o]; return o }; const depth = (o) => { let n = 0; while (Array.isArray(o)) { o = o[0]; n++ } return n }'
  const deep = (expression, options) => runWorkflow({ source: `${META}${nest}\nexport default ${expression}`, ...options })
  let value = 1
  let depth = 0
  for (; depth < 3000; depth++) value = [value]
  const levels = (nested) => {
    let count = 0
    for (let inner = nested; Array.isArray(inner); inner = inner[0]) count++
    return count
  }
  assert.equal(await deep('() => depth(args)', { args: value }), depth)
  assert.equal(await deep('async () => depth(await agent("p"))', { onAgent: () => value }), depth)
  assert.equal(levels(await deep(`() => nest(${depth})`)), depth)
  const seen = []
  await deep(`async () => { log(nest(${depth})); phase("p", nest(${depth})); await agent(nest(${depth})) }`, {
    onLog: (nested) => seen.push(levels(nested)),
    onPhase: (_, nested) => seen.push(levels(nested)),
    onAgent: (nested) => void seen.push(levels(nested)),
  })
  assert.deepEqual(seen, [depth, depth, depth])
  const refused = async (expression) => firstLine((await rejection(deep(expression, { onAgent: () => value }))).message)
  assert.match(await refused(`agent("p", { providerOptions: nest(${depth}) })`), /^RangeError: agent\(\) options cannot be read: .* they may nest 128 levels deep$/)
  assert.match(await refused('agent("p", { schema: {} })'), /^Error: RangeError: the structured output cannot be read: .* it may nest 128 levels deep$/)
})

test('2.11: totals', async () => {
  for (const [total, seen] of [
    [0, [0, 0]],
    [-5, [-5, 0]],
    [2.5, [2.5, 2.5]],
    [20, [20, 20]],
    [NaN, [null, 'Infinity']],
    [Infinity, [null, 'Infinity']],
    ['20', [null, 'Infinity']],
    [undefined, [null, 'Infinity']],
    [null, [null, 'Infinity']],
  ]) {
    const code = '() => [budget.total, budget.remaining() === Infinity ? "Infinity" : budget.remaining()]'
    assert.deepEqual(await run(code, { budgetTotal: total }), seen, `budgetTotal ${total}`)
    assert.deepEqual(await run(code, { budgetState: { total, spent: 0 }, budgetTotal: 9 }), seen, `budgetState ${total}`)
  }
  for (const [spent, seen] of [[3, 3], [2.5, 2.5], [NaN, 0], [Infinity, 0], ['3', 0], [null, 0], [undefined, 0]]) {
    assert.equal(await run('() => budget.spent()', { budgetState: { total: 1, spent } }), seen, `spent ${spent}`)
  }
})

test('2.11: failed calls cost nothing, nothing is refused, and the object is changed as the run goes on', async () => {
  const budgetState = { total: 5, spent: 0 }
  const states = []
  const onAgent = (prompt) => {
    states.push({ ...budgetState })
    if (prompt === 'fails') throw new Error('no')
    return { output: 1, usage: { outputTokens: 4 } }
  }
  const seen = await run('async () => { const s = []; for (const p of ["a", "fails", "b", "c"]) { await agent(p).catch(() => 0); s.push(budget.remaining()) } return s }', { budgetState, onAgent })
  assert.deepEqual(seen, [1, 1, 0, 0])
  assert.deepEqual(states.map((state) => state.spent), [0, 4, 4, 8])
  assert.deepEqual(budgetState, { total: 5, spent: 12 })
  // Two runs over one object add up.
  const both = await Promise.all([run('agent("a")', { budgetState, onAgent }), run('agent("b")', { budgetState, onAgent })])
  assert.deepEqual([both, budgetState.spent], [[1, 1], 20])
})

test('2.11: a negative number is shown until the first answer', async () => {
  const seen = await run('async () => [budget.spent(), await agent("p"), budget.spent()]', { budgetState: { total: 5, spent: -7 }, onAgent: () => ({ output: 1, usage: { outputTokens: 2 } }) })
  assert.deepEqual(seen, [-7, 1, 0])
})

test('2.11: what others do to the object is seen with the next answer', async () => {
  const budgetState = { total: 100, spent: 0 }
  const onAgent = (prompt) => {
    if (prompt === 'spend') budgetState.spent += 50
    if (prompt === 'refund') budgetState.spent = 1
    if (prompt === 'lift') budgetState.total = null
    if (prompt === 'limit') budgetState.total = 20
    if (prompt === 'spoil') Object.assign(budgetState, { total: undefined, spent: NaN })
    if (prompt === 'throw') {
      budgetState.spent += 5
      throw new Error('no')
    }
    return { output: 1, usage: { outputTokens: 2 } }
  }
  const prompts = ['a', 'spend', 'refund', 'lift', 'limit', 'throw', 'spoil']
  const code = 'async () => { const s = []; for (const p of args.prompts) { await agent(p).catch(() => 0); s.push([budget.total, budget.spent()]) } return s }'
  const seen = await run(code, { budgetState, onAgent, args: { prompts } })
  assert.deepEqual(seen, [[100, 2], [100, 54], [100, 3], [null, 5], [20, 7], [20, 12], [20, 14]])
  assert.deepEqual([budgetState.total, budgetState.spent], [undefined, NaN])

  // A hard budget over several runs is one budget.
  const shared = { total: 10, spent: 0 }
  const spender = `export const meta = { name: 'n', description: 'd' }
let n = 0
try { for (;;) { await agent('x'); n++ } } catch (error) { return [n, error.code] }`
  const each = await Promise.all([1, 2, 3].map(() => runWorkflow({ source: spender, budgetState: shared, onAgent: () => ({ output: 1, usage: { outputTokens: 2 } }) })))
  assert.deepEqual(each.map(([, code]) => code), Array(3).fill('ERR_BUDGET_EXHAUSTED'))
  const calls = each.reduce((sum, [n]) => sum + n, 0)
  assert.equal(shared.spent, 2 * calls)
  // Calls that were under way, or made before the news had come, may overdraw it; alone, each run would make 5.
  assert.ok(calls >= 5 && calls < 15, `${calls}`)
})

test('2.13: children', async (t) => {
  const dir = folder(t, {
    'flows/parent.js': `${META}export default async (given) => {
      log('parent')
      const results = []
      for (const args of [{ a: 1 }, undefined, null, [1], 'text', 5]) results.push(await workflow({ scriptPath: '../kids/child.js' }, args))
      results.push(await workflow({ scriptPath: given.absolute }, { absolute: true }))
      return results
    }`,
    'kids/child.js': `${META}phase('Kid', { n: 1 }); log('kid', args); await agent('from the kid'); export default { args, extra: undefined, nan: NaN }`,
    '.claude/workflows/named.js': script('export default "by name"').replace("'test'", "'named'"),
  })
  const [logs, phases, asked] = [[], [], []]
  const results = await runWorkflow({
    scriptPath: join(dir, 'flows/parent.js'),
    args: { absolute: join(dir, 'kids/child.js') },
    onLog: (...values) => logs.push(values),
    onPhase: (...values) => phases.push(values),
    onAgent: (prompt) => void asked.push(prompt),
  })
  const empty = { args: {}, nan: null }
  assert.deepEqual(results, [{ args: { a: 1 }, nan: null }, empty, empty, empty, empty, empty, { args: { absolute: true }, nan: null }])
  assert.deepEqual(logs.slice(0, 3), [['parent'], ['kid', { a: 1 }], ['kid', {}]])
  assert.deepEqual([logs.length, phases.length, asked.length], [8, 7, 7])
  assert.deepEqual(phases[0], ['Kid', { n: 1 }])

  const failure = async (call, options = {}) => firstLine((await rejection(run(call, { cwd: dir, ...options }))).message)
  assert.equal(await run('workflow("named")', { cwd: dir }), 'by name')
  for (const [call, options, message] of [
    ['workflow(null)', {}, "TypeError: Cannot read properties of null (reading 'scriptPath')"],
    ['workflow()', {}, "TypeError: Cannot read properties of undefined (reading 'scriptPath')"],
    ['workflow({})', {}, 'TypeError: The "path" argument must be of type string. Received undefined'],
    ['workflow(5)', {}, 'TypeError: The "path" argument must be of type string. Received undefined'],
    ['workflow("kids/child.js")', {}, 'Error: Error: Unknown workflow: kids/child.js'],
    ['workflow("./kids/child.js")', {}, 'Error: Error: Unknown workflow: ./kids/child.js'],
    ['workflow("")', {}, 'Error: Error: Unknown workflow: '],
    ['workflow(null)', { nestingDepth: 1 }, 'Error: Nested workflow() calls are limited to one level'],
    ['workflow("named")', { nestingDepth: 1 }, 'Error: Nested workflow() calls are limited to one level'],
    ['workflow("named")', { nestingDepth: 7 }, 'Error: Nested workflow() calls are limited to one level'],
  ]) {
    assert.equal(await failure(call, options), message, call)
  }
})

test('2.14: what log and phase hand over', async () => {
  const [logs, phases] = [[], []]
  const result = await run(
    `() => {
      const returned = [
        log(undefined, () => 1, Symbol('s'), NaN, new Date(0), new Map(), -0, 'x', null, [undefined], { a: undefined }),
        log(), log(' '), phase('x'), phase('x', undefined), phase('x', null), phase('x', { u: undefined, n: NaN }), phase(), phase(null), phase(7, []),
      ]
      const thrown = [() => log(1n), () => { const o = {}; o.self = o; log('a', o) }].map((f) => { try { f(); return 'nothing' } catch (e) { return e.name + ': ' + e.message.split('\\n')[0] } })
      return [returned.every((value) => value === undefined), thrown]
    }`,
    { onLog: (...values) => logs.push(values), onPhase: (...values) => phases.push(values) },
  )
  assert.deepEqual(result, [true, ['TypeError: Do not know how to serialize a BigInt', 'TypeError: Converting circular structure to JSON']])
  assert.deepEqual(logs, [[null, null, null, null, '1970-01-01T00:00:00.000Z', {}, 0, 'x', null, [null], {}], [], [' ']])
  assert.deepEqual(phases, [['x', undefined], ['x', undefined], ['x', null], ['x', { n: null }], [undefined, undefined], [null, undefined], [7, []]])
})

test('2.14: log and phase are heard before the promise resolves, without anybody waiting for them', async () => {
  const heard = []
  const source = `${META}log(1); phase('two'); log(3); export default 'done'`
  await runWorkflow({ source, onLog: (value) => heard.push(value), onPhase: (name) => heard.push(name) }).then((value) => heard.push(value))
  assert.deepEqual(heard, [1, 'two', 3, 'done'])
})

test('2.16: what a script returns, as the caller sees it', async () => {
  for (const [expression, result] of [
    ['undefined', undefined],
    ['Symbol("s")', undefined],
    ['() => () => 1', undefined],
    ['({ toJSON() {} })', undefined],
    ['NaN', null],
    ['-Infinity', null],
    ['-0', 0],
    ['new Date(0)', '1970-01-01T00:00:00.000Z'],
    ['[new Map([[1, 2]]), new Set([1]), /x/g, new Error("e")]', [{}, {}, {}, {}]],
    ['new Uint8Array([1, 2])', { 0: 1, 1: 2 }],
    ['[undefined, , () => 1]', [null, null, null]],
    ['({ u: undefined, s: Symbol("s"), f() {}, toJSON: undefined, kept: [null] })', { kept: [null] }],
    ['({ toJSON: () => ({ made: true }) })', { made: true }],
    ['[new Number(1), new String("s"), new Boolean(false)]', [1, 's', false]],
    ['"\\ud800 \\u2028 \\u0000 🙂"', '\ud800 \u2028 \u0000 🙂'],
    ['args', { deep: [{}] }],
    ['({ __proto__: { inherited: 1 }, own: 2 })', { own: 2 }],
  ]) {
    const value = await run(expression, { args: { deep: [{}] } })
    assert.deepEqual(value, result, expression)
    assert.ok(!Object.is(value, -0), expression)
  }
  for (const [expression, message] of [
    ['1n', 'TypeError: Do not know how to serialize a BigInt'],
    ['[{ n: 1n }]', 'TypeError: Do not know how to serialize a BigInt'],
    ['(() => { const o = { a: {} }; o.a.b = o; return o })()', 'TypeError: Converting circular structure to JSON'],
    ['({ toJSON() { throw new RangeError("no") } })', 'RangeError: no'],
  ]) {
    assert.equal(firstLine((await rejection(run(expression))).message), message)
  }
})

test('2.17: how errors reach the caller', async () => {
  for (const [code, message] of [
    ['throw new Error("boom")', 'Error: boom'],
    ['throw new Error("two\\nlines")', 'Error: two'],
    ['class MyErr extends Error { name = "MyErr" }; throw new MyErr("custom", { cause: 1 })', 'MyErr: custom'],
    ['throw Object.assign(new TypeError("x"), { name: "Renamed" })', 'Renamed: x'],
    ['throw new AggregateError([new Error("a")], "several")', 'AggregateError: several'],
    ['throw new Error("")', 'Error'],
    ['throw "str"', 'str'],
    ['throw { code: 1 }', '[object Object]'],
    ['throw undefined', 'undefined'],
    ['throw null', 'null'],
    ['throw 5n', '5'],
    ['throw Symbol("s")', 'Symbol(s)'],
    ['const e = new Error("m"); e.stack = "CUSTOM"; throw e', 'CUSTOM'],
    ['const e = new Error("m"); Object.defineProperty(e, "stack", { value: undefined }); throw e', 'm'],
    ['null.x', "TypeError: "],
  ]) {
    const error = await rejection(run(`async () => { ${code} }`, { scriptName: 'mine.js' }))
    const found = firstLine(error.message)
    assert.ok(message.endsWith(': ') ? found.startsWith(message) : found === message, `${code}: ${found}`)
    if (code.startsWith('throw new Error')) assert.match(error.message, /\n {4}at .*mine\.js:2:\d+\)$/)
  }
})

test('2.17: each boundary that an error crosses leaves a prefix', async (t) => {
  const dir = folder(t, {
    'throws.js': script('export default () => { throw new Error("child boom") }'),
    'range.js': script('export default () => { throw new RangeError("out") }'),
    'asks.js': script('export default () => agent("p")'),
  })
  const onAgent = () => {
    throw new Error('hosterr')
  }
  const child = (name) => `workflow({ scriptPath: ${JSON.stringify(join(dir, name))} })`
  const inside = (call, options = {}) => run(`${call}.catch((e) => [e.name, e.message.split('\\n')[0], e instanceof Error])`, options)
  const outside = async (call, options = {}) => firstLine((await rejection(run(call, options))).message)

  assert.equal(await outside('agent("p")', { onAgent }), 'Error: Error: hosterr')
  assert.equal(await outside(child('throws.js')), 'Error: Error: Error: child boom')
  assert.equal(await outside(child('asks.js'), { onAgent }), 'Error: Error: Error: Error: hosterr')
  assert.deepEqual(await inside('agent("p")', { onAgent }), ['Error', 'Error: hosterr', true])
  assert.deepEqual(await inside('agent("p")', { onAgent: () => { throw new RangeError('bad') } }), ['Error', 'RangeError: bad', true])
  assert.deepEqual(await inside(child('throws.js')), ['Error', 'Error: Error: child boom', true])
  assert.deepEqual(await inside(child('range.js')), ['Error', 'Error: RangeError: out', true])
  for (const [thrown, message] of [['text', 'text'], [{ code: 1 }, '[object Object]'], [undefined, 'undefined'], [null, 'null'], [5, '5']]) {
    assert.deepEqual(await inside('agent("p")', { onAgent: () => { throw thrown } }), ['Error', message, true])
    assert.deepEqual(await inside('agent("p")', { onAgent: () => Promise.reject(thrown) }), ['Error', message, true])
  }
})

test('3.1 and A.2: the debug provider', async () => {
  const debug = createDebugAgentProvider()
  const cost = { input: 0, output: 0, total: 0, currency: 'USD' }
  for (const [prompt, [inputTokens, outputTokens, totalTokens]] of [
    ['', [1, 2, 3]],
    ['a', [1, 3, 4]],
    ['abcd', [1, 3, 4]],
    ['abcde', [2, 4, 6]],
    ['🙂🙂', [1, 3, 4]],
    ['é'.repeat(9), [3, 5, 8]],
  ]) {
    const output = `echo: ${prompt}`
    const expected = { output, usage: { inputTokens, outputTokens, totalTokens, cost }, raw: { output } }
    assert.deepEqual(await debug.run({ prompt, context: {} }), expected)
    assert.deepEqual(Object.keys(await debug.run({ prompt, context: {} })), ['output', 'usage', 'raw'])
    const budgetState = { total: null, spent: 0 }
    assert.equal(await run('() => agent(args)', { args: prompt, budgetState }), output)
    assert.equal(budgetState.spent, outputTokens)
  }
  const shaped = await debug.run({ prompt: 'x', options: { schema: { type: 'object', properties: { a: { type: 'string' } } } }, context: {} })
  assert.deepEqual([shaped.output, shaped.usage.inputTokens, shaped.usage.outputTokens], [{ a: 'debug-string' }, 1, 5])
  for (const schema of [undefined, null, false, 0, '']) {
    assert.equal((await debug.run({ prompt: 'x', options: { schema }, context: {} })).output, 'echo: x')
  }
  for (const [prompt, output] of [[5, 'echo: 5'], [true, 'echo: true'], [{}, 'echo: [object Object]'], [[1, [2]], 'echo: 1,2']]) {
    assert.equal((await debug.run({ prompt, context: {} })).output, output)
  }
  await assert.rejects(debug.run({ context: {} }), TypeError)
  await assert.rejects(debug.run({ context: {} }), { name: 'TypeError', message: "Cannot read properties of undefined (reading 'length')" })
})

test('A.2: values in the shape of a schema', () => {
  for (const [schema, value] of [
    [true, 'debug'],
    [false, null],
    [{}, {}],
    [{ const: 0 }, 0],
    [{ const: null }, null],
    [{ enum: [null, 1] }, null],
    [{ enum: [] }, {}],
    [{ oneOf: [{ type: 'number' }, { type: 'string' }] }, 0],
    [{ allOf: [{ type: 'string' }, { type: 'number' }] }, 0],
    [{ allOf: [] }, {}],
    [{ type: ['null', 'string'] }, null],
    [{ type: [] }, {}],
    [{ type: 'integer', minimum: 5 }, 0],
    [{ format: 'email' }, 'debug@example.com'],
    [{ format: 'uuid', type: 'string' }, 'debug-string'],
    [{ items: [{ type: 'string' }] }, []],
    [{ items: true }, ['debug']],
    [{ items: false }, {}],
    [{ type: 'array', minItems: 3, items: { type: 'integer' } }, [0]],
    [{ required: ['a', 'b'] }, { a: 'debug', b: 'debug' }],
    [{ properties: { z: {}, a: { type: 'boolean' } }, required: ['q', 'z'] }, { z: {}, a: true, q: 'debug' }],
    [{ properties: { properties: { type: 'string' } } }, { properties: 'debug-string' }],
    [{ additionalProperties: { type: 'string' } }, {}],
    [{ $ref: '#' }, {}],
    [{ not: {} }, {}],
    [{ type: 'string', default: 'x' }, 'debug-string'],
    [{ type: 'weird' }, undefined],
  ]) {
    const found = generateDebugValueFromSchema(schema)
    assert.equal(JSON.stringify(found), JSON.stringify(value), JSON.stringify(schema))
  }
})

test('4: scripts that say nothing leave stderr empty, and stdout is JSON only', async (t) => {
  const dir = folder(t, {
    'silent.js': script('export default { a: await agent("p", { schema: { type: "string", format: "email" } }) }'),
    'prints.js': script('console.log("{"); console.error("}"); export default "x"'),
    'child.js': script('export default workflow({ scriptPath: "./silent.js" })'),
  })
  for (const [name, stdout, stderr] of [
    ['silent.js', '{\n  "a": "debug@example.com"\n}\n', ''],
    ['child.js', '{\n  "a": "debug@example.com"\n}\n', ''],
    ['prints.js', '"x"\n', '{\n}\n'],
  ]) {
    assert.deepEqual(await smolWf(['run', join(dir, name)]), { code: 0, signal: null, stdout, stderr }, name)
  }
})

test('4: every failure exits with 1, says why once, and prints no result', async (t) => {
  const dir = folder(t, {
    'throws.js': script('export default () => { throw new Error("boom") }'),
    'agent.js': script('export default agent("p", { provider: "nobody" })'),
    'child.js': script('export default workflow("nobody")'),
    'mismatch.js': script('export default agent("p", { schema: { minimum: 5 } })'),
    'bigint.js': script('export default 1n'),
    'text.js': script('export default () => { throw "only text" }'),
  })
  for (const [name, first] of [
    ['throws.js', 'smol-wf: Error: boom'],
    ['agent.js', 'smol-wf: Error: Error: Unknown agent provider: nobody'],
    ['child.js', 'smol-wf: Error: Error: Unknown workflow: nobody'],
    ['mismatch.js', 'smol-wf: Error: Error: Structured output did not match JSON Schema: / must be >= 5'],
    ['bigint.js', 'smol-wf: TypeError: Do not know how to serialize a BigInt'],
    ['text.js', 'smol-wf: only text'],
  ]) {
    const { code, signal, stdout, stderr } = await smolWf(['run', name], { cwd: dir })
    assert.deepEqual([code, signal, stdout, firstLine(stderr)], [1, null, '', first], name)
    assert.equal(stderr.match(/^smol-wf: /gm).length, 1, name)
  }
})

test('4: the help names the commands', async () => {
  const { stdout } = await smolWf(['absurd', '--help'])
  for (const command of ['init', 'submit', 'worker', 'work-batch']) assert.ok(stdout.includes(`smol-wf absurd ${command}`), command)
})
