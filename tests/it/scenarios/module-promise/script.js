export const meta = { name: 'module-promise', description: 'Exports a promise of its result' }

const ask = (topic) => agent(`Explain ${topic}`, { label: topic })
export default Promise.all(args.topics.map(ask)).then((texts) => ({ texts, spent: budget.spent() }))
