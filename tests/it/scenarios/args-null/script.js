export const meta = { name: 'args-null', description: 'Given null, which is something else than nothing' }

const options = args ?? { fallback: true }
log(args, typeof args, options)
if (args !== null) return 'not null'
return await agent(`Options: ${JSON.stringify(options)}`)
