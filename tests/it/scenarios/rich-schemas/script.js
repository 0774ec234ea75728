export const meta = { name: 'rich-schemas', description: 'Asks for structured answers of every kind' }

const FINDING = {
  type: 'object',
  additionalProperties: false,
  properties: {
    severity: { type: 'string', enum: ['critical', 'major', 'minor'] },
    file: { type: 'string', minLength: 1, maxLength: 200 },
    line: { type: ['integer', 'null'], minimum: 0, maximum: 1e6 },
    note: { type: ['null', 'string'] },
    confidence: { type: 'number', minimum: 0, maximum: 1, multipleOf: 0.5 },
    slug: { type: 'string', pattern: '^[a-z]+(?:-[a-z]+)*$' },
    matrix: { type: 'array', maxItems: 3, items: { type: 'array', uniqueItems: true, items: { type: 'array', items: { type: 'boolean' } } } },
    'key with / and ~': { const: 'fixed' },
  },
  required: ['severity', 'file', 'line', 'note', 'confidence', 'slug', 'matrix'],
}
const one = await agent('Find one problem', { schema: FINDING })
const list = await agent('Find all problems', {
  schema: { type: 'object', properties: { findings: { type: 'array', minItems: 1, items: FINDING }, total: { type: 'integer' } }, required: ['findings'] },
})
const shared = await agent('Draw the tree', {
  schema: {
    $defs: { name: { type: 'string', minLength: 1 }, leaf: { enum: [null, 0, 'x'] } },
    type: 'object', properties: { left: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/name' }] }, right: { oneOf: [{ type: 'integer' }, { type: 'string' }] } }, required: ['left', 'right'],
  },
})
const answers = await parallel([
  { type: 'string' }, { type: 'boolean' }, { type: 'null' }, { type: 'number', exclusiveMinimum: -1 }, { type: 'array' }, { type: 'object' }, {},
  true, { const: { deep: [1, 'two', null] } }, { enum: ['b', 'a'] }, { type: 'string', format: 'date-time' }, { type: 'string', format: 'email' },
  { allOf: [{ properties: { a: { type: 'string' } } }, { properties: { b: { type: 'integer' } }, required: ['b', 'c'] }] },
  { type: 'object', properties: { z: { type: 'string' }, a: { type: 'string' } }, patternProperties: { '^x-': {} }, propertyNames: { maxLength: 5 } },
  { type: 'array', items: { type: 'string' }, contains: { pattern: 'debug' } }, { not: { type: 'array' } },
  { if: { type: 'object' }, then: { maxProperties: 3 }, else: false }, { type: 'string', description: 'a $schema-less one', default: 'd', examples: ['e'], title: 't' },
  { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', required: ['only'] },
].map((schema, i) => () => agent(`Answer ${i}`, { schema })))
return { one, list, shared, answers }
