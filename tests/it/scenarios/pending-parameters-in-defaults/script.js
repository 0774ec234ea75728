export const meta = { name: 'parameters-in-defaults', description: 'Uses parameters inside the defaults of other parameters' }

function ask(topic, level = 1, prompt = () => `${topic} at level ${level}`) {
  topic = topic.trim()
  level += 1
  return agent(prompt())
}
const counter = (n = 0, next = () => ++n) => { next(); next(); return n }
return [await ask('  caching  '), counter()]
