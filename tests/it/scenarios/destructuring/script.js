export const meta = { name: 'destructuring', description: 'Takes its input apart' }

const { repo: { owner, name: project = 'x' }, range: [first, , third = 9, ...others], flags: { ['b-' + 'c']: computed, ...flags }, missing = `${owner}/${project}`, none = 'default', ...rest } = args
let a = 1, b = 2
;[a, b] = [b, a]
const target = {}
;({ x: target.x, y: [target.y = 5] = [] } = { x: 1 })
function plan({ title, steps: [head, ...tail] = ['none'], opts: { dry = false } = {} } = {}, ...more) { return { title, head, tail, dry, more } }
const pairs = [['k', { v: 1 }], ['l', { v: 2 }]].map(([key, { v }]) => `${key}${v}`)
const order = []
const { p = order.push('p'), q = order.push('q') } = { q: 0 }
const [c1, c2] = new Map([['m', 1]]).entries().next().value
const { length } = 'four'
const swap = ({ a, ...others }, b = a) => [a, b, others]
const spread = { ...{ a: 1, b: 2 }, b: 3, ...null, ...undefined, ...[9], ...(() => 1) }
let errors = []
for (const bad of [() => { const { x } = null }, () => { const [y] = {} }, () => { const { z: { w } } = { z: undefined } }]) {
  try { bad() } catch (error) { errors.push(error.name) }
}
for (const { id, tags: [tag] = ['untagged'] } of [{ id: 1, tags: ['t'] }, { id: 2 }]) order.push(`${id}${tag}`)
const answer = await agent(`${missing}: ${first}-${third}`, { label: project })
return { owner, project, first, third, others, computed, flags, none, rest, a, b, target, plans: [plan(), plan({ title: 't', steps: ['s1', 's2'], opts: { dry: true } }, 1, 2)], pairs, order, p, c1, c2, length, swapped: swap({ a: 1, z: 2 }), spread, errors, answer }
