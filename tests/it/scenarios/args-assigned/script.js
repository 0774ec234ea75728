export const meta = { name: 'args-assigned', description: 'Replaces its own input' }

if (typeof args === 'string') args = JSON.parse(args)
args ||= {}
args.steps ??= []
args = { ...args, steps: [...args.steps, 'build'] }
const seen = () => args.steps.join('>')
const out = []
for (const step of args.steps) out.push(await agent(`Run ${step} (${seen()})`))
args = null
return { out, global: globalThis.args, after: seen === undefined }
