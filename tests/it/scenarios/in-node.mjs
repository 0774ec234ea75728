// Runs the scenarios in Node.js itself, without the engine, and lists where their `expected.json` says something else.
// A second opinion on what is recorded: a small model of the workflow primitives, V8 for everything else. A
// development tool; nothing runs it in CI.
//
//   mkdir somewhere && cd somewhere && npm init -y && npm i ajv@8.20.0
//   node <here>/in-node.mjs [scenario…]
//
// Made for Node.js 20. Not compared: scenarios that are refused before they run, when calls start and end, hints.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import vm from 'node:vm'

const HERE = dirname(fileURLToPath(import.meta.url))
const REFUSED = ['ERR_SCRIPT_SYNTAX', 'ERR_SCRIPT_UNSUPPORTED', 'ERR_SCRIPT_IMPORT', 'ERR_WORKFLOW_METADATA', 'ERR_WORKFLOW_NO_ENTRY']

function all(wanted) {
  const names = readdirSync(HERE, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  let different = 0
  let count = 0
  for (const name of names.filter((name) => wanted.length === 0 || wanted.includes(name)).sort()) {
    const recorded = join(HERE, name, 'expected.json')
    if (!existsSync(recorded)) continue
    const expected = JSON.parse(readFileSync(recorded, 'utf8'))
    if (REFUSED.includes(expected.result.error)) continue
    // Helpers and types are beyond this model.
    const options = join(HERE, name, 'options.json')
    if (!existsSync(join(HERE, name, 'script.js')) || (existsSync(options) && JSON.parse(readFileSync(options, 'utf8')).imports)) continue
    count++
    const run = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--one', join(HERE, name)], {
      encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LANG: 'en_US.UTF-8' }, maxBuffer: 1 << 28,
    })
    const found = run.stdout.startsWith('{') ? JSON.parse(run.stdout) : { result: run.stderr + run.stdout }
    const told = expected.told.filter((line) => typeof line === 'object' && !line.warning)
    const { hint, ...result } = expected.result
    for (const [what, left, right] of [
      ['result', result, found.result], ['spent', expected.spent, found.spent],
      ['calls', expected.calls, found.calls], ['told', told, found.told],
    ]) {
      if (JSON.stringify(left) === JSON.stringify(right)) continue
      const lines = explain(left, right, what, name)
      if (lines.length > 0) different++
      for (const line of lines) console.log(line)
    }
  }
  console.log(`${count} scenarios, ${different} differences`)
  process.exitCode = different > 0 ? 1 : 0
}

function explain(left, right, path, name) {
  if (KNOWN[`${name} ${path}`] || KNOWN[`${name} *`]) return []
  const isObject = (value) => typeof value === 'object' && value !== null
  if (isObject(left) && isObject(right) && Array.isArray(left) === Array.isArray(right)) {
    const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])]
    const lines = keys.flatMap((key) => isDeepStrictEqual(left[key], right[key]) ? [] : explain(left[key], right[key], `${path}.${key}`, name))
    return lines.length > 0 || isDeepStrictEqual(Object.keys(left), Object.keys(right)) ? lines
      : [`${name} ${path}: keys ${Object.keys(left)} | ${Object.keys(right)}`]
  }
  return [`${name} ${path}\n  recorded ${JSON.stringify(left)}\n  node     ${JSON.stringify(right)}`]
}

// --- one scenario ----------------------------------------------------------------------------------------------

async function one(folder) {
  const read = (name) => {
    const path = join(folder, name)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
  }
  const options = read('options.json') ?? {}
  const run = {
    project: folder,
    calls: [],
    told: [],
    budget: { total: options.budgetTotal ?? null, spent: 0 },
    cap: options.maxParallelAgents,
    most: options.maxAgents,
    issued: 0,
    queue: [],
    running: 0,
    waiting: [],
    ready: [],
    children: 0,
    open: [],
  }
  deterministic()
  const write = process.stdout.write.bind(process.stdout)
  console.log = console.info = (...values) => run.told.push({ console: 'info', values: values.map(printable) })
  console.debug = (...values) => run.told.push({ console: 'debug', values: values.map(printable) })
  console.warn = (...values) => run.told.push({ console: 'warn', values: values.map(printable) })
  console.error = (...values) => run.told.push({ console: 'error', values: values.map(printable) })
  process.on('unhandledRejection', () => {})
  // Nothing is left to wait for: the deepest script that still waits never ends.
  const stalled = (which) => `the workflow waits for a promise that nothing can settle any more: no agent call, timer or child workflow is pending (${which})`
  process.on('beforeExit', () => {
    const child = run.open.pop()
    if (child) child.reject(stalled(`child workflow ${child.number}`))
    else show({ error: 'ERR_SCRIPT_STALLED', message: stalled('the workflow') })
  })
  const show = (result) => {
    const text = JSON.stringify({ result, spent: run.budget.spent, calls: run.calls, told: run.told })
    write(text.replaceAll(JSON.stringify(folder).slice(1, -1), '.'), () => process.exit(0))
  }
  let result
  try {
    const value = await script(run, join(folder, 'script.js'), read('args.json'), 0)
    const json = JSON.stringify(value)
    result = json === undefined ? { undefined: true } : { value: JSON.parse(json) }
  } catch (error) {
    result = { error: 'ERR_SCRIPT_FAILED', ...failure(error, folder) }
  }
  show(result)
}

function deterministic() {
  const RealDate = Date
  const refuse = (what, instead) => {
    const error = new TypeError(`${what} is not available in workflow scripts: it would break resume; ${instead}`)
    error.code = 'ERR_NONDETERMINISTIC'
    throw error
  }
  const timestamps = 'pass timestamps in `args`'
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values, type) => values.length === 0 ? refuse('new Date()', timestamps) : Reflect.construct(target, values, type),
    apply: () => refuse('Date()', timestamps),
    get: (target, key) => (key === 'now' ? () => refuse('Date.now()', timestamps) : Reflect.get(target, key)),
  })
  Math.random = () => refuse('Math.random()', 'pass a seed in `args`, or vary by index')
  for (const name of ['process', 'fetch', 'Buffer', 'performance', 'crypto', 'navigator', 'WeakRef', 'FinalizationRegistry', 'setImmediate', 'global']) {
    // The model itself needs some of them.
    if (name in globalThis && !['process', 'setImmediate', 'Buffer'].includes(name)) delete globalThis[name]
  }
}

function failure(error, folder) {
  if (!(error instanceof Error)) return { message: String(error).split('\n')[0] }
  const lines = String(error.stack ?? error.message).split('\n')
  const frame = lines.find((line) => /^\s+at .*script\.js|scenario-/.test(line))
  const shown = { message: String(error).split('\n')[0] }
  const place = frame && /(?:file:\/\/)?([^( ]*):(\d+):\d+\)?$/.exec(frame)
  if (place) shown.at = `${place[1].replace(/^.*scenario-[^/]*\//, folder + '/')}:${place[2]}`
  return shown
}

const printable = (value) => {
  if (value instanceof Error) return String(value)
  if (['function', 'symbol', 'undefined', 'bigint'].includes(typeof value) || (typeof value === 'number' && !Number.isFinite(value))) {
    return typeof value === 'bigint' ? `${value}n` : String(value)
  }
  return JSON.parse(JSON.stringify(value))
}

// --- scripts ---------------------------------------------------------------------------------------------------

const EXPORT_META = /^export\s+const\s+meta\s*=/m

/** The value of the metadata, by evaluating the shortest text after it that is an expression. */
function metadata(text) {
  const start = EXPORT_META.exec(text) ?? /\bmeta =/.exec(text)
  const from = start.index + start[0].length
  for (let end = text.indexOf('}', from); end >= 0; end = text.indexOf('}', end + 1)) {
    let read
    try {
      read = new vm.Script(`(${text.slice(from, end + 1)}\n)`)
    } catch {
      continue
    }
    return read.runInThisContext()
  }
  throw new Error('no metadata')
}

const normalized = (meta) => Array.isArray(meta.phases)
  ? meta.phases.map((phase) => (typeof phase === 'string' ? { title: phase } : phase)).filter((phase) => typeof phase?.title === 'string')
  : []

async function script(run, path, args, depth) {
  const text = readFileSync(path, 'utf8').replace(/^\ufeff/, '').replace(/^#!/, '//')
  const isBody = !/^export\s+(default\b|\{[^}]*\bas default\b)/m.test(text)
  const meta = metadata(text)
  const state = { isBody, path, depth, phases: structuredClone(normalized(meta)), phase: undefined, snapshot: { ...run.budget } }
  if (depth === 0) {
    run.cap ??= isBody ? 16 : Infinity
    run.most ??= isBody ? 1000 : Infinity
  }
  const hooks = hooksOf(run, state, args)
  if (isBody) {
    const code = text.replace(EXPORT_META, (found) => found.replace('export', '      '))
      .replace(/^export (?=(const|let|var|function|async|class)\b)/gm, '       ')
    // A child's hooks are parameters, so that those of its parent stay on the global object.
    const names = Object.keys(hooks)
    const head = depth === 0 ? '(async function () {"use strict";' : `((${names}) => async function () {"use strict";`
    const made = vm.runInThisContext(`${head}\n${code}\n})`, { filename: path, lineOffset: -1 })
    if (depth > 0) return await made(...Object.values(hooks))()
    for (const name of names) Object.defineProperty(globalThis, name, { value: hooks[name], writable: true, enumerable: true, configurable: true })
    return await made()
  }
  if (depth > 0) {
    // The only default exports of children are functions at the end.
    const code = text.replace(EXPORT_META, 'const meta =').replace(/^export default /m, 'const entry = ')
    const made = vm.runInThisContext(`((${Object.keys(hooks)}) => async function () {"use strict";\n${code}\nreturn entry })`, { filename: path, lineOffset: -1 })
    return await (await made(...Object.values(hooks))())(hooks.args, { ...hooks })
  }
  const folder = mkdtempSync(join(tmpdir(), 'scenario-'))
  const file = join(folder, 'script.mjs')
  writeFileSync(file, text)
  writeFileSync(join(folder, 'script.js'), text)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const name of Object.keys(hooks)) Object.defineProperty(globalThis, name, { value: hooks[name], writable: false, enumerable: true, configurable: false })
  try {
    const module = await import(pathToFileURL(join(folder, 'script.js')))
    if (typeof module.meta?.name === 'string' && typeof module.meta.description === 'string') state.phases = structuredClone(normalized(module.meta))
    const entry = module.default
    return typeof entry === 'function' ? await entry(hooks.args, { ...hooks }) : await entry
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readOnly(value) {
  const message = 'Cannot modify workflow args'
  const refuse = () => { throw new TypeError(message) }
  const views = new WeakMap()
  const view = (value) => {
    if (typeof value !== 'object' || value === null) return value
    if (!views.has(value)) {
      views.set(value, new Proxy(value, {
        get: (target, key, receiver) => view(Reflect.get(target, key, receiver)),
        set: refuse, defineProperty: refuse, deleteProperty: refuse, setPrototypeOf: refuse,
      }))
    }
    return views.get(value)
  }
  return view(value)
}

// --- primitives ------------------------------------------------------------------------------------------------

function hooksOf(run, state, args) {
  const { isBody } = state
  const copy = args === undefined ? (isBody ? undefined : {}) : structuredClone(args)
  const json = (value) => (value === undefined ? undefined : JSON.stringify(value))
  const parsed = (text) => (text === undefined ? undefined : JSON.parse(text))
  const fill = (options) => {
    const phase = options?.phase ?? state.phase
    if (!phase) return options
    const filled = { ...options }
    filled.phase ||= phase
    const entry = state.phases.find((entry) => entry.title === phase)
    if (entry?.model && !filled.model) filled.model = entry.model
    if (entry?.provider && !filled.provider) filled.provider = entry.provider
    return filled
  }
  const agent = (prompt, options) => new Promise((resolve, reject) => {
    if (options !== undefined && options !== null && typeof options !== 'object') {
      throw new TypeError(`agent() options must be an object, got ${typeof options}`)
    }
    const filled = parsed(json(fill(options)))
    if (filled?.isolation !== undefined && filled.isolation !== null && filled.isolation !== 'worktree') {
      throw new TypeError(`agent() option isolation must be "worktree", got ${JSON.stringify(filled.isolation)}`)
    }
    for (const [name, value, least] of [['timeoutMs', filled?.timeoutMs, 1], ['retry.backoffMs', filled?.retry?.backoffMs, 0]]) {
      if (value !== undefined && !(value >= least)) {
        throw new TypeError(`agent() option ${name} must be a number of milliseconds from ${least} to 2147483647, got ${value}`)
      }
    }
    if (filled?.retry?.maxAttempts < 1) {
      throw new TypeError(`agent() option retry.maxAttempts must be a whole number from 1 to 1000, got ${filled.retry.maxAttempts}`)
    }
    said(run, { state, prompt: parsed(json(prompt)), options: filled, resolve, reject })
  })
  const body = (check) => { if (isBody) check() }
  const parallel = async (tasks, ...rest) => {
    body(() => {
      if (!Array.isArray(tasks)) throw new TypeError(`parallel() expects an array of functions, got ${kind(tasks)}`)
      if (!tasks.every((task) => typeof task === 'function')) {
        throw new TypeError('parallel() expects an array of functions, not promises. Wrap each call: () => agent(...)')
      }
    })
    if (rest[0] !== undefined) throw new Error('options of parallel() are not modelled')
    return await Promise.all(tasks.map(async (task) => {
      try { return await task() } catch { return null }
    }))
  }
  async function pipeline(items, ...stages) {
    body(() => {
      if (!Array.isArray(items)) throw new TypeError(`pipeline() expects an array of items, got ${kind(items)}`)
      stages.forEach((stage, i) => {
        if (typeof stage !== 'function') throw new TypeError(`pipeline() expects functions as stages, got ${kind(stage)} as stage ${i + 1}`)
      })
    })
    return await Promise.all(items.map(async (item, index) => {
      if (stages.length === 0) return await item
      try {
        let value = item
        for (const stage of stages) value = await stage(value, item, index)
        return value
      } catch {
        return null
      }
    }))
  }
  const workflow = async (target, childArgs) => {
    if (state.depth >= 1) throw new Error('Nested workflow() calls are limited to one level')
    const given = isBody || (typeof childArgs === 'object' && childArgs !== null && !Array.isArray(childArgs)) ? childArgs : {}
    let path
    if (typeof target === 'string') path = byName(run.project, target)
    else if (typeof target?.scriptPath === 'string') path = isAbsolute(target.scriptPath) ? target.scriptPath : resolve(dirname(state.path), target.scriptPath)
    else if (target === null || target === undefined) throw new TypeError(`Cannot read properties of ${target} (reading 'scriptPath')`)
    else throw new TypeError(`The "path" argument must be of type string. Received ${target.scriptPath === undefined ? 'undefined' : `type ${typeof target.scriptPath} (${target.scriptPath})`}`)
    if (!path) throw Object.assign(new Error(`Error: Unknown workflow: ${target}`), { code: 'ERR_UNKNOWN_WORKFLOW' })
    let result
    try {
      const child = { number: ++run.children }
      const never = new Promise((_, reject) => { child.reject = reject })
      run.open.push(child)
      result = parsed(json(await Promise.race([never, script(run, path, parsed(json(given)), state.depth + 1)])))
      run.open.splice(run.open.indexOf(child), 1)
    } catch (error) {
      await delivery(run, state)
      throw new Error(`Error: ${error instanceof Error ? error.stack : error}`, { cause: error })
    }
    await delivery(run, state)
    return result
  }
  const budget = {
    get total() { return state.snapshot.total },
    spent: () => state.snapshot.spent,
    remaining: () => (state.snapshot.total === null ? Infinity : Math.max(0, state.snapshot.total - state.snapshot.spent)),
  }
  const log = (...values) => { run.told.push({ log: JSON.parse(JSON.stringify(values)) }) }
  const phase = (name) => {
    state.phase = name
    run.told.push({ phase: JSON.parse(JSON.stringify(name) ?? 'null') })
  }
  if (!isBody) {
    const names = [['agent', 2], ['', 1], ['pipeline', 1], ['workflow', 2], ['', 0], ['', 2]]
    const fixed = [agent, parallel, pipeline, workflow, log, phase].map((hook, i) => {
      Object.defineProperty(hook, 'name', { value: names[i][0] })
      Object.defineProperty(hook, 'length', { value: names[i][1] })
      const refuse = () => { throw new TypeError(`Cannot modify workflow global ${['agent', 'parallel', 'pipeline', 'workflow', 'log', 'phase'][i]}`) }
      return new Proxy(hook, { set: refuse, defineProperty: refuse, deleteProperty: refuse, setPrototypeOf: refuse })
    })
    return { args: readOnly(copy), agent: fixed[0], parallel: fixed[1], pipeline: fixed[2], workflow: fixed[3], budget: readOnly(budget), log: fixed[4], phase: fixed[5] }
  }
  return { args: copy, agent, parallel, pipeline, workflow, budget, log, phase }
}

function kind(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return value === undefined ? 'undefined' : `a ${typeof value}`
}

function byName(project, name) {
  for (const outer of ['.claude', '.agents', '.smol']) {
    const folder = join(project, outer, 'workflows')
    if (!existsSync(folder)) continue
    for (const file of readdirSync(folder).filter((file) => file.endsWith('.js')).sort()) {
      try {
        if (metadata(readFileSync(join(folder, file), 'utf8')).name === name) return join(folder, file)
      } catch {}
    }
  }
}

// --- agents: requests wait in line, answers come one at a time ----------------------------------------------------

function said(run, call) {
  run.queue.push({ said: call })
  pump(run)
}

async function pump(run) {
  if (run.pumping) return
  run.pumping = true
  while (run.queue.length > 0 || run.ready.length > 0) {
    // Requests that a turn leaves behind are taken in together when it is over.
    await turn()
    const event = run.queue.shift()
    if (event?.said) request(run, event.said)
    while (run.queue[0]?.said) request(run, run.queue.shift().said)
    if (event?.finished) finished(run, event.finished)
    while (run.waiting.length > 0 && run.running < run.cap) {
      run.running++
      attempt(run, run.waiting.shift())
    }
    const next = run.ready.shift()
    if (next) {
      next.state.snapshot = { ...run.budget }
      next.deliver()
    }
  }
  run.pumping = false
}

const realImmediate = setImmediate
const turn = () => new Promise((resolve) => realImmediate(resolve))

async function delivery(run, state) {
  await turn()
  state.snapshot = { ...run.budget }
}

function request(run, call) {
  const refuse = (name, message, code) => call.reject(Object.assign(named(name, message), { code }))
  const { total, spent } = run.budget
  if (call.state.isBody && total !== null && spent >= total) {
    return refuse('BudgetExhaustedError', `the budget of ${total} output tokens is used up: ${spent} were spent`, 'ERR_BUDGET_EXHAUSTED')
  }
  if (run.issued >= run.most) {
    return refuse('AgentLimitError', `the run has made its ${run.issued} agent calls; maxAgents allows no more`, 'ERR_AGENT_LIMIT')
  }
  run.issued++
  run.waiting.push({ ...call, attempts: 0 })
}

const named = (name, message) => Object.defineProperty(new Error(message), 'name', { value: name, enumerable: false })

function attempt(run, call) {
  call.attempts++
  const { options } = call
  const failed = (error) => run.queue.push({ finished: { call, error } })
  const provider = options?.provider || 'debug'
  let validate
  if (options && 'schema' in options) {
    try {
      validate = compile(options.schema)
    } catch (error) {
      return failed(error)
    }
  }
  if (provider !== 'debug') return failed(new Error(`Unknown agent provider: ${provider}`))
  const prompt = call.repair ?? call.prompt
  const seen = {}
  if (prompt !== undefined) seen.prompt = typeof prompt === 'string' && [...prompt].length > 200
    ? `${[...prompt].slice(0, 100).join('')}… (${[...prompt].length} characters)` : prompt
  if (options !== undefined) seen.options = options
  if (call.attempts > 1) seen.attempt = call.attempts
  run.calls.push(seen)
  try {
    const output = options?.schema ? sample(options.schema) : `echo: ${prompt}`
    const used = tokens(JSON.stringify(output))
    tokens(prompt)
    const errors = validate && !validate(output) ? validate.errors.map((error) => `${error.instancePath || '/'} ${error.message}`) : undefined
    run.queue.push({ finished: { call, output, used, errors } })
  } catch (error) {
    failed(error)
  }
}

const tokens = (text) => Math.max(1, Math.ceil(text.length / 4))

function finished(run, { call, error, output, used, errors }) {
  if (used) run.budget.spent += used
  const { state } = call
  if (error) {
    const retry = call.options?.retry
    call.failures = (call.failures ?? 0) + 1
    const unknown = error.message.startsWith('Unknown agent provider')
    if (retry && !unknown && call.failures < (retry.maxAttempts ?? 2)) throw new Error('retry is not modelled')
    run.running--
    const rejection = new Error(String(error), { cause: error })
    run.ready.push({ state, deliver: () => (state.isBody ? call.resolve(null) : call.reject(rejection)) })
  } else if (errors && !call.repair) {
    call.repair = [
      call.prompt, '', 'Previous structured output failed JSON Schema validation.',
      'Return a corrected structured output that satisfies the original JSON Schema.', 'Validation errors:',
      ...errors.map((error) => `- ${error}`),
    ].join('\n')
    attempt(run, call)
  } else if (errors) {
    run.running--
    const cause = Object.assign(new Error(`Structured output did not match JSON Schema: ${errors.join('; ')}`), { code: 'ERR_SCHEMA_MISMATCH' })
    run.ready.push({ state, deliver: () => call.reject(Object.assign(new Error(String(cause), { cause }), { code: cause.code })) })
  } else {
    run.running--
    const json = JSON.stringify(output)
    run.ready.push({ state, deliver: () => call.resolve(json === undefined ? undefined : JSON.parse(json)) })
  }
}

function compile(schema) {
  const Ajv = createRequire(join(process.cwd(), 'package.json'))('ajv')
  return new Ajv({ allErrors: true, strict: false, logger: false }).compile(schema)
}

/** The made-up answers of `debug`. */
function sample(schema) {
  if (schema === true) return 'debug'
  if (schema === false) return null
  if (schema.const !== undefined) return schema.const
  if (schema.enum?.length) return schema.enum[0] ?? null
  const alternatives = schema.oneOf?.length ? schema.oneOf : schema.anyOf
  if (alternatives?.length) return sample(alternatives[0])
  if (schema.allOf?.length) {
    const values = schema.allOf.map(sample)
    return values.every((value) => typeof value === 'object' && value && !Array.isArray(value)) ? Object.assign({}, ...values) : values.at(-1)
  }
  const type = (Array.isArray(schema.type) ? schema.type[0] : schema.type) ?? guess(schema)
  switch (type) {
    case 'null': return null
    case 'boolean': return true
    case 'integer':
    case 'number': return 0
    case 'string':
      return { email: 'debug@example.com', uri: 'https://example.com/debug', url: 'https://example.com/debug', 'date-time': '2000-01-01T00:00:00.000Z', date: '2000-01-01' }[schema.format] ?? 'debug-string'
    case 'array':
      if (schema.prefixItems?.length) return schema.prefixItems.map(sample)
      return schema.items && !Array.isArray(schema.items) ? [sample(schema.items)] : []
    case 'object': {
      const made = {}
      for (const [key, value] of Object.entries(schema.properties ?? {})) made[key] = sample(value)
      for (const key of schema.required ?? []) if (!(key in made)) made[key] = 'debug'
      return made
    }
  }
}

function guess(schema) {
  const has = (...keys) => keys.some((key) => key in schema)
  if (has('properties', 'required', 'additionalProperties')) return 'object'
  if (has('items', 'prefixItems')) return 'array'
  if (has('minimum', 'maximum', 'multipleOf')) return 'number'
  return has('minLength', 'maxLength', 'pattern', 'format') ? 'string' : 'object'
}

/** What this model cannot know, with the reason. */
const KNOWN = {
  'children-by-name result.value.reviews.0.global': 'children share one global object here',
  'children-by-name result.value.reviews.1.global': 'children share one global object here',
  'refused-globals *': 'Node.js has them, and the model needs some',
  'children-that-do-not-load *': 'the messages are the engine\'s own',
  'sleeps *': 'not modelled',
  ...Object.fromEntries(
    ['concurrency', 'fail-fast', 'min-success', 'options-refused', 'settle', 'timeout'].map((name) => [`parallel-${name} *`, 'not modelled']),
  ),
  'console-beyond-lines *': 'not modelled; __test__/console.test.mjs compares with Node.js',
  'module-parallel-options *': 'not modelled',
  'agent-retry *': 'not modelled',
  'module-agent-retry *': 'not modelled',
}

if (process.argv[2] === '--one') await one(process.argv[3])
else all(process.argv.slice(2))
