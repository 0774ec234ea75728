export const meta = { name: 'imports', description: 'Imports what is not there' }
import fs from 'node:fs'
return fs
