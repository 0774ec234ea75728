export const meta = { name: 'pipeline-stages', description: 'Sends items through stages that drop, skip and fail', phases: [{ title: 'Find' }, { title: 'Fix' }] }

const trace = []
const files = ['a.ts', 'b.ts', 'c.ts', 'd.ts', 'e.ts']
const results = await pipeline(
  files,
  (file, item, index) => { trace.push(['one', file === item, index]); return index === 1 ? null : agent(`Find bugs in ${file}`, { phase: 'Find', label: file }) },
  (found, file, index) => {
    trace.push(['two', found === null, index])
    if (!found) return null
    if (index === 2) throw new Error('lost')
    return index === 3 ? undefined : agent(`Fix ${found.length} in ${file}`, { phase: 'Fix', label: file })
  },
  async (fixed, file, index) => { trace.push(['three', typeof fixed, index]); return fixed ? { file, fixed } : fixed },
)
const numbers = await pipeline([1, 2, 3], (n) => n * 2, async (n) => n + 1, (n, original, i) => [n, original, i])
const none = await pipeline([], () => { throw new Error('never') })
const through = await pipeline([1, Promise.resolve(2), agent('as an item')])
const nested = await pipeline([['x', 'y'], ['z']], (group) => pipeline(group, (name) => agent(`deep ${name}`)), (texts) => texts.join('|'))
return { results, holes: results.map((r) => r === undefined), trace, numbers, none, through, nested }
