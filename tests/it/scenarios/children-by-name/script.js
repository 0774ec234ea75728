export const meta = { name: 'children-by-name', description: 'Runs other workflows by their names', phases: ['Fan out', 'Join'] }

globalThis.shared = 'only here'
phase('Fan out')
const reviews = await parallel(args.map((file) => () => workflow('deep review', { file, strict: file === 'b.ts' })))
await agent('Still in the phase of the parent')
phase('Join')
const summary = await workflow('write-summary', reviews)
const failures = []
for (const name of ['summary', 'deep-review', 'broken', 'notes', 'Deep Review', '.claude/workflows/deep-review.js', '']) {
  try { await workflow(name); failures.push('found') } catch (error) { failures.push(`${error.name}: ${error.message} ${error.code}`) }
}
reviews[0].text = 'changed'
return { reviews, summary, failures }
