export const meta = { name: 'broken-schemas', description: 'Asks with schemas that are none' }

const results = []
for (const schema of [{ type: 'strin' }, { $ref: '#/$defs/nowhere' }, { type: 'string', pattern: '(' }, 'text', null, false]) {
  try {
    results.push(await agent('x', { schema }))
  } catch (error) {
    results.push(error.message.slice(0, 60))
  }
}
return results
