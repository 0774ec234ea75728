export const meta = { name: 'unhandled-rejection', description: 'Forgets a promise that fails' }

const forgotten = agent('forgotten', { schema: { type: 'integer', minimum: 1 } })
Promise.reject(new Error('nobody cares'))
setTimeout(() => Promise.reject(new TypeError('late')), 1)
await new Promise((resolve) => setTimeout(resolve, 5))
const late = await forgotten.catch(() => 'handled after all')
return [await agent('goes on'), late]
