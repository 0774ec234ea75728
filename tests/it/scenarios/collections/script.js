export const meta = { name: 'collections', description: 'Keeps its notes in maps, sets and their weak cousins' }

const byFile = new Map([['a.ts', ['x']], ['b.ts', []]])
const add = (file, note) => byFile.set(file, [...(byFile.get(file) ?? []), note])
add('a.ts', 'y')
add('c.ts', 'z')
byFile.delete('b.ts')
add('b.ts', 'again')
const cache = new Map()
const ask = (prompt) => { if (!cache.has(prompt)) cache.set(prompt, agent(prompt)); return cache.get(prompt) }
const asked = await Promise.all(['one', 'two', 'one', 'one'].map(ask))
const seen = new Set(['b', 'a', 'b'])
const walked = []
for (const value of seen) { walked.push(value); if (value === 'b') { seen.add('late'); seen.delete('a') } }
const weak = new WeakMap(), marks = new WeakSet()
const key = {}
weak.set(key, 'private').set(seen, 'set')
marks.add(key)
const odd = new Map([[NaN, 'nan'], [0, 'zero'], [key, 'object'], ['0', 'text']])
const a = new Set([1, 2, 3, 4]), b = new Set([3, 4, 5])
const order = []
byFile.forEach((notes, file, map) => order.push(`${file}:${notes.length}/${map.size}`))
const inverted = new Map([...byFile].flatMap(([file, notes]) => notes.map((note) => [note, file])))
let error
try { weak.set('text', 1) } catch (e) { error = e.name }
return {
  files: [...byFile.keys()], order, asked, calls: cache.size, walked, left: [...seen],
  weak: [weak.get(key), weak.has({}), marks.has(key), weak.get(seen), weak.delete(key), weak.has(key)], error,
  odd: [odd.get(NaN), odd.get(-0), odd.get({}), odd.get('0'), odd.size, Object.is([...odd.keys()][1], 0)],
  sets: { union: [...a, ...b].length, intersection: [...a].filter((x) => b.has(x)), difference: [...a].filter((x) => !b.has(x)) },
  inverted: Object.fromEntries(inverted), json: JSON.stringify({ map: byFile, set: a, entries: [...a.entries()][0] }), tags: [String(new Map()), Object.prototype.toString.call(weak)],
  iterator: [byFile.entries().next().value[0], byFile[Symbol.iterator] === byFile.entries, [...new Map([[1, 2]]).values()]],
}
