export const meta = { name: 'unknown-options', description: 'Passes options that the engine does not know' }

const first = await agent('one', { label: 'one', temperature: 0.2, subagent_type: 'general', allowedTools: ['Read'] })
const second = await agent('two', { temperature: 0.3, maxTurns: 5, nested: { deep: [undefined, null, 1] }, fn: () => 1 })
return [first, second]
