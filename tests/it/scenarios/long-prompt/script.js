export const meta = { name: 'long-prompt', description: 'Sends prompts of 225 KB, as review workflows with whole diffs do' }

const line = (i) => `+${String(i).padStart(5, '0')} const wert_${i} = 'größer als ${i}' // 🦊\n`
let diff = ''
for (let i = 0; diff.length < 225 * 1024; i++) diff += line(i)
const [plain, structured] = await Promise.all([
  agent(`Review this diff:\n${diff}`, { label: 'plain' }),
  agent(`Count the lines of this diff:\n${diff}`, { label: 'structured', schema: { type: 'object', properties: { lines: { type: 'integer' } }, required: ['lines'] } }),
])
const back = plain.slice('echo: Review this diff:\n'.length)
return { length: diff.length, same: back === diff, lines: back.split('\n').length - 1, last: back.trimEnd().split('\n').at(-1), structured }
