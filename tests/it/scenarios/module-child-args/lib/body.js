export const meta = { name: 'body child', description: 'A body as a child of a module' }
return { args, kind: typeof args, failed: await agent('x', { provider: 'no-such-cli' }) }
