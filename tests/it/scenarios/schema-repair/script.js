export const meta = { name: 'schema-repair', description: 'Gets an answer that does not fit, twice', phases: ['Score'] }

phase('Score')
const out = []
const ask = async (what, schema) => {
  try {
    out.push(await agent(what, { label: what, schema }))
  } catch (error) {
    out.push({ name: error.name, message: error.message, code: error.code, cause: error.cause?.message })
  }
}
await ask('too small', { type: 'object', properties: { score: { type: 'integer', minimum: 1, maximum: 5 }, 'a/b~c': { type: 'string', maxLength: 3 } }, required: ['score', 'why'] })
await ask('too short', { type: 'array', minItems: 2, items: { type: 'string', pattern: '^\\d{4}-\\d\\d$', maxLength: 5 } })
await ask('neither', { anyOf: [{ type: 'integer', minimum: 3 }, { type: 'string' }], not: { type: 'number' } })
await ask('no extras', { type: 'object', properties: { a: {} }, required: ['a', 'b', 'c'], additionalProperties: false })
const dropped = await parallel([() => agent('dropped', { schema: { type: 'number', exclusiveMinimum: 0 } }), () => agent('kept', { schema: { type: 'number' } })])
return { out, dropped, spent: budget.spent() }
