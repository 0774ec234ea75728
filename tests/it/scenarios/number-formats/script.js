export const meta = { name: 'number-formats', description: 'Formats numbers, sizes and durations without Intl' }

const bytes = (n) => { const units = ['B', 'KB', 'MB', 'GB']; let i = 0; while (n >= 1024 && i < units.length - 1) { n /= 1024; i++ } return `${n.toFixed(i ? 1 : 0)} ${units[i]}` }
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, '_')
const duration = (ms) => { const s = Math.floor(ms / 1000); const pad = (n) => String(n).padStart(2, '0'); return `${pad(Math.floor(s / 3600))}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` }
const report = `${grouped(Math.trunc(args.tokens))} tokens in ${duration(args.ms)}, ${(args.share * 100).toFixed(1)} %`
const answer = await agent(report)
return {
  answer, bytes: [0, 1023, 1536, 123456789].map(bytes), grouped: grouped(1234567),
}
