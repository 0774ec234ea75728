export const meta = { name: 'module child', description: 'A module as a child' }
export default async (given) => ({ given, kind: Array.isArray(given) ? 'array' : typeof given, answer: given.ask ? await agent(given.ask) : null })
