export const meta = { name: 'console-beyond-lines', description: 'Formats, groups, tables, counts and times' }

console.log('%s found %d problems (%i%%): %j', 'lint', 3, 12.9, { worst: ['a.js'] }, 'and more', { left: 1 })
console.group('Files', 2)
for (const file of ['a.js', 'b.js']) {
  console.count(file)
  console.group()
  console.log({ file, lines: 10 })
  console.warn('first\nsecond', { kept: true })
  console.groupEnd()
}
console.groupEnd()
console.groupEnd()
console.table([{ file: 'a.js', ok: true }, { file: 'b.js', ok: false, why: ['x'] }])
console.table(new Map([['k', { deep: { er: 1 } }]]))
console.table(['a', 'b'], ['length'])
console.assert(1 + 1 === 2, 'never said')
console.assert(false, '%s does not hold', 'it')
console.countReset('a.js')
console.count('a.js')
console.countReset('nobody')
console.time('work')
const text = await agent('hello')
console.timeLog('work', 'after the agent', { text })
console.timeEnd('work')
console.dir({ a: { b: { c: {} } } }, { depth: 0 })
console.dir('quoted')
console.dirxml('as', 'log')
console.log('%O and %o', new Map([[{ a: 1 }, new Set([1n])]]), [undefined, Symbol('s'), -0])
console.log('100%', 'done', '%s')
const { table, group } = console
group('detached')
table([1])
return Object.keys(console).length
