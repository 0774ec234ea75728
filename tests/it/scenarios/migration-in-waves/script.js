export const meta = { name: 'migration-in-waves', description: 'Migrates modules wave by wave, in the order of what depends on what', phases: [{ title: 'Wave' }, { title: 'Fix' }] }

const { modules, retries = 1 } = args
function* waves(graph) {
  const left = new Map(Object.entries(graph).map(([name, needs]) => [name, new Set(needs)]))
  while (left.size) {
    const ready = [...left].filter(([, needs]) => needs.size === 0).map(([name]) => name)
    if (!ready.length) throw new Error(`cycle: ${[...left.keys()].join(' -> ')}`)
    ready.forEach((name) => left.delete(name))
    left.forEach((needs) => ready.forEach((name) => needs.delete(name)))
    yield ready.sort()
  }
}
const CHECK = (fails) => ({ type: 'object', properties: { failing: { const: fails }, notes: { type: 'string' } }, required: ['failing'] })
const done = {}
let wave = 0
for (const names of waves(modules)) {
  wave++
  phase('Wave')
  const results = await parallel(names.map((name) => async () => {
    await agent(`Migrate ${name} (needs ${modules[name].join(', ') || 'nothing'})`, { label: `w${wave}:${name}`, isolation: 'worktree', agentType: 'migrator' })
    let attempt = 0
    // The first check of "db" finds two failing tests, the second one, the third none.
    let { failing } = await agent(`Run the tests of ${name}`, { label: `test:${name}`, schema: CHECK(name === 'db' ? ['t1', 't2'] : []) })
    while (failing.length && attempt++ < retries) {
      await agent(`Fix ${failing.join(' and ')} in ${name}`, { phase: 'Fix', label: `fix:${name}#${attempt}` })
      ;({ failing } = await agent(`Run the tests of ${name} again`, { label: `test:${name}`, schema: CHECK(failing.slice(1)) }))
    }
    return { name, attempts: attempt, failing }
  }))
  for (const { name, ...rest } of results) done[name] = { wave, ...rest }
}
let cycle
try { [...waves({ a: ['b'], b: ['a'] })] } catch (error) { cycle = error.message }
return { done, waves: wave, cycle }
