export const meta = { name: 'refused-two-metas', description: 'The first' }
export const meta = { name: 'refused-two-metas', description: 'The second' }
return await agent('Which one?')
