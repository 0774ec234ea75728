export const meta = { name: 'module-thenable', description: 'Exports something that can be awaited' }
export default { then(resolve) { agent('from then').then((text) => resolve({ text, nested: Promise.resolve(1) })) } }
