export const meta = { name: 'module-undefined', description: 'Exports nothing in particular' }
await agent('one')
export default undefined
