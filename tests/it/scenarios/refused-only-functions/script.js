export const meta = { name: 'refused-only-functions', description: 'Everything in one function, called and not awaited until the end' }

main()

async function main() {
  log('only this far')
  const text = await agent('Is anybody listening?')
  log('never said', text)
}
