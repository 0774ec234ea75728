export const meta = { name: 'recursive-plans', description: 'Breaks goals down until they are small' }

async function solve(goal, depth = 0, path = []) {
  const trail = [...path, goal]
  if (depth >= args.depth || !args.children[goal]) return { goal, result: await agent(`Do ${trail.join(' > ')}`, { label: `${'  '.repeat(depth)}${goal}` }) }
  const { parts } = await agent(`Split ${goal}`, { schema: { type: 'object', properties: { parts: { const: args.children[goal] } }, required: ['parts'] } })
  const solved = await parallel(parts.map((part) => () => solve(part, depth + 1, trail)))
  return { goal, parts: solved, leaves: solved.reduce((n, s) => n + (s.leaves ?? 1), 0) }
}
const tree = await solve(args.goal)
const lines = []
const print = (node, last = true, indent = '') => { lines.push(`${indent}${last ? '└' : '├'} ${node.goal}`); node.parts?.forEach((part, i, all) => print(part, i === all.length - 1, indent + (last ? '  ' : '│ '))) }
print(tree)
const isEven = (n) => n === 0 || isOdd(n - 1), isOdd = (n) => n !== 0 && isEven(n - 1)
const ackermann = (m, n) => (m === 0 ? n + 1 : n === 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)))
const permutations = (list) => list.length < 2 ? [list] : list.flatMap((x, i) => permutations(list.toSpliced(i, 1)).map((rest) => [x, ...rest]))
let overflow
try { (function forever() { return 1 + forever() })() } catch (error) { overflow = [error.name, error instanceof RangeError] }
return { tree, lines, even: isEven(500), ackermann: ackermann(2, 3), permutations: permutations(['a', 'b', 'c']).map((p) => p.join('')), overflow }
