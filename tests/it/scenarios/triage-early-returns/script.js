export const meta = {
  name: 'triage-early-returns',
  description: 'Sorts open issues and leaves early when there is nothing to do',
  phases: [{ title: 'Classify' }, { title: 'Plan', detail: 'one plan per bug' }],
}

const issues = args?.issues ?? []
if (issues.length === 0) return { status: 'empty' }
if (args.dryRun) {
  log('dry run, nothing is asked')
  return { status: 'dry', ids: issues.map(({ id }) => id) }
}

phase('Classify')
const classified = await parallel(issues.map((issue) => () => agent(title(issue), {
  label: `classify #${issue.id}`,
  schema: { type: 'object', properties: { kind: { enum: issue.labels }, severity: { type: 'integer' } }, required: ['kind'] },
})))
const bugs = issues.filter((_, i) => classified[i]?.kind === 'bug')
if (!bugs.length) return { status: 'no bugs' }

phase('Plan')
for (const bug of bugs) {
  const plan = await agent(`Plan a fix.\n${title(bug)}`, { label: `plan #${bug.id}` })
  if (plan.includes('Crash')) return { status: 'planned', first: bug.id, plan, classified }
}
return { status: 'unplanned' }

// Never reached, but hoisted.
log('unreachable')
function title({ id, title, labels }) {
  return `#${id} ${title} [${labels.join(', ')}]`
}
