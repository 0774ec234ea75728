export const meta = {
  'name': 'meta' + '-in-' + 'pieces',
  description:
    'First half of a long sentence, '
    + "second half, "
    + `and a template`,
  "whenToUse": `any
time`,
  phases: ['Read', { title: 'Think' + ' hard', model: 'opus', detail: `careful` }, 'Write'],
  version: -1.5, 2: [true, null, +3], tags: ['a', 'b',], unknown: { deep: [{}] },
}

const told = []
for (const entry of meta.phases) {
  const name = typeof entry === 'string' ? entry : entry.title
  phase(name)
  told.push(await agent(`${name} the manuscript`))
}
return { told, when: meta.whenToUse, version: meta.version, two: meta[2], description: meta.description }
