export const meta = { name: 'loop-until-dry', description: 'Looks for bugs until two rounds in a row bring nothing new' }

// What the agents will "find", round by round.
const script = [['leak', 'race'], ['race', 'overflow'], ['leak'], ['typo'], [], ['race', 'leak']]
const schema = (bugs) => ({ type: 'object', properties: { bugs: { const: bugs } }, required: ['bugs'] })
const known = new Set()
const rounds = []
let dry = 0
for (let round = 0; dry < 2 && round < 10; round++) {
  const { bugs } = await agent(`Find bugs. Known: ${known.size ? [...known].join(', ') : 'none'}.`, { label: `round ${round + 1}`, schema: schema(script[round] ?? []) })
  const fresh = bugs.filter((bug) => !known.has(bug))
  fresh.forEach((bug) => known.add(bug))
  dry = fresh.length ? 0 : dry + 1
  rounds.push(fresh.length)
}
return { known: [...known], rounds, dry }
