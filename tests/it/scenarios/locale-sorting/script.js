export const meta = { name: 'locale-sorting', description: 'Sorts names the way people expect' }

const sorted = [...args].sort((a, b) => a.localeCompare(b))
const answer = await agent(`In order: ${sorted.join(', ')}`)
return {
  answer,
  signs: [['ä', 'z'], ['a', 'B'], ['a', 'A'], ['a', 'á'], ['10', '9'], ['', 'a'], ['a b', 'ab'], ['-', 'a'], ['co-op', 'coop'], ['ß', 'ss'], ['x', 'x'], ['ａ', 'a'], ['中', '丁'], ['א', 'α'], ['🙂', 'a']]
    .map(([a, b]) => Math.sign(a.localeCompare(b))),
}
