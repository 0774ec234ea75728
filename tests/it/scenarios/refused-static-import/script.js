import { readFile } from 'node:fs/promises'
export const meta = { name: 'refused-static-import', description: 'Reads a file itself' }

return await agent(await readFile('README.md', 'utf8'))
