export const meta = { name: 'module-unhandled-rejection', description: 'Forgets an agent that fails' }

agent('forgotten', { provider: 'no-such-cli' })
export default async () => {
  const first = await agent('first')
  return [first, await agent('second')]
}
