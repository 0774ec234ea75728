export const meta = { name: 'children-that-do-not-load', description: 'Names children that are no workflows' }

const messages = {}
for (const scriptPath of ['kids/syntax.js', 'kids/no-meta.js', 'kids/imports.js', 'kids/missing.js', 'kids', '']) {
  messages[scriptPath] = await workflow({ scriptPath }).catch((error) => `${error.name}: ${error.message.split('\n')[0]}`)
}
return messages
