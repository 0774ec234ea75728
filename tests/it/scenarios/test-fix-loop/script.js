export const meta = { name: 'test-fix-loop', description: 'Runs tests and fixes them until they pass, a limit is reached, or nothing changes', phases: [{ title: 'Test', model: 'haiku' }, { title: 'Fix', model: 'opus' }] }

const MAX_ROUNDS = 6
const outcomes = [['a', 'b', 'c'], ['b', 'c'], ['b', 'c'], ['c'], []]
const RESULT = (failing) => ({ type: 'object', additionalProperties: false, properties: { passed: { const: failing.length === 0 }, failing: { const: failing } }, required: ['passed', 'failing'] })
const history = []
let stuck = 0
let previous = null
let status = 'unknown'
for (let round = 1; round <= MAX_ROUNDS; round++) {
  phase('Test')
  const result = await agent(`Run the tests, round ${round}.`, { label: `test ${round}`, schema: RESULT(outcomes[round - 1]) })
  history.push(result.failing.length)
  if (result.passed) { status = 'green'; break }
  const signature = JSON.stringify(result.failing.toSorted())
  stuck = signature === previous ? stuck + 1 : 0
  previous = signature
  if (stuck >= 2) { status = 'stuck'; break }
  phase('Fix')
  await parallel(result.failing.map((test) => () => agent(`Fix ${test}${stuck ? ', and think differently this time' : ''}.`, { label: `fix ${test}`, effort: stuck ? 'max' : undefined })))
}
return { status, history, rounds: history.length }
