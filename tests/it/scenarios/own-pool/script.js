export const meta = { name: 'own-pool', description: 'Runs its agents in a pool of its own', phases: [{ title: 'Scan' }] }

async function pool(items, width, worker) {
  const results = new Array(items.length)
  let next = 0, running = 0, peak = 0
  const lanes = Array.from({ length: Math.min(width, items.length) }, async (_, lane) => {
    while (next < items.length) {
      const index = next++
      peak = Math.max(peak, ++running)
      try {
        results[index] = await worker(items[index], index, lane)
      } catch (error) {
        results[index] = { error: error.message }
      } finally {
        running--
      }
    }
    return lane
  })
  return { results, lanes: await Promise.all(lanes), peak }
}

phase('Scan')
const files = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${name}.ts`)
return await pool(files, args.width, async (file, index, lane) => {
  if (index === 4) throw new Error(`skip ${file}`)
  const text = await agent(`Scan ${file}`, { label: `lane ${lane}` })
  return text.slice(6)
})
