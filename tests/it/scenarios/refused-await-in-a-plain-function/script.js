export const meta = { name: 'refused-await-in-a-plain-function', description: 'Waits where it cannot' }

function ask(topic) {
  return await agent(topic)
}
return ask('x')
