export const meta = { name: 'not-awaited', description: 'Starts an agent early, needs it late, and forgets another' }

const early = agent('started early')
const other = await agent('asked meanwhile')
agent('forgotten but asked')
await null
const text = await early
agent('too late to matter')
return [text, other]
