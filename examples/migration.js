// Moves a code base from one thing to another, file by file: plan, change, verify. A file that does not verify is
// repaired, a bounded number of times, and reported if that does not help.
//
//   smol-wf run migration.js --args '{"from":"moment","to":"date-fns","files":["src/a.js","src/b.js"]}'

export const meta = {
  name: 'migration',
  description: 'Migrates files one by one through the stages plan, change and verify',
  phases: [
    { title: 'Find', detail: 'the files that need it' },
    { title: 'Plan', detail: 'what has to change in each file, without changing it' },
    { title: 'Change' },
    { title: 'Verify', detail: 'types and tests of the file; repairs what fails' },
  ],
}

const MAX_REPAIRS = 2

const FILES = {
  type: 'object',
  required: ['files'],
  properties: { files: { type: 'array', items: { type: 'string' } } },
}
const PLAN = {
  type: 'object',
  required: ['steps', 'risk'],
  properties: {
    steps: { type: 'array', items: { type: 'string' } },
    risk: { enum: ['mechanical', 'needs judgement', 'leave it to a person'] },
  },
}
const CHECK = {
  type: 'object',
  required: ['passed', 'problems'],
  properties: { passed: { type: 'boolean' }, problems: { type: 'array', items: { type: 'string' } } },
}

const { from = 'moment', to = 'date-fns', files } = args ?? {}

phase('Find')
const todo = files ?? (await agent(`List the files that use ${from}.`, { label: 'find', schema: FILES }))?.files ?? []
log(`${todo.length} to migrate from ${from} to ${to}: ${todo.join(', ')}`)

// Each file goes through the stages on its own: the first one is verified while the last one is still being planned.
// So the phase is said with every call rather than once for all.
const migrated = await pipeline(
  todo,
  (file) =>
    agent(`Plan how ${file} moves from ${from} to ${to}. Change nothing.`, {
      label: file,
      phase: 'Plan',
      schema: PLAN,
    }),
  async (plan, file) => {
    // null: the agent failed. A throw ends the way of this file only.
    if (plan === null) throw new Error(`no plan for ${file}`)
    log(`${file}: ${plan.risk}, steps: ${plan.steps.length}`)
    if (plan.risk === 'leave it to a person') return { file, status: 'left', notes: plan.steps }
    const answer = await agent(
      [`Move ${file} from ${from} to ${to}. Touch no other file.`, ...plan.steps.map((step) => `- ${step}`)].join('\n'),
      { label: file, phase: 'Change' },
    )
    if (answer === null) throw new Error(`no change for ${file}`)
    return { file, status: 'changed' }
  },
  async (change, file) => {
    if (change.status !== 'changed') return change
    let check = await verify(file)
    let repairs = 0
    while (check && !check.passed && repairs < MAX_REPAIRS) {
      repairs++
      log(`${file}: repair ${repairs} of ${MAX_REPAIRS}`)
      await agent([`Fix ${file}. Found after the move to ${to}:`, ...check.problems].join('\n'), {
        label: file,
        phase: 'Change',
      })
      check = await verify(file)
    }
    const status = check?.passed ? 'migrated' : 'broken'
    log(`${file}: ${status}`)
    return { file, status, repairs, ...(status === 'broken' && { notes: check?.problems ?? ['not verified'] }) }
  },
)

const results = migrated.map((result, index) => result ?? { file: todo[index], status: 'failed' })
const byStatus = {}
for (const { file, status } of results) (byStatus[status] ??= []).push(file)
return { from, to, ...byStatus, details: results.filter((result) => result.notes) }

function verify(file) {
  return agent(`Run the type checker and the tests that cover ${file}. Do they pass? Change nothing.`, {
    label: file,
    phase: 'Verify',
    schema: CHECK,
  })
}
