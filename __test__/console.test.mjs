// console in scripts: what Node's own console would print, as far as there is no reason for anything else.

import assert from 'node:assert/strict'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { test } from 'node:test'

import { formatLogValue, runWorkflow } from '../dist/index.js'
import { folder, script, smolWf } from './support.mjs'

/** What a script writes to its console: `[level, text]` per line, as `smol-wf` shows it. */
async function written(code) {
  const lines = []
  await runWorkflow({
    source: `export const meta = { name: 'n', description: 'd' }\n${code}\nreturn`,
    scriptName: 'flow.js',
    onEvent(event) {
      if (event.type === 'log') lines.push([event.level, event.values.map(formatLogValue).join(' ')])
    },
  })
  return lines
}

/** What the same code writes in Node.js: `[stream, text]` per line of a call. */
function inNode(code) {
  const lines = []
  const into = (name) => new Writable({ write: (chunk, _, done) => (lines.push([name, String(chunk).replace(/\n$/, '')]), done()) })
  const own = new Console({ stdout: into('out'), stderr: into('err'), inspectOptions: { depth: 8, breakLength: Infinity, compact: true } })
  new Function('console', code)(own)
  return lines
}

test('it writes what the console of Node.js writes, each value in one line', async () => {
  const wrong = []
  for (const code of [
    // Values.
    'console.log()',
    'console.log("a", 1, true, null, undefined, NaN, -Infinity)',
    'console.log("two\\nlines", { a: [1, { b: "c" }] })',
    'console.log(Symbol("s"), "x")',
    'console.info("info"); console.debug("debug"); console.warn("warn"); console.error("error")',
    'console.dirxml({ a: 1 }, "b")',
    // Formats.
    'console.log("%s is %d of %i and %f", "a", 1.5, 1.9, "2.5x")',
    'console.log("100%")',
    'console.log("100%", 5)',
    'console.log("100%%")',
    'console.log("100%% of %s", "a")',
    'console.log("%s")',
    'console.log("%s %s", "one")',
    'console.log("%s", "one", "two", { three: 3 })',
    'console.log("%x %z %", 1)',
    'console.log("%%%s%%", 1)',
    'console.log("%c styled %c", "color: red", "")',
    'console.log("%s %s %s %s %s", 1, -0, null, undefined, true)',
    'console.log("%s %s", 10n, Symbol("x"))',
    'console.log("%d %d %d %d %d", "7", "x", null, undefined, -0)',
    'console.log("%d %i %f", 10n, 10n, Symbol("x"))',
    'console.log("%i %i %f %f", "12px", 0.0000001, "1e3", [])',
    'console.log("%s %s %s", {}, [1, "a"], { a: { b: 1 } })',
    'console.log("%s", { toString() { return "mine" } })',
    'console.log("%s", new (class Mine { toString() { return "mine" } })())',
    'console.log("%s", new (class Mine { x = 1 })())',
    'console.log("%s %s", new Date(0), /x/g)',
    'console.log("%s", () => 1)',
    'console.log("%s", class A {})',
    'console.log("%j %j %j", { a: [1, "b"] }, undefined, "x")',
    'console.log("%j", { toJSON() { return 1 } })',
    'console.log("%O", { a: 1, "b-c": "it\'s", d: [1, , 3], e: { f: { g: {} } } })',
    'console.log("%O %O %O %O", "text", 5, null, undefined)',
    'console.log("%O", [undefined, null, -0, 10n, Symbol("s"), "\\n", NaN])',
    'console.log("%O", { get a() { return 1 }, set b(x) {}, get c() { return 1 }, set c(x) {}, [Symbol("k")]: 1, 5: 1, $x: 1 })',
    'console.log("%O", [function f() {}, () => 1, async () => 1, function* g() {}, class A {}])',
    'console.log("%O", [new Map([["a", { b: 1 }]]), new Set([1, "x"]), new Map(), new Set()])',
    'console.log("%O", [new Uint8Array([1, 2]), new Date(NaN), Object.create(null), new (class Foo { a = 1 })()])',
    'console.log("%O", [new Number(5), new String("s"), new Boolean(false)])',
    'console.log("%O", Array.from({ length: 7 }, (_, i) => `${i}`))',
    'console.log("%O", ["it\'s", \'say "hi"\', `it\'s "it"`, `\\`it\'s\\` "it"`, "tab\\t"])',
    'console.log(5, "%s", "not a format")',
    'console.warn("%s!", "careful")',
    // dir.
    'console.dir({ a: { b: 1 } })',
    'console.dir("text")',
    'console.dir({ a: { b: { c: { d: {} } } } }, { depth: 1 })',
    'console.dir([1, [2, [3, [4]]]], { depth: 0 })',
    'console.dir({ a: { b: { c: { d: { e: 1 } } } } }, { depth: null })',
    // Groups.
    'console.group("A"); console.log("one"); console.group(); console.warn("two\\nlines"); console.groupEnd(); console.log("three"); console.groupEnd(); console.log("four")',
    'console.groupCollapsed("%s of %d", "A", 1); console.log("in", "it\\n!"); console.groupEnd(); console.groupEnd(); console.log("out")',
    'console.group("A", { b: 1 }); console.log(); console.log({ c: 1 }, "d"); console.log(5); console.table(7); console.error("e")',
    // assert, count.
    'console.assert(true, "no"); console.assert(1 === 1)',
    'console.assert(false); console.assert(0, "why", 5); console.assert("", "%s!", "why")',
    'console.count(); console.count(); console.count("a"); console.count(undefined); console.count(null); console.countReset(); console.count()',
    // time: only what has no time in it.
    'console.time("a"); console.time()',
    // table of what has no columns.
    'console.table("text"); console.table(5); console.table(null); console.table(undefined)',
  ]) {
    const stream = { debug: 'out', info: 'out', warn: 'err', error: 'err' }
    const [found, expected] = [(await written(code)).map(([level, text]) => [stream[level], text]), inNode(code)]
    if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push({ code, found, expected })
  }
  assert.deepEqual(wrong, [])
})

test('assert shows what is no text beside its own words', async () => {
  assert.deepEqual(await written('console.assert(null, { a: 1 })'), [['warn', 'Assertion failed { a: 1 }']])
})

test('levels', async () => {
  const code = 'console.log("%s", 1); console.dir(2); console.dirxml(3); console.table([]); console.group(5); console.count(); console.timeLog("a", 6)'
  assert.deepEqual((await written(code)).map(([level]) => level), Array(7).fill('info'))
  assert.deepEqual((await written('console.assert(false); console.countReset("never")')).map(([level]) => level), ['warn', 'warn'])
  assert.deepEqual((await written('console.trace()')).map(([level]) => level), ['error'])
  assert.deepEqual((await written('console.group(); console.debug("%s", 1)')), [['debug', '  1']])
})

test('tables', async () => {
  for (const [code, table] of [
    [
      '[{ a: 1, b: "x" }, { b: true, c: [1, 2] }]',
      `┌─────────┬───┬──────┬──────────┐
│ (index) │ a │ b    │ c        │
├─────────┼───┼──────┼──────────┤
│ 0       │ 1 │ 'x'  │          │
│ 1       │   │ true │ [ 1, 2 ] │
└─────────┴───┴──────┴──────────┘`,
    ],
    [
      '[1, { a: { b: {} } }, "ü🙂", { a: { x: 1, y: 2, z: 3 } }]',
      `┌─────────┬─────────────────┬────────┐
│ (index) │ a               │ Values │
├─────────┼─────────────────┼────────┤
│ 0       │                 │ 1      │
│ 1       │ { b: [Object] } │        │
│ 2       │                 │ 'ü🙂'   │
│ 3       │ [Object]        │        │
└─────────┴─────────────────┴────────┘`,
    ],
    [
      '{ first: { a: 1 }, second: { a: 2 } }, ["a", "none"]',
      `┌─────────┬───┬──────┐
│ (index) │ a │ none │
├─────────┼───┼──────┤
│ first   │ 1 │      │
│ second  │ 2 │      │
└─────────┴───┴──────┘`,
    ],
    [
      'new Map([["k", 1], [{ o: 1 }, "v"]])',
      `┌───────────────────┬──────────┬────────┐
│ (iteration index) │ Key      │ Values │
├───────────────────┼──────────┼────────┤
│ 0                 │ 'k'      │ 1      │
│ 1                 │ { o: 1 } │ 'v'    │
└───────────────────┴──────────┴────────┘`,
    ],
    [
      'new Set(["a"])',
      `┌───────────────────┬────────┐
│ (iteration index) │ Values │
├───────────────────┼────────┤
│ 0                 │ 'a'    │
└───────────────────┴────────┘`,
    ],
    [
      '[]',
      `┌─────────┐
│ (index) │
├─────────┤
└─────────┘`,
    ],
  ]) {
    assert.deepEqual(await written(`console.table(${code})`), [['info', table]], code)
  }
  const [[, indented]] = await written('console.group(); console.table([1])')
  assert.deepEqual(indented.split('\n').map((line) => line.slice(0, 3)), ['  ┌', '  │', '  ├', '  │', '  └'])
})

test('traces and errors have the lines of the script', async () => {
  assert.deepEqual(await written('function f() { console.trace("%s:", "why", { a: 1 }) }\nf()'), [
    ['error', 'Trace: why: { a: 1 }\n    at f (flow.js:2:24)\n    at <anonymous> (flow.js:3:1)'],
  ])
  assert.match((await written('console.trace()'))[0][1], /^Trace\n {4}at <anonymous> \(flow\.js:2:\d+\)$/)
  assert.match((await written('console.log("%s|", new RangeError("bad"))'))[0][1], /^RangeError: bad\n {4}at <anonymous> \(flow\.js:2:\d+\)\|$/)
  assert.equal((await written('console.log("%O", { cause: new RangeError("bad") })'))[0][1], '{ cause: [RangeError: bad] }')
})

test('there is no clock: what would tell a time tells none', async () => {
  const code = 'console.time(); console.time(); console.timeLog(); console.timeLog("a", "so far", { n: 1 }); console.timeEnd(); console.timeEnd("never")'
  assert.deepEqual(await written(code), [['info', 'a: so far { n: 1 }']])
})

test('nothing that a script hands over makes it throw', async () => {
  const lines = await written(`
    const bad = { toString() { throw new Error('no') }, toJSON() { throw new Error('no') }, get x() { throw new Error('no') } }
    const cycle = {}; cycle.self = cycle
    const closed = new Proxy({}, new Proxy({}, { get() { throw new Error('no') } }))
    for (const value of [bad, cycle, closed, Object.create(null), { [Symbol.toPrimitive]: 5 }]) {
      for (const name of Object.keys(console)) {
        console[name](value)
        console[name]('%s %d %i %f %j %o %O', value, value, value, value, value, value, value)
        console[name](false, value, value)
        console[name]([value, { value }], [value])
      }
      for (let i = 0; i < 20; i++) console.groupEnd()
    }
    console.log('%O and on', cycle)
    console.log('%O', { bad })
    let deep = {}; for (let i = 0; i < 5000; i++) deep = { deep }
    console.log('%O', deep)
    console.log('%s and on', bad)
  `)
  assert.deepEqual(lines.slice(-4).map(([, text]) => text), [
    '{ self: [Circular] } and on',
    '{ bad: { toString: [Function: toString], toJSON: [Function: toJSON], x: [Getter] } }',
    '{ deep: { deep: { deep: { deep: { deep: { deep: { deep: { deep: { deep: [Object] } } } } } } } } }',
    '[value that cannot be shown] and on',
  ])
  // Not even after it has taken the tools away.
  const after = await written(`
    for (const type of [Array, String, Map, Set, RegExp, Object]) {
      for (const name of Object.getOwnPropertyNames(type.prototype)) {
        if (name !== 'constructor' && name !== '__proto__') try { type.prototype[name] = () => { throw new Error('no') } } catch {}
      }
    }
    console.table([{ a: 1 }])
    console.log('plain', 1)
    console.log('%s', 'formatted')`)
  assert.ok(after.every(([level]) => level === 'info') && after.length === 3)
})

test('large values are cut', async () => {
  const [[, list]] = await written('console.log("%O", Array.from({ length: 1000 }, (_, i) => i))')
  assert.match(list, /^\[ 0, 1, .*, 98, 99, \.\.\. 900 more items \]$/)
  const [[, set]] = await written('console.log("%O", new Set(Array.from({ length: 101 }, (_, i) => i)))')
  assert.match(set, /^Set\(101\) \{ 0, 1, .*, 99, \.\.\. 1 more item \}$/)
  const [[, wide]] = await written('const level = (n) => n === 0 ? {} : Array.from({ length: 60 }, () => level(n - 1)); console.log("%O", level(3))')
  assert.ok(wide.length < 200_000 && wide.includes('...'))
})

test('every script has groups and counts of its own, and smol-wf shows them', async (t) => {
  const dir = folder(t, {
    'parent.js': script(`console.group('parent'); console.count()
      export default async () => { await workflow({ scriptPath: './child.js' }); console.count(); console.log('%s', 'end') }`),
    'child.js': script('console.count(); export default 1'),
  })
  const { code, stderr } = await smolWf(['run', 'parent.js'], { cwd: dir })
  assert.deepEqual([code, stderr], [0, 'parent\n  default: 1\ndefault: 1\n  default: 2\n  end\n'])
})

test('what is on it', async () => {
  const lines = await written('console.log(Object.keys(console).sort().join(), Object.values(console).every((f) => typeof f === "function"), console.log.name, console.groupCollapsed.name)')
  assert.equal(lines[0][1], 'assert,count,countReset,debug,dir,dirxml,error,group,groupCollapsed,groupEnd,info,log,table,time,timeEnd,timeLog,trace,warn true log groupCollapsed')
})
