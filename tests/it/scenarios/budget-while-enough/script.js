export const meta = { name: 'budget-while-enough', description: 'Goes on while there is enough left for another round' }

const RESERVE = 40
const found = []
let rounds = 0
while (budget.total && budget.remaining() > RESERVE) {
  rounds++
  const batch = await parallel([1, 2, 3].map((n) => () => agent(`Round ${rounds}, hunter ${n}`)))
  found.push(...batch.filter(Boolean))
}
const scale = budget.total ? Math.floor(budget.total / 25) : 2
return { rounds, found: found.length, spent: budget.spent(), left: budget.remaining(), scale, shown: JSON.stringify(budget) }
