export const meta = { name: 'parameters-in-defaults', description: 'Uses parameters inside the defaults of other parameters' }

function ask(topic, level = 1, prompt = () => `${topic} at level ${level}`) {
  topic = topic.trim()
  level += 1
  return agent(prompt())
}
const counter = (n = 0, next = () => ++n) => { next(); next(); return n }
const first = (items, get = (i) => items[i]) => { items = items.filter(Boolean); return get(0) }
const normalised = (list, size = (list = list.slice(0, 2)).length) => [list, size]
const each = (value, show = (x) => x + value) => { const out = []; for (value of [10, 20]) out.push(show(1)); return out }
const countdown = (n, again = () => countdown(n)) => (n > 0 ? (n--, again()) : 'done')
class Step { constructor(name, title = () => name.toUpperCase()) { name = `step ${name}`; this.title = title() } }
function* ids(prefix, make = (n) => `${prefix}${n}`) { prefix = `${prefix}-`; yield make(1) }
let count
try { count = countdown(2) } catch (error) { count = error.name }
return { asked: await ask('  caching  '), counter: counter(), first: first([0, 'x']), normalised: normalised([1, 2, 3]), each: each(0), count, title: new Step('one').title, ids: [...ids('t')] }
