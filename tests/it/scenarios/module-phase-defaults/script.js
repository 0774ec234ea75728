export const meta = {
  name: 'module-phase-defaults', description: 'Lets phases fill in options',
  phases: [{ title: 'A', model: 'm1', provider: 'debug' }, { title: 'A', model: 'm2', provider: 'never' }, { title: 'B', provider: 'debug' }, { title: 'C', model: 'mc' }, { title: 'D', model: '', provider: '' }],
}
await agent('none')
await agent('named', { phase: 'A' })
await agent('unlisted', { phase: 'Z' })
await agent('empty', { phase: '' })
phase('A', { extra: 1 })
await agent('filled')
await agent('own model', { model: 'x' })
await agent('own provider', { provider: 'debug', key: 'k' })
await agent('all empty', { model: '', provider: '', phase: '' })
await agent('all null', { model: null, provider: null, phase: null })
await agent('other', { phase: 'B', key: 'k' })
await agent('null options', null)
for (const title of ['Z', 'C', 'D', undefined, 7]) {
  phase(title)
  await agent(`in ${title}`)
}
export default 'done'
