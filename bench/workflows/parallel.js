export const meta = { name: 'parallel', description: 'Agent calls all at once.' }

export default async function ({ count }) {
  const answers = await parallel(Array.from({ length: count }, (_, i) => () => agent(`Task ${i}.`)))
  return answers.length
}
