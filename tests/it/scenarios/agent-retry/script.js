export const meta = { name: 'agent-retry', description: 'Has calls that fail, and lets the engine ask again' }

// Without a prompt the debug provider fails every time.
const failing = (options) => agent(undefined, options)
const null3 = await failing({ label: 'three', retry: { maxAttempts: 3, backoffMs: 1 } })
const nullDefault = await failing({ label: 'default', retry: {} })
const null1 = await failing({ label: 'one', retry: { maxAttempts: 1 } })
const nullNone = await failing({ label: 'none' })
const nullNull = await failing({ label: 'null', retry: null })
const fine = await agent('fine', { label: 'fine', retry: { maxAttempts: 5 } })
// An answer that does not fit is asked for once more, however often a failed one is.
const mismatch = await agent('short', { label: 'mismatch', schema: { type: 'string', maxLength: 1 }, retry: { maxAttempts: 4 } }).catch((error) => error.code)
// Nor is a mistake in the call itself.
const noSchema = await agent('p', { label: 'schema', schema: { type: 'nonsense' }, retry: { maxAttempts: 4 } }).catch((error) => error.code)
const noProvider = await agent('p', { label: 'provider', provider: 'no-such-cli', retry: { maxAttempts: 4, backoffMs: 1 } })
const refused = []
for (const retry of [3, [], 'twice', { maxAttempts: 0 }, { maxAttempts: 1.5 }, { maxAttempts: 1001 }, { maxAttempts: '2' }, { backoffMs: -1 }, { backoffMs: 'x' }, { backoffMs: 2 ** 31 }]) {
  refused.push(await agent('p', { retry }).then(() => 'accepted', (error) => `${error.name}: ${error.message} (${error.code})`))
}
return { null3, nullDefault, null1, nullNone, nullNull, fine, mismatch, noSchema, noProvider, refused, spent: budget.spent() }
