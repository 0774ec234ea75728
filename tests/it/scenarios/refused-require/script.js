export const meta = { name: 'refused-require', description: 'Thinks it runs in Node' }

log('starting')
const fs = require('fs')
return await agent(fs.readFileSync('notes.txt', 'utf8'))
