export const meta = { name: 'nothing', description: 'Gives nothing back' }
await agent(`Nothing (${args})`)
