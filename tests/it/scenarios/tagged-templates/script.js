export const meta = { name: 'tagged-templates', description: 'Writes prompts with template tags' }

const dedent = (strings, ...values) => {
  const text = strings.reduce((all, part, i) => all + part + (i < values.length ? [].concat(values[i]).join(', ') : ''), '')
  const lines = text.replace(/^\n/, '').replace(/\n\s*$/, '').split('\n')
  const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => /^ */.exec(line)[0].length))
  return lines.map((line) => line.slice(indent)).join('\n')
}
const sites = new Set()
const same = () => ((strings) => strings)`a${1}b`
const first = same(), second = same()
const raw = (strings) => strings.raw.join('|')
const prompt = dedent`
  Review ${args.file}.
    - tags: ${args.tags}

  Answer with "yes" or \`no\`.
`
const nested = `a${`b${`c${1 + 1}`}`}${'\u{1F98A}\x41\t'.length}`
const chain = ((s, ...v) => (t, ...w) => [s.raw[0], v, t[0], w])`one${1}``two${2}${3}`
const method = { prefix: '>', tag(strings, ...values) { return this.prefix + String.raw(strings, ...values) } }
const answer = await agent(prompt)
return {
  prompt, answer, nested, chain, identity: first === second, frozen: Object.isFrozen(first) && Object.isFrozen(first.raw), raw: raw`\n${0}\u{zzz}`, cooked: ((s) => s[0])`\unicode`,
  method: method.tag`a\n${1}\t`, lines: `one
two`.split('\n'), empty: ``, sites: sites.size, object: `${{ toString: () => 'text', valueOf: () => 1 }}` + { toString: () => 'text', valueOf: () => 1 }, list: `${[1, [2, 3]]}`, symbol: (() => { try { return `${Symbol('s')}` } catch (error) { return error.name } })(),
}
