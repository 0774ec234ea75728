export const meta = { name: 'chaos-child', description: 'asks what others ask, too' }

const ask = (prompt, index) => agent(prompt, { label: `${args.seed}.${args.part}.${index}` })
const first = await ask('same', 0)
const others = await parallel(Array.from({ length: args.of }, (_, index) => () => ask(`child ${index % 2}`, index + 1)))
return [first, ...others]
