export const meta = { name: 'args-from-global', description: 'Reads its hooks off the global object' }

const args = globalThis.args || {}
const { agent: ask, log: say, parallel: together } = globalThis
args.extra.list.sort()
args.extra.added = true
delete args.level
say('sorted', args.extra.list)
const answers = await together([() => ask(`Level ${args.level ?? 'gone'}`), () => globalThis.agent(JSON.stringify(args))])
return { answers, same: args === globalThis.args, typeof: typeof globalThis.budget.remaining, own: Object.hasOwn(globalThis, 'workflow') }
