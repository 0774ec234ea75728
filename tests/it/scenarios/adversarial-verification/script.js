// Every claim has to survive three attempts to refute it.
export const meta = { name: 'adversarial-verification', description: 'Claims are attacked until they fall or stand', phases: [{ title: 'Attack', model: 'opus' }, { title: 'Report' }] }

const LENSES = ['correctness', 'reproduction', 'impact']
const verdict = (holds) => ({ type: 'object', properties: { refuted: { const: !holds }, reason: { type: 'string' } }, required: ['refuted', 'reason'], additionalProperties: false })

phase('Attack')
const survived = (await pipeline(
  args.claims,
  async (claim) => {
    const votes = await parallel(LENSES.map((lens) => () => agent(`Try to refute "${claim.text}" through the lens of ${lens}.`, {
      label: `${claim.id}:${lens}`, schema: verdict(claim.truth || lens === 'impact'),
    })))
    const refutations = votes.filter((vote) => vote?.refuted).length
    return refutations >= 2 ? null : { ...claim, refutations }
  },
  (claim) => claim && agent(`Write up ${claim.id}`, { phase: 'Report', label: claim.id }).then((report) => ({ id: claim.id, report })),
)).filter(Boolean)
return { survived, lost: args.claims.filter(({ id }) => !survived.some((s) => s.id === id)).map(({ id }) => id) }
