export const meta = { name: 'echo', description: 'Gives back what it was given' }
const given = typeof args === 'string' ? args.split(',') : args
if (Array.isArray(args)) args.push('changed in the child')
return { kind: typeof args, given, none: args === undefined, isNull: args === null }
