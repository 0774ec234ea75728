export const meta = { name: 'require-is-refused', description: 'Thinks it runs in Node, and notices late' }

const plan = await agent('Make an expensive plan')
const fs = require('fs')
return await agent(`${plan}\n${fs.readFileSync('notes.txt', 'utf8')}`)
