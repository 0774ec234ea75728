export const meta = { name: 'spreading-text', description: 'Spreads strings into objects' }

const { length, ...letters } = args
const numbered = { ...args, ...'hi', ...true, ...1, ...null }
return { length, letters, numbered, assigned: Object.assign({}, args), answer: await agent(Object.values({ ...args }).join('-')) }
