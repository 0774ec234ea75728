export const meta = { name: 'array-and-string-methods', description: 'Builds prompts with everything arrays and strings can do' }

const { rows } = args
const byId = rows.toSorted((a, b) => a.id - b.id)
const table = byId.map(({ id, name }) => `${String(id).padStart(4, '0')} ${name.padEnd(8, '.')}|`).join('\n')
const tags = [...new Set(rows.flatMap((row) => row.tags))].sort()
const text = 'see #12, #7 and #12; not # or #x'
const numbers = [...text.matchAll(/#(\d+)/g)].map((match) => [match[1], match.index])
const facts = {
  replaced: 'a.b.c'.replaceAll('.', '/').replaceAll(/[ac]/g, (c, at) => `${c.toUpperCase()}${at}`),
  dollars: 'price'.replace('price', "$& $$ $` $'").replace(/(?<w>ce)/, '<$<w>$1>'),
  has: [Object.hasOwn({ a: undefined }, 'a'), Object.hasOwn({}, 'toString'), Object.hasOwn([1], 0)],
  imul: [Math.imul(0xffffffff, 5), Math.imul(3, 4), [...'hash me'].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 0x811c9dc5) >>> 0],
  at: [rows.at(-1).name, 'abc'.at(-1), [].at(0)],
  find: [rows.findLast((row) => row.tags.length).id, rows.findLastIndex((row) => row.id > 100), rows.findIndex((row) => row.id === 11)],
  flat: [[1, [2, [3, [4]]]].flat(), [1, [2, [3, [4]]]].flat(Infinity), [[], [[]]].flat()],
  copies: [[3, 1, 2].toReversed(), [1, 2, 3].toSpliced(1, 1, 'x', 'y'), [1, 2, 3].with(-1, 9), [1, 2, 3, 4, 5].copyWithin(0, 3), new Array(3).fill(0)],
  entries: [Object.entries({ b: 1, a: 2, 1: 'x', 0: 'y' }), Object.fromEntries(new Map([['k', 1]])), [...['x'].entries()], Array.from('ab', (c) => c + c), Array.of(7)],
  includes: [[NaN].includes(NaN), [NaN].indexOf(NaN), 'abc'.includes('bc'), [1, 2, 3].some((n) => n > 2), [].every(Boolean), [1, 2, 3, 1].lastIndexOf(1)],
  reduce: [[1, 2, 3].reduceRight((a, b) => `${a}${b}`), 'a-b-c'.split('-', 2), 'abc'.split(''), ''.split(','), 'a1b2'.split(/(\d)/)],
  slices: ['workflow'.slice(-4, -1), 'workflow'.substring(4, 1), 'workflow'.substr(-4, 2), 'x'.repeat(3), ' a '.trimStart(), ' a '.trimEnd(), 'b'.concat(1, null)],
  compare: ['a' < 'B', 'Z' < 'a', '10' < '9', 10 < 9, null >= 0, undefined == null, [2] == 2, NaN != NaN, Object.is(-0, 0)],
  sorts: [[10, 9, 1].sort(), [3, undefined, 1].sort(), ['b', , 'a'].sort().length, [true, false].sort(), [1, 2, 3].sort(() => 0)],
  numbers: [parseInt('12px'), parseFloat('.5e1x'), Number(''), Number('0x1f'), (255).toString(16), (0.1 + 0.2).toFixed(10), (1234.5678).toPrecision(6), (1e21).toString(), 0.1 + 0.2, (25).toString(36), Number.isInteger(5.0), Math.round(-0.5), Math.max(), Math.hypot(3, 4), Math.trunc(-4.7), Math.sign(-3), Math.cbrt(27), Math.log2(8), Math.clz32(1), (1e-7).toString(), (123.456).toExponential(1), 5 % -3, -5 % 3, 2 ** -1, 7 >>> 1, -7 >> 1, ~~4.9],
  search: ['abc'.search(/c/), 'aXbX'.lastIndexOf('X'), 'abc'.localeCompare('abc'), 'x'.codePointAt(0), 'abc'.charAt(9), 'test'.match(/t/g).length, 'none'.match(/z/)],
}
const answer = await agent(`Table:\n${table}\nTags: ${tags}`)
return { answer, numbers, facts }
