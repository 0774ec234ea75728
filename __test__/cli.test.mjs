// `smol-wf` as its users see it: what goes to stdout and stderr, and how it exits.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { cli, folder, node, root, script, smolWf } from './support.mjs'

const SHOW_ARGS = script('export default (args) => ({ args })')
const NOT_ON_WINDOWS = { skip: process.platform === 'win32' && 'Windows has no such signals' }

/** Runs one script, given as text; `tokens` follow its path. */
async function runScript(t, text, tokens = [], options = {}) {
  const dir = folder(t, { 'script.js': text })
  return smolWf(['run', join(dir, 'script.js'), ...tokens], options)
}

function succeeds({ code, stdout, stderr }, result, progress = '') {
  assert.equal(stderr, progress)
  assert.equal(code, 0)
  assert.equal(stdout, `${JSON.stringify(result, null, 2)}\n`)
}

function fails({ code, stdout, stderr }, message) {
  assert.equal(stdout, '')
  assert.equal(code, 1)
  assert.match(stderr, /^smol-wf: /m)
  assert.match(stderr, message)
}

test('help is what the snapshot says', async () => {
  const parts = []
  for (const command of [undefined, 'run', 'resume', 'fork', 'cancel', 'history', 'events', 'list', 'check', 'doctor', 'absurd']) {
    const args = command === undefined ? ['--help'] : [command, '--help']
    const { code, stdout, stderr } = await smolWf(args)
    assert.deepEqual([code, stderr], [0, ''], args.join(' '))
    assert.ok(stdout.endsWith('\n\n'), 'help ends with a blank line')
    parts.push(`$ smol-wf ${args.join(' ')}\n${stdout}`)
  }
  const snapshot = readFileSync(new URL('cli-help.snapshot.txt', import.meta.url), 'utf8')
  assert.equal(parts.join(''), snapshot)
})

test('no command, -h and the other spellings give the same help', async () => {
  for (const [spelling, same] of [
    [[], ['--help']],
    [['-h'], ['--help']],
    [['run', '-h'], ['run', '--help']],
    [['list', '-h'], ['list', '--help']],
    [['absurd'], ['absurd', '--help']],
    [['absurd', '-h'], ['absurd', '--help']],
  ]) {
    assert.deepEqual(await smolWf(spelling), await smolWf(same))
  }
})

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { code, stdout, stderr } = await smolWf(['--version'])
  assert.deepEqual([code, stdout, stderr], [0, `${version}\n`, ''])
})

test('help, the version and mistakes need no engine', async (t) => {
  const dir = folder(t, { 'package.json': readFileSync(join(root, 'package.json'), 'utf8') })
  cpSync(join(root, 'dist', 'cli'), join(dir, 'dist', 'cli'), { recursive: true })
  cpSync(cli, join(dir, 'dist', 'cli.js'))
  for (const [args, expected] of [
    [['--help'], 0],
    [['--version'], 0],
    [['run', 's.js', '--nope'], 1],
    [['check', '--nope'], 2],
  ]) {
    const { code, stderr } = await node([join(dir, 'dist', 'cli.js'), ...args])
    assert.equal(code, expected, stderr)
  }
})

test('a mistake on the command line', async (t) => {
  for (const [args, message] of [
    [['nope'], /^smol-wf: Unknown command: nope\nhint: /],
    [['run'], /^smol-wf: Missing workflow script path\n$/],
    [['absurd', 'nope'], /^smol-wf: Unknown absurd subcommand: nope\n$/],
  ]) {
    fails(await smolWf(args), message)
  }
  for (const [tokens, message] of [
    [['--my-arg1', 'x'], /Unknown option: --my-arg1\. Run arguments must use --args-<name> or --args-from-file\./],
    [['--agent-provider', 'nope'], /^smol-wf: Unknown agent provider: nope$/m],
    [['--agent-provider'], /^smol-wf: Unknown agent provider: true$/m],
    [['--backend', 'nope'], /^smol-wf: Unknown backend: nope$/m],
    [['--db', 'x'], /^smol-wf: Backend options require --backend absurd: --db x\nhint: with --durable, /m],
    [['--args', '{a:1}'], /^smol-wf: --args must be valid JSON: .*\nhint: /],
    [['--args-from-file', 'no-such-file'], /^smol-wf: ENOENT: no such file or directory, open 'no-such-file'$/m],
  ]) {
    fails(await runScript(t, SHOW_ARGS, tokens), message)
  }
})

test('a bad provider or budget in the environment', async (t) => {
  for (const [env, message] of [
    [{ SMOL_WF_AGENT_PROVIDER: 'nope' }, /^smol-wf: Unknown agent provider: nope$/m],
    [{ SMOL_WF_BUDGET_ALLOWANCE: '' }, /^smol-wf: SMOL_WF_BUDGET_ALLOWANCE must be a non-negative integer$/m],
  ]) {
    fails(await runScript(t, SHOW_ARGS, [], { env }), message)
  }
})

test('arguments reach a script with a default export', async (t) => {
  const file = { 'args.json': '{"mode":"from-file","n":1}' }
  const dir = folder(t, { ...file, 'script.js': SHOW_ARGS })
  for (const [tokens, args] of [
    [[], {}],
    [
      ['--args-my-arg1', 'arg-value-1', '--args-my-arg2=a=b', '--args-flag'],
      { 'my-arg1': 'arg-value-1', 'my-arg2': 'a=b', flag: true },
    ],
    [['--args-from-file', 'args.json', '--args-n', '2'], { mode: 'from-file', n: [1, '2'] }],
    [['--args', '{"deep":{"list":[1,null,"ü"]}}'], { deep: { list: [1, null, 'ü'] } }],
    [['--args-toString', 'x'], { toString: 'x' }],
  ]) {
    succeeds(await smolWf(['run', 'script.js', ...tokens], { cwd: dir }), { args })
  }
})

test('arguments reach a script that is a function body, whatever JSON they are', async (t) => {
  const text = script('return { type: typeof args, args: args === undefined ? "none" : args }')
  for (const [tokens, result] of [
    [[], { type: 'undefined', args: 'none' }],
    [['--args', '"text"'], { type: 'string', args: 'text' }],
    [['--args', '[1,2]'], { type: 'object', args: [1, 2] }],
    [['--args', '0'], { type: 'number', args: 0 }],
    [['--args', 'false'], { type: 'boolean', args: false }],
    [['--args-a', 'x'], { type: 'object', args: { a: 'x' } }],
  ]) {
    succeeds(await runScript(t, text, tokens), result)
  }
})

test('a large argument', async (t) => {
  const dir = folder(t, {
    'args.json': JSON.stringify({ text: 'x'.repeat(1_000_000) }),
    'script.js': script('export default ({ text }) => text.length'),
  })
  succeeds(await smolWf(['run', 'script.js', '--args-from-file', 'args.json'], { cwd: dir }), 1_000_000)
})

test('results are printed as JSON', async (t) => {
  for (const [text, result] of [
    ['export default undefined', null],
    ['export default null', null],
    ['export default "ü\\n"', 'ü\n'],
    ['export default { a: [1, undefined, NaN], b: undefined }', { a: [1, null, null] }],
    ['export default []', []],
    ['return undefined', null],
    ['return', null],
    ['return 5', 5],
  ]) {
    succeeds(await runScript(t, script(text)), result)
  }
})

test('a large result arrives whole', async (t) => {
  succeeds(await runScript(t, script('export default "x".repeat(3_000_000)')), 'x'.repeat(3_000_000))
})

test('the debug provider answers unless told otherwise', async (t) => {
  const text = script('export default agent("hello")')
  for (const [tokens, env] of [
    [[], {}],
    [['--agent-provider', 'debug'], {}],
    [['--agent-provider=debug'], { SMOL_WF_AGENT_PROVIDER: 'nope' }],
    [['--max-parallel-agents', '1'], {}],
    [['--max-parallel-agents', 'none'], {}],
  ]) {
    succeeds(await runScript(t, text, tokens, { env }), 'echo: hello')
  }
})

test('the budget reaches the script', async (t) => {
  const text = script('export default [budget.total, budget.remaining() === Infinity]')
  for (const [tokens, env, result] of [
    [[], {}, [null, true]],
    [['--budget-allowance', '500'], {}, [500, false]],
    [[], { SMOL_WF_BUDGET_ALLOWANCE: '7' }, [7, false]],
    [['--budget-allowance=0'], { SMOL_WF_BUDGET_ALLOWANCE: '7' }, [0, false]],
  ]) {
    succeeds(await runScript(t, text, tokens, { env }), result)
  }
})

test('progress goes to stderr, in order', async (t) => {
  const text = script(`
    phase('Plan')
    log('one', { a: [1] }, undefined)
    console.log('two', { b: 2 })
    phase('Do', { detail: 'x' })
    log()
    await agent('p')
    console.error('three')
    log('four')
    export default 'done'`)
  succeeds(
    await runScript(t, text),
    'done',
    "[phase] Plan\n[log] one { a: [ 1 ] } null\ntwo { b: 2 }\n[phase] Do { detail: 'x' }\n[log] \nthree\n[log] four\n",
  )
})

test('a failing script', async (t) => {
  for (const [text, message] of [
    [script('export default () => { throw new RangeError("out of range") }'), /^smol-wf: RangeError: out of range$/m],
    [script('throw new Error("boom")\nexport default 1'), /^smol-wf: Error: boom$/m],
    [script('return Promise.reject(new Error("boom"))'), /^smol-wf: Error: boom$/m],
    ['export default 1\n', /Workflow script must export valid literal metadata/],
    ['', /Workflow script must export valid literal metadata/],
    [script('const unused = 1'), /Workflow script must default export a workflow result or function/],
    [script('\n\nexport default ]'), /^smol-wf: SyntaxError: [^]*script\.js:3:/],
  ]) {
    fails(await runScript(t, text), message)
  }
  fails(await smolWf(['run', 'no-such-file.js']), /Workflow script must export valid literal metadata/)
})

test('what can be done about an error stands below it', async (t) => {
  const waiting = script('export default new Promise(() => {})')
  fails(await runScript(t, waiting), /^smol-wf: .*nothing can settle any more.*\nhint: \S.*\n$/)
})

test('a failed agent call that became null leaves its reason', async (t) => {
  // Without a prompt the debug provider fails, as the original's does.
  const call = 'agent(undefined, { label: "review" })'
  const body = await runScript(t, script(`return [await ${call}]`))
  assert.deepEqual([body.code, JSON.parse(body.stdout)], [0, [null]])
  assert.match(body.stderr, /^\[agent\] review: Cannot read properties of undefined/)

  // Where the call rejects, the script knows, and stderr is the script's own.
  succeeds(await runScript(t, script(`export default await ${call}.catch(() => 'caught')`)), 'caught')
})

test('warnings are shown', async (t) => {
  const { code, stderr } = await runScript(t, script('export default agent("p", { colour: "red" })'))
  assert.equal(code, 0)
  assert.match(stderr, /^\[warning\] .*colour/)
})

test('timers left behind do not keep the process', async (t) => {
  const started = Date.now()
  succeeds(await runScript(t, script('setTimeout(() => log("late"), 3_600_000)\nexport default 1')), 1)
  assert.ok(Date.now() - started < 30_000)
})

test('children are found beside the script, whatever the working directory is', async (t) => {
  const dir = folder(t, {
    'flows/parent.js': script('export default async () => workflow({ scriptPath: "./child.js" }, { n: 1 })'),
    'flows/child.js': SHOW_ARGS,
    'elsewhere/empty.txt': '',
  })
  succeeds(await smolWf(['run', '../flows/parent.js'], { cwd: join(dir, 'elsewhere') }), { args: { n: 1 } })
})

test('a reader that has seen enough gets no stack trace', NOT_ON_WINDOWS, async (t) => {
  const dir = folder(t, { 'script.js': script('export default "x".repeat(3_000_000)') })
  const child = spawn(process.execPath, [cli, 'run', join(dir, 'script.js')], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.once('data', () => child.stdout.destroy())
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.deepEqual([code, stderr], [0, ''])
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  test(`${signal} cancels the run and lets the script clean up`, NOT_ON_WINDOWS, async (t) => {
    const dir = folder(t, {
      'parent.js': script(`export default async () => {
        log('started')
        try {
          await workflow({ scriptPath: './waits.js' })
        } finally {
          log('cleaned up')
        }
      }`),
      'waits.js': script('export default () => new Promise((resolve) => setTimeout(resolve, 3_600_000))'),
    })
    let sent = false
    const { code, stdout, stderr } = await smolWf(['run', join(dir, 'parent.js')], {
      onStderr(child, text) {
        if (sent || !text.includes('[log] started\n')) return
        sent = true
        child.kill(signal)
      },
    })
    assert.equal(stdout, '')
    assert.match(
      stderr,
      /^\[log\] started\nsmol-wf: stopping; [^\n]*\n\[log\] cleaned up\nsmol-wf: [^\n]*cancelled[^\n]*\n/,
    )
    assert.equal(code, status)
  })
}

test('a second signal ends the process at once', NOT_ON_WINDOWS, async (t) => {
  // The script answers the cancellation with an endless loop, which only the limits of the sandbox would end.
  const dir = folder(t, {
    'parent.js': script(`export default async () => {
      log('started')
      try {
        await workflow({ scriptPath: './waits.js' })
      } finally {
        for (;;) {}
      }
    }`),
    'waits.js': script('export default () => new Promise((resolve) => setTimeout(resolve, 3_600_000))'),
  })
  let sent = 0
  let secondAt = 0
  const { code, stdout } = await smolWf(['run', join(dir, 'parent.js')], {
    onStderr(child, text) {
      if (sent === 0 && text.includes('[log] started\n')) {
        sent = 1
        child.kill('SIGINT')
      } else if (sent === 1 && text.includes('smol-wf: stopping')) {
        sent = 2
        secondAt = Date.now()
        child.kill('SIGINT')
      }
    },
  })
  assert.deepEqual([code, stdout], [130, ''])
  assert.ok(Date.now() - secondAt < 1_000, 'within a second')
})
