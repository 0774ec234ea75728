export const meta = { name: 'hooks-shadowed', description: 'Has its own ideas of what a budget and a log are' }

const budget = { total: args.tokens, used: 0, left() { return this.total - this.used } }
const lines = []
function log(text) { lines.push(`[${lines.length}] ${text}`) }
const workflow = { name: 'release', steps: ['tag', 'publish'] }
let phase = 'start'

{
  const agent = (prompt) => globalThis.agent(`(${phase}) ${prompt}`)
  for (const step of workflow.steps) {
    phase = step
    log(`doing ${step}`)
    const answer = await agent(`Do ${step}`)
    budget.used += answer.length
  }
}
const real = globalThis.agent
let asked = 0
agent = (prompt, options) => { asked++; return real(`${prompt}!`, options) }
const last = await agent('wrapped')
globalThis.parallel = async (tasks) => { const out = []; for (const task of tasks) out.push(await task()); return out }
const both = await parallel([() => agent('one'), () => agent('two')])
return { left: budget.left(), lines, phase, last, both, asked, meta: meta.name, realBudget: typeof globalThis.budget.spent() }
