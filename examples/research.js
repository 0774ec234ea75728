// Answers a question by research: splits it up, follows every part on its own, checks the claims, writes one answer.
//
//   smol-wf run research.js --args-question "Which parser generators for Rust are maintained?"

export const meta = {
  name: 'research',
  description: 'Research fan-out: several questions at once, each claim checked against its source, one answer',
  phases: [{ title: 'Plan' }, { title: 'Research' }, { title: 'Answer' }],
}

const PLAN = {
  type: 'object',
  required: ['questions'],
  properties: { questions: { type: 'array', items: { type: 'string' } } },
}
const CLAIMS = {
  type: 'object',
  required: ['claims'],
  properties: {
    claims: {
      type: 'array',
      items: {
        type: 'object',
        required: ['claim', 'source'],
        properties: { claim: { type: 'string' }, source: { type: 'string', format: 'uri' } },
      },
    },
  },
}
const CHECK = {
  type: 'object',
  required: ['supported'],
  properties: { supported: { type: 'boolean' }, quote: { type: 'string', description: 'from the source, verbatim' } },
}

export default async function research(args, { agent, parallel, pipeline, log, phase }) {
  const question = args.question ?? 'Which parser generators for Rust are maintained?'
  const breadth = Number(args.breadth ?? 4)

  phase('Plan')
  const plan = await agent(
    `Split this question into at most ${breadth} questions that can be researched one by one, without overlap: ${question}`,
    { schema: PLAN },
  )
  // The question itself is always one of them: a plan may miss the point.
  const questions = [question, ...plan.questions].slice(0, breadth)

  phase('Research')
  // A pipeline has no barrier: the claims of one question are checked while another is still being read about.
  const answered = await pipeline(
    questions,
    (asked, _, index) =>
      agent(`Research on the web: ${asked}\nOnly claims with a source that you have opened.`, {
        label: `read:${index + 1}`,
        phase: 'Research',
        schema: CLAIMS,
        retry: { maxAttempts: 3, backoffMs: 1000 },
      }),
    async ({ claims }, asked, index) => {
      const checks = await parallel(
        claims.map(({ claim, source }) => () =>
          agent(`Open ${source}. Does it say this? ${claim}`, {
            label: `check:${index + 1}`,
            phase: 'Research',
            schema: CHECK,
          }),
        ),
      )
      const supported = claims.filter((_, i) => checks[i]?.supported)
      log(`${asked}: ${supported.length} of ${claims.length} claims are supported`)
      return { question: asked, claims: supported }
    },
  )
  // Where a stage failed there is null: one dead website should not cost the whole answer.
  const findings = answered.filter(Boolean)
  if (findings.length === 0) throw new Error('none of the questions could be researched')

  phase('Answer')
  const answer = await agent(
    [
      `Answer in at most 200 words: ${question}`,
      'Use these claims only, and name the source of each one you use.',
      ...findings.flatMap(({ claims }) => claims.map(({ claim, source }) => `- ${claim} (${source})`)),
    ].join('\n'),
  )
  return {
    question,
    answer,
    sources: [...new Set(findings.flatMap(({ claims }) => claims.map(({ source }) => source)))],
    unanswered: questions.length - findings.length,
  }
}
