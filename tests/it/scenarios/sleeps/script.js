export const meta = { name: 'sleeps', description: 'Waits: alone, side by side with agents, in a child, and for what is no duration' }
const { sleep } = await import('workflow:extra')
const order = []
const nothing = await sleep(0)
await parallel([
  () => sleep('50ms').then(() => order.push('long')),
  () => sleep(1).then(() => order.push('short')),
  () => agent('at once').then(() => order.push('agent')),
])
let wrong
try { await SW.extra.sleep('5 minutes') } catch (error) { wrong = [error.name, error.code, error.message] }
let long
try { await SW.extra.sleep('31d') } catch (error) { long = [error.name, error.code, error.message] }
return { nothing: nothing === undefined, order, wrong, long, child: await workflow({ scriptPath: 'child.js' }) }
