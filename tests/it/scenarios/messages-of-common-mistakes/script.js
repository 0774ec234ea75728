export const meta = { name: 'messages-of-common-mistakes', description: 'Puts the messages of its own mistakes into prompts' }

const nothing = undefined, none = null, text = 'abc', object = { name: 'x' }
const mistakes = [
  () => nothing.length, () => none.length, () => nothing['some key'], () => none[0], () => nothing.a.b, () => object.missing.deep, () => { nothing.x = 1 }, () => { none.y = 2 },
]
const messages = mistakes.map((mistake) => { try { return mistake() } catch (error) { return `${error.name}: ${error.message}` } })
const answer = await agent(`Explain: ${messages[0]}`)
return { messages, answer }
