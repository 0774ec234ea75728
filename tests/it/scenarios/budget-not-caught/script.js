export const meta = { name: 'budget-not-caught', description: 'Does not expect to run out' }

const parts = []
while (true) {
  parts.push(await agent(`Part ${parts.length}`))
}
