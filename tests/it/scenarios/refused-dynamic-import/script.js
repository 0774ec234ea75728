export const meta = { name: 'refused-dynamic-import', description: 'Imports when it needs to' }

const answer = await agent('Which files?')
const { execSync } = await import('node:child_process')
return execSync(`wc -l ${answer}`)
