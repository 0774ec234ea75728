// No Math.random() here: the seed comes with args.
export const meta = { name: 'votes-with-seeds', description: 'Asks voters in an order that only depends on a seed' }

let state = args.seed >>> 0
const random = () => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; return (state >>> 0) / 2 ** 32 }
const pick = (list) => list[Math.floor(random() * list.length)]
const temperament = ['bold', 'careful', 'odd']
const ballots = await parallel(Array.from({ length: args.voters }, (_, i) => {
  const favourite = pick(args.options)
  const mood = temperament[i % temperament.length]
  return () => agent(`Voter ${i + 1} (${mood}): choose among ${args.options.join(', ')}.`, { label: `voter ${i + 1}`, schema: { type: 'object', properties: { ranking: { const: [favourite, ...args.options.filter((o) => o !== favourite)] } }, required: ['ranking'] } })
}))
// Instant run-off
const rounds = []
let standing = new Set(args.options)
for (;;) {
  const counts = Object.fromEntries([...standing].map((option) => [option, 0]))
  for (const { ranking } of ballots) counts[ranking.find((option) => standing.has(option))]++
  rounds.push(counts)
  const [[leader, most]] = Object.entries(counts).sort(([, a], [, b]) => b - a)
  if (most * 2 > ballots.length || standing.size === 1) return { winner: leader, rounds, firsts: ballots.map((b) => b.ranking[0]) }
  const least = Math.min(...Object.values(counts))
  standing = new Set([...standing].filter((option) => counts[option] > least))
  if (standing.size === 0) return { winner: null, rounds }
}
