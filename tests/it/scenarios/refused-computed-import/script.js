export const meta = { name: 'refused-computed-import', description: 'Imports what it is told to' }

return await import(args.module)
