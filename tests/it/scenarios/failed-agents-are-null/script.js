export const meta = { name: 'failed-agents-are-null', description: 'Goes on without the agents that fail' }

const reports = await parallel(['debug', 'no-such-cli', 'debug', 'gone'].map((provider, i) => () => agent(`Report ${i}`, { provider, label: `r${i}` })))
const kept = reports.filter(Boolean)
const alone = await agent('alone', { provider: 'no-such-cli' })
const retried = await agent('retried', { provider: 'no-such-cli', retry: { maxAttempts: 3, backoffMs: 1 } })
const noPrompt = await agent()
const nullPrompt = await agent(null)
const number = await agent(5)
const object = await agent({ task: 'as data', list: [1] })
const list = await agent(['a', 'b'])
return { reports, kept: kept.length, alone, retried, noPrompt, nullPrompt, number, object, list, text: alone?.length ?? 'nothing' }
