// Found by its name, not by its file: workflow('house-style', { text }).

export const meta = {
  name: 'house-style',
  description: 'Brings a text into the style of this project',
}

const EDITED = {
  type: 'object',
  required: ['text'],
  properties: { text: { type: 'string' }, changes: { type: 'array', items: { type: 'string' } } },
}

return await agent(
  `Edit this text. Short sentences, present tense, no superlatives, British spelling. Keep every fact.\n\n${args.text}`,
  { label: 'house style', schema: EDITED },
)
