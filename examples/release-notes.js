// Writes release notes. Shows child workflows: one found by its path, one by its name.
//
//   cd examples && smol-wf run release-notes.js --args-range v1.4.0..HEAD
//
// Children share the budget, the caps and the cancellation of this run.

export const meta = {
  name: 'release-notes',
  description: 'Collects what has changed, summarises it for each audience, and brings it into the house style',
  phases: [{ title: 'Collect' }, { title: 'Summarise' }, { title: 'Edit' }],
}

const CHANGES = {
  type: 'object',
  required: ['changes'],
  properties: {
    changes: {
      type: 'array',
      items: {
        type: 'object',
        required: ['kind', 'text'],
        properties: { kind: { enum: ['added', 'changed', 'fixed', 'removed', 'internal'] }, text: { type: 'string' } },
      },
    },
  },
}

export default async function releaseNotes({ range = 'HEAD~20..HEAD' }) {
  phase('Collect')
  const { changes } = await agent(`Read \`git log ${range}\` and the diffs behind it. List the changes.`, {
    schema: CHANGES,
  })
  const visible = changes.filter(({ kind }) => kind !== 'internal')
  log(`changes in ${range}: ${changes.length}, visible to users: ${visible.length}`)

  phase('Summarise')
  const text = visible.map((change) => `${change.kind}: ${change.text}`).join('\n')
  // By path, relative to this file.
  const summaries = await parallel(
    ['users', 'operators'].map((audience) => () =>
      workflow({ scriptPath: './summarize.js' }, { text, audience, sentences: 2 }),
    ),
  )

  phase('Edit')
  const draft = summaries
    .filter(Boolean)
    .map(({ headline, summary }) => `${headline}\n${summary}`)
    .join('\n\n')
  return { range, changes: visible.length, notes: await inHouseStyle(draft) }
}

/** By name: the first workflow called so in .claude/workflows of the project. Not every project has one. */
async function inHouseStyle(text) {
  try {
    const edited = await workflow('house-style', { text })
    return edited.text
  } catch (error) {
    if (error.code !== 'ERR_UNKNOWN_WORKFLOW') throw error
    log('there is no workflow called house-style here: the notes stay as they are')
    return text
  }
}
