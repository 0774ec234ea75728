export const meta = { name: 'children', description: 'Child workflows one after the other.' }

export default async function ({ count }) {
  let answered = 0
  for (let i = 0; i < count; i++) {
    if (await workflow({ scriptPath: './hello.js' })) answered++
  }
  return answered
}
