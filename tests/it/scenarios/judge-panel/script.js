export const meta = { name: 'judge-panel', description: 'A panel of judges with weights, a median and a tie-break', phases: ['Propose', 'Judge', 'Decide'] }

phase('Propose')
const proposals = Object.fromEntries(await Promise.all(['a', 'b'].map(async (id) => [id, await agent(`${args.question} Argue for ${id}.`, { label: `propose ${id}` })])))
phase('Judge')
const verdicts = await parallel(args.judges.map((judge) => () => {
  const [vote, score] = args.votes[judge]
  return agent(`You are ${judge}. Vote.\n${JSON.stringify(proposals, null, 2)}`, {
    label: judge,
    model: judge === 'lazy' ? 'haiku' : 'opus',
    schema: { type: 'object', properties: { vote: { enum: [vote] }, score: { const: score }, reasons: { type: 'array', items: { type: 'string' } } }, required: ['vote', 'score'] },
  })
}))
const tally = verdicts.reduce((sums, { vote, score }) => ({ ...sums, [vote]: (sums[vote] ?? 0) + score }), {})
const scores = verdicts.map((v) => v.score).sort((a, b) => a - b)
const median = scores[scores.length >> 1]
const [winner, points] = Object.entries(tally).sort(([, a], [, b]) => b - a)[0]
const mean = scores.reduce((a, b) => a + b, 0) / scores.length
const deviation = Math.sqrt(scores.reduce((sum, s) => sum + (s - mean) ** 2, 0) / scores.length)
phase('Decide')
const text = verdicts.every((v) => v.vote === winner) ? 'unanimous' : await agent(`Explain why ${winner} won with ${points} points (mean ${mean.toFixed(2)} ± ${deviation.toFixed(3)}).`)
return { winner, points, tally, median, text, reasons: new Set(verdicts.flatMap((v) => v.reasons)).size }
