export const meta = { name: 'stacks-begin-with-the-message', description: 'Reports errors by their stacks, as one does' }

const failures = []
for (const step of [() => { throw new RangeError('too far') }, () => JSON.parse('{'), () => null.x]) {
  try { step() } catch (error) { failures.push((error.stack || error.message).split('\n')[0].replace(/:.*/, '')) }
}
try {
  await agent('x', { schema: { type: 'integer', minimum: 1 } })
} catch (error) {
  failures.push((error.stack || error.message).split('\n')[0].replace(/:.*/, ''))
}
const answer = await agent(`Fix these: ${failures.join(', ')}`)
return { failures, answer }
