export const meta = { name: 'sequential', description: 'Agent calls one after the other.' }

export default async function ({ count, schema }) {
  let answered = 0
  for (let i = 0; i < count; i++) {
    const answer = await agent(`Step ${i}.`, schema && { schema })
    if (answer !== undefined && answer !== null) answered++
  }
  return answered
}
