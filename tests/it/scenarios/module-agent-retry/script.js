export const meta = { name: 'module-agent-retry', description: 'Rejects when the last attempt has failed' }

const say = (promise) => promise.then((value) => ({ value }), (error) => ({ name: error.name, message: error.message, cause: error.cause?.name }))
export default {
  // Attempts of one call do not hold up another.
  both: await Promise.all([say(agent(undefined, { label: 'bad', retry: { maxAttempts: 3, backoffMs: 1 } })), say(agent('good', { label: 'good' }))]),
  inParallel: await parallel([() => agent(undefined, { label: 'null', retry: { maxAttempts: 2 } }), () => 1]),
}
