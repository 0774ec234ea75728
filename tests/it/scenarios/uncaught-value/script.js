export const meta = { name: 'uncaught-value', description: 'Throws something that is no error' }

await agent('one')
throw `plain text: ${budget.spent()}`
