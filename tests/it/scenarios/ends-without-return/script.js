export const meta = { name: 'ends-without-return', description: 'Says what it does and gives nothing back' }

const modules = ['parser', 'printer', 'cli']
let done = 0
for (const name of modules) {
  const summary = await agent(`Summarise the module ${name} in one line.`)
  log(`${++done}/${modules.length}`, name, summary.length)
}
modules.map((name) => { return name.toUpperCase() })
