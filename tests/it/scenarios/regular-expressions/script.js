export const meta = { name: 'regular-expressions', description: 'Takes logs and diffs apart' }

const hunk = /^@@ -(?<from>\d+)(?:,(?<fromCount>\d+))? \+(?<to>\d+)(?:,(?<toCount>\d+))? @@(?: (?<context>.*))?$/m.exec(args.diff)
const entries = [...args.log.matchAll(/^(?<date>\d{4}-\d\d-\d\d)T(?<time>[\d:]+)Z \[(?<level>error|warn)\] (?<text>.+)$/gm)].map(({ groups }) => ({ ...groups }))
const todos = args.diff.match(/(?<=^\+.*?)\b(?:TODO|FIXME)(?:\((?<who>\p{L}+)\))?/gmu)
const words = args.diff.match(/\p{Lu}\p{L}*|\p{Ll}{4,}/gu)
const facts = {
  lookahead: 'foo1 bar2 foobar'.match(/\bfoo(?!bar)\w*/g),
  behind: ['$42 and €17'.match(/(?<=[$€])\d+/g), 'a1b22'.replace(/(?<!\d)\d(?!\d)/g, '#')],
  back: [args.log.match(/\b(\w+) \1\b/)[1], /(?<q>['"]).*?\k<q>/.exec(`say "it's" now`)[0], /^(?:(a)|b)*$/.exec('ab')],
  sticky: (() => { const re = /\d+|[+*]/y; const out = []; let m; while ((m = re.exec('12+3*45x'))) out.push(m[0]); return [out, re.lastIndex] })(),
  global: (() => { const re = /a/g; return [re.test('aa'), re.lastIndex, re.test('aa'), re.test('aa'), re.lastIndex] })(),
  indices: /b(?<x>c)/d.exec('abc').indices.groups.x,
  dotAll: [/a.b/.test('a\nb'), /a.b/s.test('a\nb'), /^b$/m.test('a\nb'), /\u{1F98A}/u.test('🦊'), /^.$/u.test('🦊'), /^.$/.test('🦊'), /[^\x00-\x7F]/.test('é')],
  classes: ['Ünï-cödé_ЖЖ 漢字 ٣'.match(/[\p{L}\p{N}_]+/gu), 'x—y'.split(/\p{Pd}/u), /^\p{Script=Greek}+$/u.test('λόγος'), '👍🏽 ok'.match(/\p{Emoji_Presentation}\p{EMod}?/u)[0], 'ıİ'.replace(/\P{ASCII}/gu, '?')],
  sets: ['a-b_c'.match(/[\w--_]/gv), /[[a-z]&&[^aeiou]]+/v.exec('aeixyz')[0], /^\p{RGI_Emoji}$/v.test('👩‍🚀')],
  lazy: ['<a><b>'.match(/<.+?>/)[0], '<a><b>'.match(/<.+>/)[0], 'aaa'.match(/a{2}/)[0], 'aaa'.match(/a{1,2}?/)[0], '\\d+'.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')],
  fold: ['İ'.match(/i/iu), /ſ/iu.test('S'), /\w/iu.test('ſ'), 'STRASSE'.match(/ß/i), /[à-ö]/i.test('Ä')],
  replace: ['2024-02-29'.replace(/(\d+)-(\d+)-(\d+)/, '$3.$2.$1 $0 $10'), 'john smith'.replace(/\b\w/g, (c) => c.toUpperCase()), 'aBc'.replace(/[A-Z]/g, (m, at, all) => `_${m.toLowerCase()}${at}${all.length}`), 'x'.replace(/(?<a>x)/, (...m) => JSON.stringify(m.at(-1)))],
  properties: [/a/gimsuy.flags, /a\/b/.source, String(/[/]/), new RegExp('/').source, /(?:)/.source, RegExp('a', 'g').global],
  duplicates: 'split, on;many  kinds'.split(/[,;\s]+/),
}
const answer = await agent(`Explain ${hunk.groups.context} at line ${hunk.groups.to}`)
return { answer, hunk: { ...hunk.groups }, entries, todos, words, facts }
