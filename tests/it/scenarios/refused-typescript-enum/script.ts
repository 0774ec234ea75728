export const meta = { name: 'refused-typescript-enum', description: 'Needs a compiler' }

enum Level { Low, High }
return await agent(`Level ${Level.High}`)
