// Reviews a pull request: several lenses per file, every finding verified, one report.
export const meta = {
  name: 'pull-request-review',
  description: 'Multi-lens review of a pull request with adversarial verification ' + 'and a final report',
  whenToUse: 'When a pull request is ready for review',
  phases: [
    { title: 'Scope', detail: 'pick files and lenses' },
    { title: 'Review', detail: 'one agent per file and lens', model: 'sonnet' },
    { title: 'Verify', detail: 'three skeptics per finding', model: 'opus' },
    { title: 'Report' },
  ],
}

const input = typeof args === 'string' ? JSON.parse(args) : (args ?? {})
if (!input.number) return { error: 'no pull request given' }

const IGNORED = /(^|\/)(package-lock\.json|yarn\.lock|.*\.snap)$/
const LENSES = [
  { key: 'bugs', prompt: 'Look for logic errors.' },
  { key: 'perf', prompt: 'Look for slow paths.', when: (pr) => pr.labels.includes('perf') },
  { key: 'i18n', prompt: 'Look for text problems.', when: (pr) => /[^\x00-\x7F]/.test(pr.title) },
  { key: 'security', prompt: 'Look for holes.', when: () => false },
]
const FINDINGS = {
  type: 'object',
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        properties: { title: { type: 'string' }, line: { type: ['integer', 'null'] }, severity: { type: 'string', enum: ['high', 'medium', 'low'] } },
        required: ['title', 'severity'],
      },
    },
  },
  required: ['findings'],
}
const VERDICT = { type: 'object', properties: { real: { type: 'boolean' }, why: { type: 'string' } }, required: ['real', 'why'] }

phase('Scope')
const files = input.files.filter(({ path }) => !IGNORED.test(path)).toSorted((a, b) => b.added + b.removed - (a.added + a.removed))
const lenses = LENSES.filter(({ when }) => when?.(input) ?? true)
const jobs = files.flatMap((file) => lenses.map((lens) => ({ file, lens })))
log(`PR #${input.number}: ${files.length} files × ${lenses.length} lenses = ${jobs.length} reviews`)

phase('Review')
const verified = await pipeline(
  jobs,
  ({ file, lens }) => agent(
    `Review ${file.path} (+${file.added}/-${file.removed}) of PR #${input.number} "${input.title}".\n${lens.prompt}\n\nReturn only real problems.`,
    { label: `${lens.key}:${file.path.split('/').at(-1)}`, phase: 'Review', schema: FINDINGS, agentType: 'review-kit:reviewer' },
  ),
  (result, { file, lens }) => {
    const findings = (result?.findings ?? []).map((finding) => ({ ...finding, path: file.path, lens: lens.key }))
    return findings.length ? findings : null
  },
  (findings) => findings && parallel(findings.map((finding) => async () => {
    const votes = (await parallel([1, 2, 3].map((n) => () => agent(
      `Skeptic ${n}: is "${finding.title}" in ${finding.path} real? Default to no.`,
      { label: `skeptic ${n}`, phase: 'Verify', schema: VERDICT, effort: n === 3 ? 'high' : 'low' },
    )))).filter(Boolean)
    const yes = votes.filter((vote) => vote.real).length
    return yes * 2 > votes.length ? { ...finding, votes: `${yes}/${votes.length}` } : null
  })),
)

phase('Report')
const confirmed = verified.filter(Boolean).flat().filter(Boolean)
const bySeverity = confirmed.reduce((groups, finding) => { (groups[finding.severity] ??= []).push(finding); return groups }, {})
const seen = new Set()
const unique = confirmed.filter(({ path, title }) => { const key = `${path}\0${title.toLowerCase()}`; return !seen.has(key) && seen.add(key) })
if (unique.length === 0) return { verdict: 'clean', reviewed: jobs.length }
const report = await agent(`Write the report.\n${unique.map((f, i) => `${i + 1}. [${f.severity.toUpperCase().padEnd(6)}] ${f.path}: ${f.title} (${f.votes})`).join('\n')}`, { label: 'report' })
return { verdict: bySeverity.high ? 'blocked' : 'comments', reviewed: jobs.length, confirmed: confirmed.length, unique: unique.length, report: report.split('\n').length }
