export const meta = { name: 'args-as-json-text', description: 'Takes its input as an object or as the JSON text of one' }

const input = typeof args === 'string' ? JSON.parse(args) : args
const { repo, pulls = [], strict = false, depth = 2 } = input ?? {}
const reviews = await pipeline(
  pulls,
  (number) => agent(`Read pull request ${repo}#${number} to depth ${depth}.`, { label: `read ${number}` }),
  (text, number, index) => strict ? agent(`Be strict about ${number} (${index}): ${text}`, { label: `judge ${number}` }) : text,
)
return { kind: typeof args, repo, reviews }
