export const meta = { name: 'module-meta-changes', description: 'Changes its metadata while it is evaluated', phases: [{ title: 'Draft', model: 'static' }, { title: 'Late' }] }

phase('Draft')
await agent('at top level')
meta.phases[0].model = 'live'
meta.phases.push({ title: 'Added', model: 'new' })
await agent('still at top level')

export default async function () {
  await agent('inside the function')
  await agent('in an added phase', { phase: 'Added' })
  meta.phases[0].model = 'too late'
  meta.phases = []
  return await agent('after another change')
}
