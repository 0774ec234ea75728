// Reviews a change from several angles, then tries to refute every finding. Only what survives is reported.
//
//   smol-wf run code-review.js --args-target main...HEAD
//
// Arguments (all optional): target, what to review, as `git diff` takes it; dimensions, the names of some below.

export const meta = {
  name: 'code-review',
  description: 'Multi-dimension code review in which every finding has to survive an attempt to refute it',
  whenToUse: 'Before a change is merged, when a false alarm costs as much time as a missed bug',
  phases: [
    { title: 'Scope', detail: 'read the change once, for everybody' },
    { title: 'Review', detail: 'one reviewer per dimension' },
    { title: 'Verify', detail: 'three skeptics per finding; two of them must agree with it' },
    { title: 'Report' },
  ],
}

const DIMENSIONS = {
  correctness: 'wrong results, unhandled cases, broken invariants, races, off-by-one errors',
  security: 'injection, missing checks of permissions, secrets in the code, unsafe defaults, untrusted input',
  performance: 'needless work in hot paths, queries in loops, unbounded memory, blocking calls',
  tests: 'behaviour that changed without a test, tests that cannot fail, tests that depend on time or order',
}

// Three different questions find more than the same question three times.
const SKEPTICS = {
  reader: 'Read the code around it. Is the claim about what the code does true?',
  tracer: 'Trace the callers. Can this happen at all, with inputs that reach it?',
  tester: 'Write the smallest test that would show it, in a scratch file, and run it. Does it fail as claimed?',
}
const VOTES_NEEDED = 2

const SCOPE = {
  type: 'object',
  required: ['summary', 'files'],
  properties: {
    summary: { type: 'string', description: 'what the change does, in one sentence' },
    files: { type: 'array', items: { type: 'string' }, description: 'the changed files' },
  },
}
const FINDINGS = {
  type: 'object',
  required: ['findings'],
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        required: ['title', 'file', 'line', 'severity', 'explanation'],
        properties: {
          title: { type: 'string', description: 'one line, without the file name' },
          file: { type: 'string' },
          line: { type: 'integer', description: 'in the new version of the file' },
          severity: { enum: ['high', 'medium', 'low'] },
          explanation: { type: 'string', description: 'what goes wrong, for which input' },
        },
      },
    },
  },
}
const VOTE = {
  type: 'object',
  required: ['holds', 'reason'],
  properties: {
    holds: { type: 'boolean', description: 'true if the finding is right' },
    reason: { type: 'string', description: 'the evidence, with file and line' },
  },
}

const target = typeof args === 'string' ? args : (args?.target ?? 'main...HEAD')
// One name given on the command line arrives as text, several as a list.
const dimensions = [args?.dimensions ?? Object.keys(DIMENSIONS)].flat()

phase('Scope')
const scope = await agent(
  `Read the change that \`git diff ${target}\` shows. Say what it does and which files it touches. Change nothing.`,
  { label: 'scope', schema: SCOPE },
)
if (scope === null) throw new Error(`there is nothing to review: the agent could not read ${target}`)
log(`${target}: ${scope.summary} (${count(scope.files, 'file')})`)

phase('Review')
const reviews = await parallel(dimensions.map((dimension) => () => review(dimension)))
// Two reviewers often see the same thing. Verifying is the expensive part, so this has to wait for all of them.
const findings = merge(reviews.flatMap((found) => found ?? []))
log(`${count(findings, 'finding')} after merging duplicates`)

phase('Verify')
const verified = await parallel(findings.map((finding) => () => verify(finding)))
const confirmed = verified.filter((finding) => finding?.confirmed)
for (const finding of verified.filter(Boolean)) {
  log(`${finding.confirmed ? 'confirmed' : 'refuted'}, ${finding.votes}: ${finding.title}`)
}

phase('Report')
confirmed.sort((a, b) => rank(a.severity) - rank(b.severity))
return {
  target,
  summary: scope.summary,
  verdict: confirmed.some((finding) => finding.severity === 'high') ? 'request changes' : 'approve',
  findings: confirmed.map(({ confirmed: _, ...finding }) => finding),
  refuted: findings.length - confirmed.length,
}

async function review(dimension) {
  const answer = await agent(
    [
      `Review \`git diff ${target}\` for one thing only: ${DIMENSIONS[dimension] ?? dimension}.`,
      `The change: ${scope.summary}`,
      'Report what you would stake your name on, and nothing else. No findings is a good answer.',
    ].join('\n'),
    { label: `review:${dimension}`, schema: FINDINGS },
  )
  // In a body-form script a failed agent gives null.
  const found = answer?.findings ?? []
  log(`${dimension}: ${answer === null ? 'no answer' : count(found, 'finding')}`)
  return found.map((finding) => ({ ...finding, foundBy: [dimension] }))
}

async function verify(finding) {
  const votes = await parallel(
    Object.entries(SKEPTICS).map(([name, task]) => () =>
      agent(
        [
          `A reviewer claims about \`git diff ${target}\`, at ${finding.file}:${finding.line}: ${finding.title}`,
          finding.explanation,
          `Try to refute it. ${task}`,
          'If you cannot tell, the finding does not hold.',
        ].join('\n'),
        { label: `${name}:${finding.file}:${finding.line}`, schema: VOTE },
      ),
    ),
  )
  const cast = votes.filter(Boolean)
  const agreed = cast.filter((vote) => vote.holds)
  return {
    ...finding,
    confirmed: agreed.length >= VOTES_NEEDED,
    votes: `${agreed.length} of ${cast.length}`,
    evidence: agreed.map((vote) => vote.reason),
  }
}

/** One finding per place and title, with everybody who found it. */
function merge(found) {
  const byPlace = new Map()
  for (const finding of found) {
    const key = `${finding.file}:${finding.line}:${finding.title.toLowerCase()}`
    const known = byPlace.get(key)
    if (known) known.foundBy.push(...finding.foundBy)
    else byPlace.set(key, finding)
  }
  return [...byPlace.values()]
}

function rank(severity) {
  return ['high', 'medium', 'low'].indexOf(severity)
}

function count(list, noun) {
  return `${list.length} ${noun}${list.length === 1 ? '' : 's'}`
}
