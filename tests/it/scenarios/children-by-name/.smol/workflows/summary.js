// The file is called summary, the workflow is not.
export const meta = { name: 'write-summary', description: 'Joins what it is given' }
return (await agent(`Summarise ${args.length} reviews`)).toUpperCase()
