export const meta = { name: 'throws', description: 'Fails as it is told' }
await null
switch (args) {
  case 'error': throw new TypeError('from the child', { cause: 'hidden' })
  case 'text': throw 'a text'
  case 'object': throw { code: 1 }
  case 'nothing': throw undefined
  case 'mismatch': return await agent('x', { schema: { type: 'integer', minimum: 1 } })
  case 'bigint': return 10n
  case 'cycle': { const o = {}; o.o = o; return o }
  case 'stall': return await new Promise(() => {})
  case 'agent': return await agent('y', { provider: 'no-such-cli' })
}
