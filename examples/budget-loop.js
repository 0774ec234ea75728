// Goes on as long as there is budget: every round finds the code that is tested least and writes a test for it.
//
//   smol-wf run budget-loop.js --budget-allowance 20000

export const meta = {
  name: 'budget-loop',
  description: 'Adds tests, worst covered code first, until the token budget is used up',
  phases: [{ title: 'Work' }, { title: 'Wrap up' }],
}

// Without a budget there still has to be an end.
const MAX_ROUNDS = budget.total === null ? 3 : 1000
// What the last step may need. A body-form script cannot overdraw its budget: agent() would reject there.
const RESERVE = Math.ceil((budget.total ?? 0) / 10)

const ROUND = {
  type: 'object',
  required: ['subject', 'test'],
  properties: {
    subject: { type: 'string', description: 'the function or branch that is now covered' },
    test: { type: 'string', description: 'file and name of the new test' },
  },
}

phase('Work')
const done = []
let dearest = 0
while (done.length < MAX_ROUNDS) {
  // Stop while the dearest round so far would still fit.
  if (budget.remaining() < RESERVE + dearest) break
  const before = budget.spent()
  const round = await agent(
    [
      'Find the code of this repository whose failure would hurt most and that no test covers.',
      'Write one test for it, run it, and see it fail when you break the code.',
      done.length > 0 ? `Already covered: ${done.map(({ subject }) => subject).join(', ')}` : '',
    ].join('\n'),
    { label: `round ${done.length + 1}`, schema: ROUND },
  )
  if (round === null) break
  done.push(round)
  dearest = Math.max(dearest, budget.spent() - before)
}
log(`rounds: ${done.length}, tokens: ${budget.spent()} of ${budget.total ?? 'as many as it takes'}`)

phase('Wrap up')
const message = await agent(`Write a commit message of one line for ${done.length} new tests.`, { label: 'message' })
return { rounds: done.length, message, tests: done.map(({ test }) => test), spent: budget.spent() }
