export const meta = { name: 'console-levels', description: 'Writes to the console as people do' }

console.log('starting', { files: 3 }, [1, 2])
console.info('info')
console.warn('careful', null)
console.error('bad')
console.debug('details', 1.5, true)
console.log()
console.log(undefined, NaN, -Infinity, 10n, 'x')
log('plain', undefined, NaN, { a: undefined, b: null, when: new Date(0) }, [undefined, () => 1])
log()
const { warn } = console
warn('detached')
const text = await agent('hello')
console.log(text)
return text
