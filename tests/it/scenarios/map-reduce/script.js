export const meta = { name: 'map-reduce', description: 'Splits a text, summarises the parts, joins the summaries', phases: [{ title: 'Map' }, { title: 'Reduce' }] }

const chunk = (list, size) => list.length ? [list.slice(0, size), ...chunk(list.slice(size), size)] : []
const words = args.text.split(' ')
const counts = words.reduce((map, word) => map.set(word, (map.get(word) ?? 0) + 1), new Map())
phase('Map')
const parts = chunk(words, args.size)
const partials = await parallel(parts.map((part, i) => () => agent(`Summarise part ${i + 1}/${parts.length}: ${part.join(' ')}`, {
  schema: { type: 'object', properties: { words: { const: part.length }, gist: { const: part[0] } }, required: ['words', 'gist'] },
})))
phase('Reduce')
let level = partials.map(({ gist, words }) => ({ gist, words }))
let rounds = 0
while (level.length > 1) {
  rounds++
  const pairs = level.flatMap((item, i) => i % 2 ? [] : [[item, level[i + 1]]])
  level = await parallel(pairs.map(([left, right]) => async () => right
    ? { gist: (await agent(`Merge "${left.gist}" and "${right.gist}"`, { label: `round ${rounds}` })).replace(/^echo: /, ''), words: left.words + right.words }
    : left))
}
return { top: level[0], rounds, frequent: [...counts].filter(([, n]) => n > 1).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)) }
