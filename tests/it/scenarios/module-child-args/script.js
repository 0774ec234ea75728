export const meta = { name: 'module-child-args', description: 'Passes objects to its children; anything else becomes an empty one' }

const child = (given) => workflow({ scriptPath: 'lib/child.js' }, given)
const given = []
for (const value of [{ a: 1 }, { ask: 'from the parent' }, [1, 2], 'text', 5, null, undefined, true]) given.push(await child(value))
const failure = await workflow({ scriptPath: 'lib/throws.js' }).catch((error) => error.message.split('\n')[0])
const unknown = await workflow('nobody').catch((error) => error.message.split('\n')[0])
export default { given, body: await workflow({ scriptPath: 'lib/body.js' }, 'text'), failure, unknown, caught: await parallel([() => workflow({ scriptPath: 'lib/throws.js' })]) }
