export const meta = { name: 'refused-relative-import', description: 'Has a helper next to it' }

import { prompts } from './prompts.js'
return await agent(prompts.review)
