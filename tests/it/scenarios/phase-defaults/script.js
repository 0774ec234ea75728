export const meta = {
  name: 'phase-defaults',
  description: 'Lets the phases choose the models',
  phases: [
    { title: 'Draft', detail: 'quick', model: 'haiku' },
    { title: 'Review', model: 'opus', provider: 'debug' },
    { title: 'Review', model: 'never' },
    'Publish',
    { title: 'Empty', model: '', provider: '' },
    { detail: 'no title' },
    7,
  ],
}

const told = await agent('before any phase')
phase('Draft')
await agent('a draft')
await agent('a better draft', { model: 'sonnet' })
await agent('reviewed in between', { phase: 'Review', label: 'r' })
await agent('no model at all', { model: '', phase: '' })
await agent('nulls', { model: null, phase: null, provider: null })
phase('Review')
await parallel([() => agent('one'), () => agent('two', { phase: 'Publish' })])
phase('Publish')
await agent('go')
phase('Empty')
await agent('go on')
phase('Unlisted')
await agent('elsewhere')
phase()
await agent('and out')
return { told, titles: meta.phases.map((entry) => entry.title ?? entry) }
