export const meta = { name: 'regular-expression-messages', description: 'Tells an agent what is wrong with a pattern' }

const messages = ['(', '[z-a]', '*', '\\', 'a{2,1}', ')'].map((source) => {
  try { return String(new RegExp(source)) } catch (error) { return error.message }
})
await agent(`Correct these:\n${messages.join('\n')}`)
return messages
