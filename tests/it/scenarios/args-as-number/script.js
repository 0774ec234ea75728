export const meta = { name: 'args-as-number', description: 'Is told how many ideas to have' }

const count = Number(args) || 1
const ideas = await parallel(Array.from({ length: args }, (_, i) => () => agent(`Idea ${i + 1} of ${count}`)))
return { ideas, fixed: args.toFixed(2), twice: args * 2, kind: typeof args }
