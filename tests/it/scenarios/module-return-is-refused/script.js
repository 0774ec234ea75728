export const meta = { name: 'module-return-is-refused', description: 'Mixes the two forms' }
if (!args.go) return 'nothing'
export default await agent('go')
