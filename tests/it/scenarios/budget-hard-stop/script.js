export const meta = { name: 'budget-hard-stop', description: 'Spends until it may not' }

const notes = []
let refusal
try {
  for (let i = 1; ; i++) {
    notes.push(await agent(`Idea ${i}`))
    log(budget.spent(), budget.remaining(), budget.total)
  }
} catch (error) {
  refusal = { name: error.name, message: error.message, code: error.code, real: error instanceof Error }
}
const after = await parallel([() => agent('too late'), async () => 'still works'])
const piped = await pipeline([1], () => agent('also too late'), () => 'never')
const allSettled = await Promise.allSettled([agent('and this'), agent('that')])
return { notes, refusal, after, piped, settled: allSettled.map((s) => s.status), left: budget.remaining() }
