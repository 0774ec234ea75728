export const meta = { name: 'waits-for-nothing', description: 'Waits for a promise that nobody resolves' }

const { promise } = Promise.withResolvers?.() ?? { promise: new Promise(() => {}) }
log(await agent('before'))
await promise
return 'never'
