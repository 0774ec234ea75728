export const meta = { name: 'loops-close-before-they-throw', description: 'Leaves a stream of agents with an error and counts on its cleanup' }

const order = []
async function* sessions() {
  try {
    yield 1
    yield 2
  } finally {
    order.push('closing')
    await agent('Close the session')
    order.push('closed')
  }
}
try {
  for await (const n of sessions()) {
    if (n === 1) throw new Error('enough')
  }
} catch (error) {
  order.push(`caught ${error.message}`)
}
return order
