export const meta = { name: 'refused-redeclaration', description: 'Declares a name twice' }

const result = await agent('one')
const result = await agent('two')
return result
