// What command lines mean, and what is said about those that mean nothing. Needs no engine.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseCommand } from '../dist/cli/parse.js'
import { globalStore } from '../dist/cli/store-path.js'

const FILES = {
  'a.json': '{"a":1}',
  'null.json': '{"a":null}',
  'list.json': '{"a":[1,2],"b":"x"}',
  'empty-name.json': '{"":1}',
  'proto.json': '{"__proto__":1}',
  'array.json': '[1]',
  'scalar.json': '5',
  'nothing.json': 'null',
  'broken.json': '{broken',
}

function parse(argv, env = {}) {
  return parseCommand(argv, {
    env,
    readFile(path) {
      if (Object.hasOwn(FILES, path)) return FILES[path]
      throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })
    },
  })
}

/** `run s.js` followed by `tokens`. */
function run(tokens, env) {
  return parse(['run', 's.js', ...tokens], env)
}

function messageOf(call) {
  try {
    call()
  } catch (error) {
    return error.message
  }
  return 'no error'
}

test('commands', () => {
  for (const [argv, expected] of [
    [[], { kind: 'help', topic: 'general' }],
    [[''], { kind: 'help', topic: 'general' }],
    [['--help'], { kind: 'help', topic: 'general' }],
    [['-h'], { kind: 'help', topic: 'general' }],
    [['--help', 'more'], { kind: 'help', topic: 'general' }],
    [['--version'], { kind: 'version' }],
    [['-V'], { kind: 'version' }],
    [['run', '--help'], { kind: 'help', topic: 'run' }],
    [['run', '-h'], { kind: 'help', topic: 'run' }],
    [['absurd'], { kind: 'help', topic: 'absurd' }],
    [['absurd', '--help'], { kind: 'help', topic: 'absurd' }],
    [['absurd', '-h'], { kind: 'help', topic: 'absurd' }],
    [['check', '--help'], { kind: 'help', topic: 'check' }],
    [['check', 'a.js', '-h'], { kind: 'help', topic: 'check' }],
  ]) {
    assert.deepEqual(parse(argv), expected, argv.join(' '))
  }
})

test('check', () => {
  const plain = { kind: 'check', paths: ['a.js'], json: false, strict: false, cwd: undefined, imports: 'none' }
  for (const [argv, expected] of [
    [['a.js'], plain],
    [['a.js', 'b', '--json', '--strict'], { ...plain, paths: ['a.js', 'b'], json: true, strict: true }],
    [['--cwd', 'p', 'a.js'], { ...plain, cwd: 'p' }],
    [['--cwd=p', 'a.js'], { ...plain, cwd: 'p' }],
    [['--imports', 'relative', 'a.js'], { ...plain, imports: 'relative' }],
    [['a.js', '--imports=none'], plain],
    [['--', '--json', 'a.js'], { ...plain, paths: ['--json', 'a.js'] }],
  ]) {
    assert.deepEqual(parse(['check', ...argv]), expected, argv.join(' '))
  }
  for (const [argv, message] of [
    [[], 'Missing workflow script path'],
    [['--json'], 'Missing workflow script path'],
    [[''], 'Missing workflow script path'],
    [['a.js', '--nope'], 'Unknown option: --nope'],
    [['a.js', '-'], 'Unknown option: -'],
    [['a.js', '--json=1'], 'Unknown option: --json=1'],
    [['a.js', '--imports'], '--imports must be none or relative'],
    [['a.js', '--imports=all'], '--imports must be none or relative'],
    [['a.js', '--cwd'], 'Missing value for --cwd'],
    [['a.js', '--cwd='], 'Missing value for --cwd'],
    [['a.js', '--cwd', '--json'], 'Missing value for --cwd'],
  ]) {
    assert.throws(() => parse(['check', ...argv]), { name: 'UsageError', message, exitCode: 2 }, argv.join(' '))
  }
})

test('a run without options leaves every choice open', () => {
  assert.deepEqual(run([]), {
    kind: 'run',
    scriptPath: 's.js',
    args: undefined,
    agentProvider: undefined,
    config: undefined,
    budgetTotal: undefined,
    maxParallelAgents: undefined,
    imports: 'none',
    durable: undefined,
    absurd: undefined,
  })
})

test('a durable run', () => {
  const plain = { store: { db: undefined, global: false }, runId: undefined, synchronous: undefined, keepOutput: true }
  for (const [tokens, expected] of [
    [[], undefined],
    [['--durable'], plain],
    [['--run-id', 'r'], { ...plain, runId: 'r' }],
    [['--durable', '--db', 'x.db'], { ...plain, store: { db: 'x.db', global: false } }],
    [['--db=--x', '--run-id=r'], { ...plain, runId: 'r', store: { db: '--x', global: false } }],
    [['--durable', '--global'], { ...plain, store: { db: undefined, global: true } }],
    [['--durable', '--synchronous', 'normal'], { ...plain, synchronous: 'normal' }],
    [['--durable', '--no-output'], { ...plain, keepOutput: false }],
  ]) {
    assert.deepEqual(run(tokens).durable, expected, tokens.join(' '))
  }
  for (const [tokens, message] of [
    [['--run-id'], 'Missing value for --run-id'],
    [['--run-id='], 'Missing value for --run-id'],
    [['--durable', '--db'], 'Missing value for --db'],
    [['--durable', '--db', 'x', '--global'], '--db and --global name different stores: leave one of them out'],
    [['--durable', '--synchronous', 'off'], '--synchronous must be full or normal: off'],
    [['--synchronous', 'full'], '--synchronous requires --durable'],
    [['--global'], '--global requires --durable'],
    [['--no-output'], '--no-output requires --durable'],
    [['--backend', 'absurd', '--no-output'], '--no-output is for the backend simple'],
    [['--durable=1'], 'Unknown option: --durable=1. Run arguments must use --args-<name> or --args-from-file.'],
    [['--durable', '--queue', 'q', '--db', 'x'], 'Backend options require --backend absurd: --queue q'],
    [['--durable', '--backend', 'absurd'], '--durable and --run-id are for the backend simple'],
    [['--backend', 'absurd', '--global'], '--global and --synchronous are for the backend simple'],
  ]) {
    assert.equal(messageOf(() => run(tokens)), message, tokens.join(' '))
  }
})

test('resume', () => {
  const plain = {
    kind: 'resume',
    store: { db: undefined, global: false },
    id: 'r',
    source: undefined,
    drift: undefined,
    from: undefined,
    retryFailed: false,
    synchronous: undefined,
    agentProvider: undefined,
    config: undefined,
    budgetTotal: undefined,
    maxParallelAgents: undefined,
  }
  for (const [tokens, expected, env] of [
    [['r'], plain],
    [['--all'], { ...plain, id: undefined }],
    [['--all', '--drift', 'match'], { ...plain, id: undefined, drift: 'match' }],
    [['r', '--source', 's.js', '--drift=prefix'], { ...plain, source: 's.js', drift: 'prefix' }],
    [['--retry-failed', 'r', '--no-config'], { ...plain, retryFailed: true, config: false }],
    [['r', '--db', 'x', '--config', 'c.json'], { ...plain, store: { db: 'x', global: false }, config: 'c.json' }],
    [['r', '--global', '--synchronous', 'normal'], { ...plain, store: { db: undefined, global: true }, synchronous: 'normal' }],
    [['r', '--budget-allowance', '5', '--max-parallel-agents', 'none'], { ...plain, budgetTotal: 5, maxParallelAgents: Infinity }],
    [['r'], { ...plain, agentProvider: 'codex' }, { SMOL_WF_AGENT_PROVIDER: 'codex', SMOL_WF_BUDGET_ALLOWANCE: '7' }],
    [['r', '--agent-provider', 'pi'], { ...plain, agentProvider: 'pi' }, { SMOL_WF_AGENT_PROVIDER: 'codex' }],
    [['r', '--from', '12'], { ...plain, from: 12 }],
    [['r', '--from=Fix it'], { ...plain, from: 'Fix it' }],
    [['r', '-h'], { kind: 'help', topic: 'resume' }],
  ]) {
    assert.deepEqual(parse(['resume', ...tokens], env), expected, tokens.join(' '))
  }
  for (const [tokens, message] of [
    [[], 'Missing id of a run'],
    [['a', 'b'], 'One run at a time: b is too much'],
    [['r', '--all'], 'Either --all or the id of a run: r'],
    [['--all', '--source', 's.js'], '--source is for one run, not for --all'],
    [['--all', '--from', '1'], '--from is for one run, not for --all'],
    [['--all', '--retry-failed'], /^--retry-failed is for one run/],
    [['r', '--drift', 'maybe'], '--drift must be fail, match or prefix: maybe'],
    [['r', '--source'], 'Missing value for --source'],
    [['r', '--args-a', 'x'], 'Unknown option: --args-a'],
  ]) {
    assert.throws(() => parse(['resume', ...tokens]), { name: 'UsageError', message, exitCode: 1 }, tokens.join(' '))
  }
})

test('fork', () => {
  const plain = {
    kind: 'fork',
    store: { db: undefined, global: false },
    id: 'r',
    runId: undefined,
    args: undefined,
    source: undefined,
    drift: undefined,
    from: undefined,
    synchronous: undefined,
    agentProvider: undefined,
    config: undefined,
    budgetTotal: undefined,
    maxParallelAgents: undefined,
  }
  for (const [tokens, expected] of [
    [['r'], plain],
    [['r', '--run-id', 'f', '--from', '3', '--drift', 'match'], { ...plain, runId: 'f', from: 3, drift: 'match' }],
    [['--args-x', '1', 'r', '--args-y'], { ...plain, args: { x: '1', y: true } }],
    [['r', '--args', '[1]', '--source', 's.js', '--no-config'], { ...plain, args: [1], source: 's.js', config: false }],
    [['--help'], { kind: 'help', topic: 'fork' }],
  ]) {
    assert.deepEqual(parse(['fork', ...tokens]), expected, tokens.join(' '))
  }
  for (const [tokens, message] of [
    [[], 'Missing id of a run'],
    [['r', '--from'], 'Missing value for --from'],
    [['r', '--retry-failed'], 'Unknown option: --retry-failed'],
    [['r', '--all'], 'Unknown option: --all'],
  ]) {
    assert.throws(() => parse(['fork', ...tokens]), { name: 'UsageError', message, exitCode: 1 }, tokens.join(' '))
  }
})

test('history, cancel and events', () => {
  const store = { db: undefined, global: false }
  const list = { kind: 'history', store, status: [], name: undefined, since: undefined, limit: undefined, json: false }
  const gone = { kind: 'history-delete', store, ids: [], status: [], name: undefined, before: undefined, dryRun: false }
  const events = { kind: 'events', store, id: 'r', from: 1, follow: false, json: false }
  for (const [argv, expected] of [
    [['history'], list],
    [['history', '--status', 'failed,running', '--json'], { ...list, status: ['failed', 'running'], json: true }],
    [['history', '--name', 'n', '--limit=3'], { ...list, name: 'n', limit: 3 }],
    [['history', '--since', '90m'], { ...list, since: { ago: 5_400_000 } }],
    [['history', '--since', '1.5h'], { ...list, since: { ago: 5_400_000 } }],
    [['history', '--since', '2w'], { ...list, since: { ago: 1_209_600_000 } }],
    [['history', '--since', '2024-02-29'], { ...list, since: { at: new Date(2024, 1, 29).getTime() } }],
    [['history', '--since', '2024-02-29 18:30'], { ...list, since: { at: new Date(2024, 1, 29, 18, 30).getTime() } }],
    [['history', '--since', '2024-02-29T18:30:15Z'], { ...list, since: { at: Date.UTC(2024, 1, 29, 18, 30, 15) } }],
    [['history', 'show', 'r'], { kind: 'history-show', store, id: 'r', output: undefined, json: false }],
    [['history', 'show', '--json', 'r'], { kind: 'history-show', store, id: 'r', output: undefined, json: true }],
    [['history', 'show', 'r', '--output', '0'], { kind: 'history-show', store, id: 'r', output: 0, json: false }],
    [['history', 'delete', 'a', 'b', '--dry-run'], { ...gone, ids: ['a', 'b'], dryRun: true }],
    [['history', 'delete', '--before', '30d'], { ...gone, before: { ago: 2_592_000_000 } }],
    [['history', 'delete', '--status=failed', '--name', 'n'], { ...gone, status: ['failed'], name: 'n' }],
    [['history', 'delete', '--help'], { kind: 'help', topic: 'history' }],
    [['cancel', 'r'], { kind: 'cancel', store, id: 'r', reason: undefined }],
    [['cancel', '--reason', 'too slow', 'r'], { kind: 'cancel', store, id: 'r', reason: 'too slow' }],
    [['events', 'r'], events],
    [['events', 'r', '--follow', '--json', '--from', '7'], { ...events, from: 7, follow: true, json: true }],
  ]) {
    assert.deepEqual(parse(argv), expected, argv.join(' '))
  }
  for (const [argv, message] of [
    [['history', 'r'], 'Unknown history subcommand: r'],
    [['history', '--status', 'done'], /^--status must be queued, .* or cancelled: done$/],
    [['history', '--since', '5'], '--since must be a duration or a date: 5'],
    [['history', '--since', 'yesterday'], '--since must be a duration or a date: yesterday'],
    [['history', '--since', '2023-02-29'], '--since must be a duration or a date: 2023-02-29'],
    [['history', '--since', '2024-02-29T25:00'], '--since must be a duration or a date: 2024-02-29T25:00'],
    [['history', '--limit', '0'], '--limit must be a positive integer'],
    [['history', 'show'], 'Missing id of a run'],
    [['history', 'show', 'r', '--output'], 'Missing value for --output'],
    [['history', 'show', 'r', '--output', '-1'], /--output/],
    [['history', 'delete'], 'Which runs are to be deleted?'],
    [['history', 'delete', '--name', 'n'], 'Which runs are to be deleted?'],
    [['history', 'delete', 'a', '--before', '1d'], 'Either ids of runs, or --status, --before and --name'],
    [['history', 'delete', ''], 'Missing id of a run'],
    [['cancel'], 'Missing id of a run'],
    [['cancel', 'r', '--reason'], 'Missing value for --reason'],
    [['events', 'r', '--from', '0'], '--from must be a positive integer'],
    [['events', 'r', '--nope'], 'Unknown option: --nope'],
  ]) {
    assert.throws(() => parse(argv), { name: 'UsageError', message, exitCode: 1 }, argv.join(' '))
  }
})

test('the store of the user', () => {
  for (const [platform, env, expected] of [
    ['linux', { HOME: '/h' }, '/h/.local/state/smol-wf/runs.db'],
    ['linux', { HOME: '/h', XDG_STATE_HOME: '/s' }, '/s/smol-wf/runs.db'],
    ['linux', { HOME: '/h', XDG_STATE_HOME: 'relative' }, '/h/.local/state/smol-wf/runs.db'],
    ['darwin', { HOME: '/h', XDG_STATE_HOME: '/s' }, '/h/Library/Application Support/smol-wf/runs.db'],
    ['win32', { LOCALAPPDATA: 'C:\\u\\l' }, 'C:\\u\\l\\smol-wf\\runs.db'],
    ['win32', { USERPROFILE: 'C:\\u' }, 'C:\\u\\AppData\\Local\\smol-wf\\runs.db'],
  ]) {
    assert.equal(globalStore(platform, env), expected)
  }
  assert.throws(() => globalStore('linux', {}), { name: 'UsageError', message: '--global needs $HOME, which is not set' })
})

test('the first token after run is the script, whatever it looks like', () => {
  for (const script of ['--args-a', '-x', '--', 'run', 'a b.js', '--backend=absurd']) {
    assert.equal(parse(['run', script]).scriptPath, script)
  }
})

test('named arguments', () => {
  for (const [tokens, expected] of [
    [['--args-name', 'value'], { name: 'value' }],
    [['--args-name=value'], { name: 'value' }],
    [['--args-name=a=b=c'], { name: 'a=b=c' }],
    [['--args-name='], { name: '' }],
    [['--args-name', ''], { name: '' }],
    [['--args-flag'], { flag: true }],
    [['--args-flag', '--args-other', 'x'], { flag: true, other: 'x' }],
    [['--args-n', '5'], { n: '5' }],
    [['--args-n', '-5'], { n: '-5' }],
    [['--args-n', '-'], { n: '-' }],
    [['--args-n=--x'], { n: '--x' }],
    [['--args-j', '{"a":1}'], { j: '{"a":1}' }],
    [['--args-a.b-cD', 'x'], { 'a.b-cD': 'x' }],
    [['--args-a', '1', '--args-a', 'x', '--args-a=z'], { a: ['1', 'x', 'z'] }],
    [['--args-a', '--args-a'], { a: [true, true] }],
    [['--args-args-a', 'x'], { 'args-a': 'x' }],
    [['--args-from-filex', '5'], { 'from-filex': '5' }],
    [['--args-toString', 'x'], { toString: 'x' }],
    [['--args-toString', 'x', '--args-toString', 'y'], { toString: ['x', 'y'] }],
  ]) {
    assert.deepEqual(run(tokens).args, expected, tokens.join(' '))
  }
})

test('an argument may be called __proto__', () => {
  for (const [tokens, expected] of [
    [['--args-__proto__', 'x'], '{"__proto__":"x"}'],
    [['--args-__proto__', 'x', '--args-__proto__', 'y'], '{"__proto__":["x","y"]}'],
    [['--args-from-file', 'proto.json', '--args-b'], '{"__proto__":1,"b":true}'],
  ]) {
    const { args } = run(tokens)
    assert.equal(JSON.stringify(args), expected)
    assert.equal(Object.getPrototypeOf(args), Object.prototype)
  }
})

test('arguments from files accumulate like named ones', () => {
  for (const [tokens, expected] of [
    [['--args-from-file', 'a.json'], { a: 1 }],
    [['--args-from-file=a.json'], { a: 1 }],
    [['--args-from-file', 'a.json', '--args-a', '2'], { a: [1, '2'] }],
    [['--args-a', '2', '--args-from-file', 'a.json'], { a: ['2', 1] }],
    [['--args-from-file', 'a.json', '--args-from-file', 'a.json'], { a: [1, 1] }],
    [['--args-from-file', 'null.json', '--args-a', 'x'], { a: [null, 'x'] }],
    [['--args-from-file', 'list.json', '--args-a', '3'], { a: [1, 2, '3'], b: 'x' }],
    [['--args-a', '0', '--args-from-file', 'list.json'], { a: ['0', [1, 2]], b: 'x' }],
  ]) {
    assert.deepEqual(run(tokens).args, expected, tokens.join(' '))
  }
})

test('--args takes any JSON value', () => {
  for (const [tokens, expected] of [
    [['--args', '{"a":[1]}'], { a: [1] }],
    [['--args={"a":"b=c"}'], { a: 'b=c' }],
    [['--args', '[1,2]'], [1, 2]],
    [['--args', '"text"'], 'text'],
    [['--args', '-5'], -5],
    [['--args', ' true '], true],
    [['--args', 'null'], null],
    [['--args', '1', '--args', '2'], 2],
  ]) {
    assert.deepEqual(run(tokens).args, expected, tokens.join(' '))
  }
})

test('options', () => {
  for (const [tokens, field, expected] of [
    [['--agent-provider', 'codex'], 'agentProvider', 'codex'],
    [['--agent-provider=codex'], 'agentProvider', 'codex'],
    [['--agent-provider', 'a', '--agent-provider', 'b'], 'agentProvider', 'b'],
    [['--agent-provider'], 'agentProvider', 'true'],
    [['--agent-provider', '--args-a'], 'agentProvider', 'true'],
    [['--agent-provider', '-x'], 'agentProvider', '-x'],
    [['--agent-provider='], 'agentProvider', ''],
    [['--config', 'a.json'], 'config', 'a.json'],
    [['--config=a=b'], 'config', 'a=b'],
    [['--no-config'], 'config', false],
    [['--config', 'a', '--no-config'], 'config', false],
    [['--no-config', '--config', 'a'], 'config', 'a'],
    [['--budget-allowance', '0'], 'budgetTotal', 0],
    [['--budget-allowance', '500'], 'budgetTotal', 500],
    [['--budget-allowance= 500 '], 'budgetTotal', 500],
    [['--budget-allowance', '1', '--budget-allowance', '2'], 'budgetTotal', 2],
    [['--max-parallel-agents', '1'], 'maxParallelAgents', 1],
    [['--max-parallel-agents=16'], 'maxParallelAgents', 16],
    [['--max-parallel-agents', 'none'], 'maxParallelAgents', Infinity],
    [['--imports', 'relative'], 'imports', 'relative'],
    [['--imports=none'], 'imports', 'none'],
    [['--backend', 'simple'], 'scriptPath', 's.js'],
    [['--backend', 'nope', '--backend', 'simple'], 'scriptPath', 's.js'],
  ]) {
    assert.equal(run(tokens)[field], expected, tokens.join(' '))
  }
})

test('the environment gives defaults', () => {
  for (const [tokens, env, field, expected] of [
    [[], { SMOL_WF_AGENT_PROVIDER: 'pi' }, 'agentProvider', 'pi'],
    [['--agent-provider', 'debug'], { SMOL_WF_AGENT_PROVIDER: 'pi' }, 'agentProvider', 'debug'],
    [[], { SMOL_WF_BUDGET_ALLOWANCE: '7' }, 'budgetTotal', 7],
    [['--budget-allowance', '0'], { SMOL_WF_BUDGET_ALLOWANCE: '7' }, 'budgetTotal', 0],
  ]) {
    assert.equal(run(tokens, env)[field], expected)
  }
})

test('mistakes', () => {
  const unknown = (token) => `Unknown option: ${token}. Run arguments must use --args-<name> or --args-from-file.`
  const budget = '--budget-allowance must be a non-negative integer'
  const cap = '--max-parallel-agents must be a positive integer or none'
  for (const [argv, message] of [
    [['nope'], 'Unknown command: nope'],
    [['help'], 'Unknown command: help'],
    [['--nope'], 'Unknown command: --nope'],
    [['run'], 'Missing workflow script path'],
    [['run', 's.js', '--imports', 'all'], '--imports must be none or relative'],
    [['run', 's.js', '--imports'], '--imports must be none or relative'],
    [['run', ''], 'Missing workflow script path'],
    [['absurd', 'nope'], 'Unknown absurd subcommand: nope'],
    [['run', 's.js', 'positional'], unknown('positional')],
    [['run', 's.js', '-x'], unknown('-x')],
    [['run', 's.js', '--'], unknown('--')],
    [['run', 's.js', '--help'], unknown('--help')],
    [['run', 's.js', '--my-arg1', 'v'], unknown('--my-arg1')],
    [['run', 's.js', '--concurrency=3'], unknown('--concurrency=3')],
    [['run', 's.js', '--argsx'], unknown('--argsx')],
    [['run', 's.js', '--args-a', 'v', 'more'], unknown('more')],
    [['run', 's.js', '--toString'], unknown('--toString')],
    [['run', 's.js', 'constructor'], unknown('constructor')],
    [['run', 's.js', '--args-'], 'Argument name cannot be empty'],
    [['run', 's.js', '--args-=v'], 'Argument name cannot be empty'],
    [['run', 's.js', '--args-from-file', 'empty-name.json'], 'Argument name cannot be empty'],
    [['run', 's.js', '--args-from-file'], 'Missing value for --args-from-file'],
    [['run', 's.js', '--args-from-file', '--args-a'], 'Missing value for --args-from-file'],
    [['run', 's.js', '--args-from-file='], 'Missing value for --args-from-file'],
    [['run', 's.js', '--args-from-file', 'array.json'], '--args-from-file must contain a JSON object: array.json'],
    [['run', 's.js', '--args-from-file', 'scalar.json'], '--args-from-file must contain a JSON object: scalar.json'],
    [['run', 's.js', '--args-from-file', 'nothing.json'], '--args-from-file must contain a JSON object: nothing.json'],
    [['run', 's.js', '--args-from-file', 'F'], "ENOENT: no such file or directory, open 'F'"],
    [['run', 's.js', '--args-from-file', 'broken.json'], messageOf(() => JSON.parse(FILES['broken.json']))],
    [['run', 's.js', '--args'], 'Missing value for --args'],
    [['run', 's.js', '--args', '--args-a'], '--args cannot be combined with --args-<name> or --args-from-file'],
    [['run', 's.js', '--args', '1', '--args-a'], '--args cannot be combined with --args-<name> or --args-from-file'],
    [
      ['run', 's.js', '--args-from-file', 'a.json', '--args=1'],
      '--args cannot be combined with --args-<name> or --args-from-file',
    ],
    [['run', 's.js', '--args', '{a:1}'], `--args must be valid JSON: ${messageOf(() => JSON.parse('{a:1}'))}`],
    [['run', 's.js', '--args='], `--args must be valid JSON: ${messageOf(() => JSON.parse(''))}`],
    [['run', 's.js', '--budget-allowance'], '--budget-allowance must be a number'],
    [['run', 's.js', '--budget-allowance', '--args-a'], '--budget-allowance must be a number'],
    ...['07', '1.5', '-1', '+1', '', 'abc', '1e3', '0x10', 'Infinity', '9007199254740993'].map((value) => [
      ['run', 's.js', '--budget-allowance', value],
      budget,
    ]),
    [['run', 's.js', '--max-parallel-agents'], '--max-parallel-agents must be a number'],
    ...['0', '-1', '1.5', '', 'many', 'Infinity'].map((value) => [
      ['run', 's.js', '--max-parallel-agents', value],
      cap,
    ]),
    [['run', 's.js', '--backend', 'nope'], 'Unknown backend: nope'],
    [['run', 's.js', '--backend'], 'Unknown backend: true'],
    [['run', 's.js', '--backend='], 'Unknown backend: '],
    [['run', 's.js', '--backend=absurd', '--imports', 'relative'], '--imports is for the backend simple'],
    [['run', 's.js', '--backend=absurd', '--max-parallel-agents=2'], '--max-parallel-agents is for the backend simple'],
    ...['--max-attempts', '--timeout', '--poll-interval', '--batch-size', '--claim-timeout'].flatMap((flag) => [
      [['run', 's.js', '--backend=absurd', flag], `${flag} must be a number`],
      [['run', 's.js', '--backend=absurd', flag, '0'], `${flag} must be a positive integer`],
      [['run', 's.js', '--backend=absurd', flag, '-3'], `${flag} must be a positive integer`],
      [['run', 's.js', '--backend=absurd', `${flag}=x`], `${flag} must be a positive integer`],
    ]),
    [['run', 's.js', '--db', 'x.db'], 'Backend options require --backend absurd: --db x.db'],
    [
      ['run', 's.js', '--queue=q', '--args-a', 'v', '--worker-id'],
      'Backend options require --backend absurd: --queue=q --worker-id',
    ],
    ...[
      '--db',
      '--extension',
      '--queue',
      '--task',
      '--idempotency-key',
      '--max-attempts',
      '--timeout',
      '--poll-interval',
      '--batch-size',
      '--claim-timeout',
      '--worker-id',
    ].map((flag) => [['run', 's.js', flag, 'v'], `Backend options require --backend absurd: ${flag} v`]),
  ]) {
    assert.throws(() => parse(argv), { message }, argv.join(' '))
  }
})

test('the variable for the budget is checked even where the flag is given', () => {
  for (const value of ['', 'abc', '-1', '07']) {
    assert.throws(() => run(['--budget-allowance', '5'], { SMOL_WF_BUDGET_ALLOWANCE: value }), {
      message: 'SMOL_WF_BUDGET_ALLOWANCE must be a non-negative integer',
    })
  }
})

test('of several mistakes the first in this order is reported', () => {
  const env = { SMOL_WF_BUDGET_ALLOWANCE: 'abc' }
  const mistakes = [
    [['--budget-allowance', 'x', '--nope'], {}, '--budget-allowance must be a non-negative integer'],
    [['--nope', '--budget-allowance', 'x'], {}, 'Unknown option: --nope'],
    [['--nope'], env, 'SMOL_WF_BUDGET_ALLOWANCE'],
    [['--args-from-file', 'F', '--args-=', '--nope'], {}, 'Unknown option: --nope'],
    [['--args-=', '--args-from-file', 'F'], {}, 'Argument name cannot be empty'],
    [['--backend', 'nope', '--args-from-file', 'F'], {}, 'ENOENT'],
    [['--db', 'x', '--args-from-file', 'F'], {}, 'ENOENT'],
    [['--db', 'x', '--backend', 'nope'], {}, 'Unknown backend: nope'],
  ]
  for (const [tokens, variables, start] of mistakes) {
    const message = messageOf(() => run(tokens, variables))
    assert.ok(message.startsWith(start), `${tokens.join(' ')}: ${message}`)
  }
})

test('mistakes that have a remedy carry it as a hint', () => {
  for (const argv of [
    ['nope'],
    ['run', 's.js', '--args', '{a:1}'],
    ['run', 's.js', '--args'],
  ]) {
    assert.throws(
      () => parse(argv),
      (error) => typeof error.details.hint === 'string' && error.details.hint.length > 0,
      argv.join(' '),
    )
  }
})
