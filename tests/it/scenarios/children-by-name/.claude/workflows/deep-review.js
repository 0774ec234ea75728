export const meta = { name: 'deep review', description: 'Reviews one file', phases: [{ title: 'Inside', model: 'sonnet' }] }

log('child sees', args)
phase('Inside')
const { file, strict = false } = args ?? {}
const text = await agent(`Review ${file}${strict ? ' strictly' : ''}`, { label: `child:${file}` })
return { file, text, global: typeof globalThis.shared }
