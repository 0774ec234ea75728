export const meta = { name: 'args-as-text', description: 'Works on free text as it was typed' }

const [goal, ...rules] = args.trim().split('\n').map((line) => line.replace(/^[-*]\s*/, '').trim()).filter(Boolean)
const words = args.match(/\w+/g).length
if (!args.includes('login') || args.startsWith('fix')) return 'unexpected'
const plan = await agent(`Goal: ${goal}\nRules:\n${rules.map((rule, i) => `${i + 1}. ${rule}`).join('\n')}`)
return { goal, rules, words, length: args.length, upper: args.trim().toUpperCase().slice(0, 7), last: args.at(-3), plan }
