export const meta = { name: 'sleeper', description: 'Sleeps, then one agent call.' }

export default async function ({ id, nap }) {
  await SW.extra.sleep(nap)
  return await agent(id)
}
