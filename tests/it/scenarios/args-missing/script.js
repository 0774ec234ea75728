export const meta = { name: 'args-missing', description: 'Runs with nothing given' }

const { topic = 'the weather', count = 2, ...rest } = args ?? {}
const lines = []
for (let i = 0; i < (args?.count ?? count); i++) lines.push(await agent(`Write about ${args?.topic || topic}, part ${i + 1}`))
return {
  given: args === undefined, kind: typeof args, here: 'args' in globalThis, list: Array.isArray(args), deep: args?.a?.b.c.d(),
  text: `${args}`, lines, rest, keys: Object.keys(args ?? {}),
}
