export const meta = { name: 'sorting', description: 'Ranks what it found' }

const by = (...keys) => (a, b) => { for (const key of keys) { const [x, y] = [key(a), key(b)]; if (x < y) return -1; if (x > y) return 1 } return 0 }
const SEVERITY = ['critical', 'major', 'minor']
const findings = ['minor', 'critical', 'unknown', 'major', 'critical'].map((severity, i) => ({ severity, i }))
const stable = args.toSorted((a, b) => (a.s ?? 9) - (b.s ?? 9)).map((x) => x.n).join('')
const multi = [...args].sort(by((x) => -(x.s ?? 0), (x) => x.n)).map((x) => x.n).join('')
const ranked = findings.sort((a, b) => (SEVERITY.indexOf(a.severity) + 1 || 9) - (SEVERITY.indexOf(b.severity) + 1 || 9))
const large = Array.from({ length: 500 }, (_, i) => ({ k: (i * 7919) % 10, i }))
large.sort((a, b) => a.k - b.k)
const answer = await agent(ranked.map((f, i) => `${i + 1}. ${f.severity} (#${f.i})`).join('\n'))
const numbers = [5, 25, 100, 1].sort()
const thrown = (() => { try { [1, 2].sort(() => { throw new Error('comparator') }) } catch (error) { return error.message } })()
const topK = (list, k) => list.map((x, i) => [x, i]).sort(([a, i], [b, j]) => b - a || i - j).slice(0, k).map(([x]) => x)
return { stable, multi, ranked, isStable: large.every((x, i) => i === 0 || large[i - 1].k < x.k || (large[i - 1].k === x.k && large[i - 1].i < x.i)), answer, numbers, thrown, top: topK([3, 9, 1, 9, 4], 3), reversed: ['b', 'a', 'C'].sort().reverse(), typed: [...new Float64Array([3, -0, 0, -1, NaN]).sort()].map(String), minBy: args.reduce((best, x) => (best === null || x.n < best.n ? x : best), null).n }
