export const meta = { name: 'uncaught-mismatch', description: 'Does not expect a wrong answer' }

phase('Only')
const { score } = await agent('Score it', { label: 'scorer', schema: { type: 'object', properties: { score: { type: 'integer', minimum: 1 } }, required: ['score'] } })
return score
