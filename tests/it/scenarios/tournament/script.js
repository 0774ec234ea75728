export const meta = { name: 'tournament', description: 'Lets designs compete in pairs until one is left' }

const history = []
const play = async ([a, b], round) => {
  if (b === undefined) return a
  // The one with the longer name wins; the judge is told so.
  const [winner, loser] = a.length >= b.length ? [a, b] : [b, a]
  const verdict = await agent(`Round ${round}: which is better, ${a} or ${b}?`, {
    label: `${a} vs ${b}`,
    schema: { type: 'object', properties: { winner: { enum: [winner, loser] }, margin: { type: 'integer' } }, required: ['winner'] },
  })
  history.push(`${round}: ${verdict.winner} beats ${verdict.winner === a ? b : a}`)
  return verdict.winner
}
let field = [...args.designs]
for (let round = 1; field.length > 1; round++) {
  const pairs = []
  for (let i = 0; i < field.length; i += 2) pairs.push(field.slice(i, i + 2))
  field = await parallel(pairs.map((pair) => () => play(pair, round)))
  log(`after round ${round}: ${field}`)
}
return { champion: field[0], history }
