export const meta = { name: 'module-budget-is-soft', description: 'Looks at its budget and may go beyond it' }

const trail = [[budget.total, budget.spent(), budget.remaining()]]
let rounds = 0
while (budget.remaining() > 0) {
  rounds++
  const answers = await parallel([() => agent(`round ${rounds} left`), () => agent(`round ${rounds} right`)])
  trail.push([answers.length, budget.spent(), budget.remaining()])
}
const beyond = await agent('one more')
const { total, spent } = budget
export default { rounds, trail, beyond, total, after: spent(), json: JSON.stringify(budget), keys: Object.keys(budget) }
