// Summarises one text. Of use by itself, and as a child of release-notes.js.
//
//   smol-wf run summarize.js --args-text "$(git log --oneline -20)" --args-sentences 2

export const meta = {
  name: 'summarize',
  description: 'Summarises a text in a given number of sentences',
}

const SUMMARY = {
  type: 'object',
  required: ['headline', 'summary'],
  properties: { headline: { type: 'string' }, summary: { type: 'string' } },
}

if (!args?.text) throw new TypeError('summarize needs the argument text')
const { text, audience = 'developers', sentences = 3 } = args

return await agent(`Summarise for ${audience}, in ${sentences} sentences or fewer:\n\n${text}`, {
  label: `summary for ${audience}`,
  schema: SUMMARY,
})
