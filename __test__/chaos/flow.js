export const meta = { name: 'chaos', description: 'a bit of everything, in an order that its seed decides' }

const { sleep } = SW.extra

// The script's own dice: the same for each life of the run.
let state = args.seed * 2654435761 + 1
const dice = (sides) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  return (state >>> 8) % sides
}
let made = 0
// A label names a call over all lives; prompts are the same for many of them.
const ask = (prompt, options) => agent(prompt, { label: `${args.seed}.${made++}`, ...options })
const many = (count, make) => Array.from({ length: count }, (_, index) => make(index))

const PARTS = [
  // In sequence, each of the last.
  async () => {
    let text = 'begin'
    for (let left = 1 + dice(3); left > 0; left--) text = await ask(`go on from ${text.length}`)
    return text
  },
  // The same prompt, again and again.
  () => parallel(many(2 + dice(4), () => () => ask('same'))),
  () => parallel(many(2 + dice(4), (index) => async () => ask(`after ${(await ask(`item ${index % 2}`)).length}`))),
  () => pipeline(many(1 + dice(3), String), (item) => ask(`first ${item}`), (item) => ask(`second ${item.length}`)),
  // Fails at first, or for good.
  () => ask('shaky', { retry: { maxAttempts: 3, backoffMs: 1 } }),
  () => ask('broken', { retry: { maxAttempts: 2, backoffMs: 1 } }),
  () => ask('structured', { schema: { type: 'object', required: ['n'], properties: { n: { type: 'number' } } } }),
  () => new Promise((resolve) => setTimeout(() => resolve('timer'), dice(4))),
  // Long enough to be put away for, and not.
  () => sleep(dice(2) === 0 ? 130 : 5).then(() => 'slept'),
  // Whoever is first wins, here and in each later life.
  async () => {
    const both = [ask('race'), ask('race')]
    await Promise.race(both)
    await ask('raced')
    return Promise.all(both)
  },
  () => workflow({ scriptPath: './child.js' }, { seed: args.seed, part: made++, of: dice(3) }),
  // It writes down its prompt, as it sees nothing else of the call.
  () => ask(`${args.seed}.${made}`, { provider: 'program' }),
]

const results = []
for (let left = 4 + dice(3); left > 0; left--) {
  phase(`part ${left}`)
  results.push(await PARTS[dice(PARTS.length)]())
}
log('parts', results.length)
const two = [dice(PARTS.length), dice(PARTS.length)]
results.push(await parallel(two.map((part) => () => PARTS[part]())))
return { results, spent: budget.spent() }
