export const meta = { name: 'main-at-the-end', description: 'Only functions, and a call of the last one' }

async function review(file) {
  return agent(`Review ${file}`)
}

async function main() {
  for (const file of ['a.js', 'b.js']) log(await review(file))
}

await main()
