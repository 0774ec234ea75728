export const meta = { name: 'crowd', description: 'Agent calls all at once, with answers that are kept.' }

export default async function ({ count }) {
  const answers = await parallel(Array.from({ length: count }, (_, i) => () => agent(`Task ${i}.`)))
  return answers.reduce((sum, answer) => sum + answer.length, 0)
}
