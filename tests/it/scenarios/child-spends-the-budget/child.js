export const meta = { name: 'spender', description: 'Spends what there is' }
const start = [budget.total, budget.spent()]
const notes = []
while (budget.remaining() > args) notes.push(await agent(`Note ${notes.length}`))
return { start, notes: notes.length, left: budget.remaining() }
