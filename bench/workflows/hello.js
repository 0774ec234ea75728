export const meta = { name: 'hello', description: 'One agent call.' }

export default async function () {
  return await agent('Say hello.')
}
