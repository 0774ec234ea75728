export const meta = { name: 'child-spends-the-budget', description: 'Shares its budget with its children' }

await agent('Before the children')
const first = await workflow({ scriptPath: 'child.js' }, 15)
const between = budget.spent()
const second = await workflow({ scriptPath: 'child.js' }, 0)
const refused = await agent('After the children').catch((error) => error.code)
return { first, between, second, refused, left: budget.remaining() }
