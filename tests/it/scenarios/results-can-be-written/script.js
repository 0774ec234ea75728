export const meta = { name: 'results-can-be-written', description: 'Edits what agents give back' }

const schema = {
  type: 'object',
  properties: { title: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } }, score: { type: 'number' } },
  required: ['title', 'tags', 'score'],
}
const first = await agent('Describe the parser', { schema })
const second = await agent('Describe the parser', { schema })
first.title = first.title.toUpperCase()
first.tags.push('reviewed', ...first.tags)
first.score += 10
first.meta = { by: 'script' }
delete first.score
Object.assign(second, { tags: [], again: first.tags })
second.again.length = 1
const list = await agent('List', { schema: { type: 'array', items: { type: 'integer' } } })
list.unshift(5)
list.sort((a, b) => b - a)
Object.defineProperty(list, 'hidden', { value: 1, enumerable: false })
return {
  first, second, list, frozen: Object.isFrozen(first), plain: Object.getPrototypeOf(first) === Object.prototype,
  array: first.tags instanceof Array, fresh: first !== second,
}
