export const meta = { name: 'children', description: 'Runs a child by path, in parallel and one after the other' }
const both = await parallel([1, 2].map((n) => () => workflow({ scriptPath: 'child.js' }, { n })))
let nested
try { nested = await workflow({ scriptPath: 'script.js' }) } catch (error) { nested = error.message.split('\n')[0] }
let unknown
try { await workflow('no such workflow') } catch (error) { unknown = error.message }
return { both, nested, unknown, args }
