export const meta = { name: 'module-value', description: 'Exports its result', phases: [{ title: 'Only', model: 'sonnet' }] }

phase('Only')
const texts = []
for (const topic of ['a', 'b']) texts.push(await agent(`Write about ${topic}`))
const both = await parallel([() => agent('c'), () => agent('d', { model: 'opus' })])

export const count = texts.length + both.length
export default { texts, both, count, args, keys: Object.keys(args) }
