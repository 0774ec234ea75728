export const meta = { name: 'agent-options', description: 'Uses every option an agent call can have', phases: [{ title: 'Build' }, { title: 'Check' }] }

phase('Build')
const calls = [
  ['plain', undefined],
  ['labelled', { label: 'the label' }],
  ['other phase', { phase: 'Check' }],
  ['opus', { model: 'opus', effort: 'max' }],
  ['sonnet', { model: 'sonnet', effort: 'low' }],
  ['haiku', { model: 'haiku', effort: 'medium' }],
  ['fable', { model: 'fable', effort: 'high' }],
  ['full id', { model: 'claude-sonnet-4-5-20250929' }],
  ['typed', { agentType: 'code-reviewer' }],
  ['plugin', { agentType: 'security-kit:threat-modeler', label: 'threats' }],
  ['isolated', { isolation: 'worktree' }],
  ['stalls', { stallMs: 180_000, timeoutMs: 600_000 }],
  ['keyed', { key: 'stable-key', cwd: 'packages/app', provider: 'debug' }],
  ['tools', { tools: ['Read', 'Grep'], permissions: { allow: ['Bash(git:*)'] }, providerOptions: { args: ['--verbose'] } }],
  ['retry', { retry: { maxAttempts: 3, backoffMs: 1 } }],
  ['all', { label: 'l', phase: 'Check', schema: { type: 'string' }, model: 'opus', effort: 'high', agentType: 'a', isolation: 'worktree', stallMs: 1000 }],
  ['nothing', { label: undefined, phase: undefined, model: null, schema: undefined }],
  ['empty', {}],
  ['null', null],
]
const answers = []
for (const [prompt, options] of calls) answers.push(await agent(prompt, options))
const refused = []
for (const options of [7, 'text', { isolation: 'container' }, { timeoutMs: -1 }, { retry: { maxAttempts: 0 } }, []]) {
  await agent('refused', options).then((text) => refused.push(text), (error) => refused.push(`${error.name}: ${error.message}`))
}
return { answers: answers.length, last: answers.at(-1), refused }
