// Uses Date.now() and Math.random()? No: args.now says what time it is. new Date() would throw.
export const meta = { name: 'clock-only-in-words', description: 'Talks about Date.now() and new Date() and never calls them' }

/* setInterval(() => Date.now(), 1000); fetch('/x'); require('fs'); import('fs') */
const rules = `Do not use Date.now(), new Date(), Math.random(), eval('1'), process.exit() or import fs from 'fs'.
Replace \`require('fs')\` with nothing.`
const pattern = /Date\.now\(\)|Math\.random\(\)|new Date\(\)/g
const now = new Date(args.now)
const later = new Date(now)
later.setDate(later.getDate() + 1)
const months = Array.from({ length: 3 }, (_, i) => new Date(Date.UTC(2024, i + 1, 0)).toISOString().slice(0, 10))
const refused = [() => Date.now(), () => new Date(), () => Date(), () => Math.random()].map((call) => {
  try { return call() } catch (error) { return [error.name, error.code, error.message.split(':')[0]] }
})
const answer = await agent(`${rules}\nIt is ${now.toISOString()}.`)
return {
  answer, found: rules.match(pattern), later: later.toJSON(), day: now.getDay(), year: now.getFullYear(), hours: now.getHours(), zone: now.getTimezoneOffset(),
  difference: later - now, same: +now === args.startedAt, months, refused, invalid: Number.isNaN(new Date('soon').getTime()), text: now.toString(),
  parts: [now.toDateString(), now.toUTCString(), now.toTimeString()], parsed: Date.parse('2024-03-01'),
}
