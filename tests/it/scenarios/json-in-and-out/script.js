export const meta = { name: 'json-in-and-out', description: 'Reads JSON that agents wrote, good and bad' }

const parsed = JSON.parse(args.text)
const revived = JSON.parse('{"at":"2024-01-01T00:00:00.000Z","n":[1,2,3],"drop":1}', function (key, value) { return key === 'at' ? new Date(value).getUTCFullYear() : key === 'drop' ? undefined : Array.isArray(value) ? value.length : value })
const fence = (text) => JSON.parse(/```(?:json)?\s*([\s\S]*?)```/.exec(text)?.[1] ?? text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
const fenced = [fence('Here:\n```json\n{"ok": true}\n```\nDone'), fence('Result: {"a": {"b": []}} — that is all')]
const written = [
  JSON.stringify({ u: undefined, f() {}, s: Symbol('s'), n: null, nan: NaN, d: new Date(0), list: [undefined, () => 1, NaN, -0], nested: { toJSON(key) { return `json of ${key}` } } }),
  JSON.stringify({ b: 1, a: [1, { c: 2 }] }, null, 2), JSON.stringify([1, [2]], null, '--'), JSON.stringify({ a: 1, b: 2, c: { a: 3 } }, ['a', 'c']), JSON.stringify({ a: 1, b: 'x' }, (key, value) => typeof value === 'number' ? value * 2 : value),
  JSON.stringify('\u2028"\\\n\u0007\ud83e'), JSON.stringify({ 2: 'b', 1: 'a', x: 'c' }), JSON.stringify(undefined) === undefined, JSON.stringify(null), JSON.stringify([new Map([[1, 2]]), new Set([1]), /x/, new Error('e'), Object(1n).constructor.name]), JSON.stringify(Object.create({ inherited: 1 })), JSON.stringify([new Number(3), new String('s'), new Boolean(false)]),
]
const problems = ['', '{', '{"a":1,}', "{'a':1}", 'undefined', '[1,]', '{"a" 1}', 'nul', '"\n"', '1 2', '{"a":1}x', 'NaN', '01', '"abc'].map((text) => { try { return JSON.parse(text) } catch (error) { return `${error.name}: ${error.message}` } })
const repaired = await agent(`Repair this JSON. ${problems[2]}`, { schema: { const: { a: 1 } } })
return { parsed, proto: [Object.hasOwn(parsed, '__proto__'), parsed.x], minus: Object.is(parsed.b[2], -0), revived, fenced, written, problems, repaired, big: args.big, keys: Object.keys(args.deep.a) }
