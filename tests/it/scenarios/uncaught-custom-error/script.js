export const meta = { name: 'uncaught-custom-error', description: 'Throws an error of its own' }

class QualityGateError extends Error {
  constructor(score) {
    super(`score ${score} is too low\nsecond line`)
    this.name = 'QualityGateError'
  }
}
const score = await agent('Score it', { schema: { type: 'integer' } })
if (score < 3) throw new QualityGateError(score)
