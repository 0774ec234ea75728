export const meta = { name: 'aggregate-error-message', description: 'Says why none of its agents was good enough' }

const bad = { schema: { type: 'string', minLength: 100 } }
try {
  return await Promise.any([agent('first', bad), agent('second', bad)])
} catch (error) {
  return await agent(`Nobody answered: ${error}`)
}
