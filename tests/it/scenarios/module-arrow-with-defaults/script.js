export const meta = { name: 'module-arrow-with-defaults', description: 'Destructures what it is given' }

export default async ({ topic = 'nothing', depth = 1 } = {}, { agent, pipeline, budget }) => pipeline([topic], (t) => agent(`${t} at depth ${depth}`), (text, item, index) => ({ text, item, index, left: String(budget.remaining()) }))
