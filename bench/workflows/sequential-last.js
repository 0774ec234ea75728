export const meta = { name: 'sequential-last', description: 'Agent calls one after the other, and one of another provider.' }

export default async function ({ count }) {
  for (let i = 0; i < count; i++) await agent(`Step ${i}.`)
  return agent('The last one.', { provider: 'last' })
}
