export const meta = { name: 'main-function', description: 'Wraps everything in an async main that is called at the end' }

export const helpers = { unique: (list) => [...new Set(list)] }
export let rounds = 0
export function describe(folder) {
  rounds++
  return `Review everything below ${folder}.`
}
export class Tally {
  seen = []
  add(x) { this.seen.push(x); return this }
}

const main = async () => {
  const folders = helpers.unique(args.split(/\s+/))
  const tally = new Tally()
  for await (const answer of folders.map((folder) => agent(describe(folder), { label: folder }))) tally.add(answer)
  return { folders, seen: tally.seen, rounds }
}

return main()
