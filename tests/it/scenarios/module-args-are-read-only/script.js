export const meta = { name: 'module-args-are-read-only', description: 'Tries to change its input' }

const attempts = {
  set: () => { args.n = 2 }, add: () => { args.y = 1 }, deep: () => { args.deep.er.x = 2 }, remove: () => { delete args.n }, index: () => { args.list[0] = 9 },
  push: () => args.list.push(4), sort: () => args.list.sort(), length: () => { args.list.length = 0 }, define: () => Object.defineProperty(args, 'z', { value: 1 }), prototype: () => Object.setPrototypeOf(args, null),
  freeze: () => Object.freeze(args), assign: () => Object.assign(args, { n: 5 }), reverse: () => args.list.reverse(), fill: () => args.list.fill(0), splice: () => args.list.splice(0, 1), pop: () => args.list.pop(), budget: () => { budget.total = 5 }, spent: () => { budget.spent = () => 0 }, clone: () => structuredClone(args), preventExtensions: () => Object.preventExtensions({ ...args }),
}
const messages = Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => { try { attempt(); return [name, 'allowed'] } catch (error) { return [name, `${error.name}: ${error.message}`] } }))
export default {
  messages, args,
  reads: [Array.isArray(args.list), args.list.map((n) => n * 2), args.list.filter((n) => n > 1), [...args.list], 'n' in args, Object.keys(args), JSON.stringify(args), args.deep === args.deep, args.list.toSorted(), args.list.length, args.list.at(-1), args.list.includes(2), args.list.indexOf(1), args.list.slice(1), args.list.join('-'), Object.entries(args.deep.er), { ...args }.n, args.list.concat([4]), args.list.flatMap((n) => [n, n]), structuredClone([...args.list])],
  mutable: (() => { const copy = args.list.map((n) => n); copy.push(9); const { ...spread } = args; spread.n = 7; return [copy, spread.n, args.n] })(),
}
