export const meta = { name: 'regular-expressions-at-run-time', description: 'Makes its patterns out of args' }

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
const counts = Object.fromEntries(args.terms.map((term) => [term, (args.text.match(new RegExp(escape(term), 'giu')) ?? []).length]))
const any = new RegExp(args.terms.map(escape).join('|'), 'g')
const toRegExp = (glob) => new RegExp(`^${glob.replace(/[.+^$()|[\]\\]/g, '\\$&').replace(/\{([^}]*)\}/g, (_, list) => `(?:${list.split(',').join('|')})`).replace(/\*\*\/|\*/g, (m) => (m === '*' ? '[^/]*' : '(?:.*/)?'))}$`)
const matcher = toRegExp(args.glob)
const errors = ['(', '[z-a]', '*', '(?<a>x)(?<a>y)', '\\', '(?<n', 'a{2,1}', '(?<=a', ')', '[', '(?z)'].map((source) => {
  try { return String(new RegExp(source)) } catch (error) { return error.name }
})
const flags = ['gg', 'x', 'uv'].map((flag) => { try { return new RegExp('a', flag).flags } catch (error) { return error.name } })
const copy = new RegExp(any, 'iy')
const answer = await agent(`Search for ${any.source} in ${args.text}`)
return {
  answer, counts, marked: args.text.replace(any, '<$&>'), matcher: matcher.source, matches: ['src/a.test.ts', 'src/x/y/b.test.js', 'lib/a.test.ts', 'src/a.ts'].map((path) => matcher.test(path)), errors, flags,
  copy: [copy.source === any.source, copy.flags, copy.sticky], from: new RegExp(`(${['a', 'b'].join('|')}){2}`).exec('xabx'),
}
