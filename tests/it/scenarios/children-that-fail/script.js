export const meta = { name: 'children-that-fail', description: 'Lives with children that fail' }

const messages = {}
for (const kind of ['error', 'text', 'object', 'nothing', 'mismatch', 'bigint', 'cycle', 'stall', 'agent', 'fine']) {
  messages[kind] = await workflow({ scriptPath: 'kids/throws.js' }, kind).then((value) => ({ value }), (error) => `${error.name}: ${error.message.split('\n')[0]}`)
}
for (const scriptPath of [5, undefined]) messages[`path ${scriptPath}`] = await workflow({ scriptPath }).catch((error) => `${error.name}: ${error.message}`)
for (const ref of [null, undefined, 7, {}]) messages[`ref ${ref}`] = await workflow(ref).catch((error) => `${error.name}: ${error.message}`)
const mixed = await parallel([() => workflow({ scriptPath: 'kids/throws.js' }, 'error'), () => workflow({ scriptPath: 'kids/throws.js' }, 'fine'), () => agent('beside')])
return { messages, mixed }
