export const meta = { name: 'module-failures-reject', description: 'Has agents that fail' }

const attempt = (promise) => promise.then((value) => ({ value }), (error) => ({ name: error.name, message: error.message.split('\n')[0], isError: error instanceof Error }))
const results = {
  provider: await attempt(agent('x', { provider: 'no-such-cli' })),
  mismatch: await attempt(agent('x', { schema: { type: 'string', minLength: 99 } })),
  noPrompt: await attempt(agent()),
  parallel: await parallel([() => agent('fine'), () => agent('x', { provider: 'no-such-cli' }), () => { throw 1 }]),
  pipeline: await pipeline(['ok', 'bad'], (item) => agent(item, item === 'bad' ? { provider: 'no-such-cli' } : {}), (text) => text.length),
}
export default { ...results, spent: budget.spent() }
