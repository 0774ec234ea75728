export const meta = { name: 'refused-typescript', description: 'Has types in a file that says it has none' }

interface Finding { file: string; line?: number }
const findings: Finding[] = await agent('Find bugs', { schema: { type: 'array', items: { type: 'object' } } })
return findings.map((finding) => finding.file)
