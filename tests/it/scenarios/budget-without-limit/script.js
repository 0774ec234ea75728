export const meta = { name: 'budget-without-limit', description: 'Has no budget and looks at it anyway' }

const before = [budget.total, budget.spent(), budget.remaining()]
const depth = budget.total ? 10 : 2
while (budget.total && budget.remaining() > 5) throw new Error('never')
const texts = []
for (let i = 0; i < depth && budget.remaining() > 1_000; i++) texts.push(await agent(`Round ${i}`))
const { total, spent, remaining } = budget
return { before, infinite: before[2] === Infinity, texts, after: [total, spent(), String(remaining())], json: JSON.stringify(budget) }
