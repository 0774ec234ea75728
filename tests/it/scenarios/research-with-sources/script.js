export const meta = {
  name: 'research-with-sources',
  description: 'Searches from several angles, reads, checks claims against each other and writes an answer with notes',
  phases: ['Search', 'Read', 'Check', 'Write'],
}

const SOURCE = (url) => ({ type: 'object', properties: { url: { const: url }, title: { type: 'string' } }, required: ['url'] })
const key = (url) => { const { hostname, pathname } = new URL(url); return hostname.replace(/^www\./, '') + pathname.replace(/\/$/, '') }
const urls = { physics: ['https://www.a.example/sap/', 'https://b.example/tension'], biology: ['http://a.example/sap', 'https://c.example/xylem?utm=1'], history: ['https://d.example/hales', 'notaurl'] }

phase('Search')
const hits = (await Promise.allSettled(args.angles.flatMap((angle) => Array.from({ length: args.perAngle }, (_, i) =>
  agent(`${args.question} Find source ${i + 1} on ${angle}.`, { label: `${angle} ${i + 1}`, schema: SOURCE(urls[angle][i]) }).then(({ url }) => ({ angle, url, id: key(url) })),
)))).reduce((out, { status, value, reason }) => { status === 'fulfilled' ? out.ok.push(value) : out.bad.push(reason.message); return out }, { ok: [], bad: [] })
const sources = [...hits.ok.reduce((map, hit) => map.has(hit.id) ? map : map.set(hit.id, hit), new Map()).values()]

phase('Read')
const claims = (await pipeline(
  sources,
  (source) => agent(`Read ${source.url} and list claims.`, { schema: { type: 'object', properties: { claims: { const: [`${source.id} says so`, 'water is wet'] } }, required: ['claims'] } }),
  ({ claims }, { id }, index) => claims.map((text) => ({ text, id, index })),
)).flat()

phase('Check')
const grouped = claims.reduce((groups, { text, id }) => ({ ...groups, [text]: [...(groups[text] ?? []), id] }), Object.create(null))
const supported = Object.entries(grouped).filter(([, ids]) => ids.length > 1)
const doubtful = Object.keys(grouped).filter((text) => grouped[text].length === 1)
const checks = await parallel(doubtful.map((text) => () => agent(`Can "${text}" be right?`, { schema: { enum: text.startsWith('b') ? ['no'] : ['yes', 'no'] } })))

phase('Write')
const kept = [...supported.map(([text]) => text), ...doubtful.filter((_, i) => checks[i] === 'yes')]
const notes = sources.map(({ id }, i) => `[${i + 1}] ${id}`)
const answer = await agent([`# ${args.question}`, ...kept.map((text) => `- ${text} ${(grouped[text] ?? []).map((id) => `[${sources.findIndex((s) => s.id === id) + 1}]`).join('')}`), '', ...notes].join('\n'))
return { sources: sources.length, bad: hits.bad, kept, notes, answer }
