export const meta = { name: 'module-function', description: 'Exports a function of args and context' }

const early = await agent('before the function runs')
export default async function run(given, ctx) {
  const { agent: ask, parallel: together, log: say } = ctx
  say('running', given.n)
  const texts = await together(Array.from({ length: given.n }, (_, i) => () => ask(`part ${i}`)))
  ctx.added = true
  return {
    early, texts, arity: arguments.length, keys: Object.keys(ctx), name: run.name, self: this === undefined,
    same: [given === args, ctx.args === args, ctx.agent === agent, ctx.parallel === parallel, ctx.pipeline === pipeline, ctx.workflow === workflow, ctx.budget === budget, ctx.log === log, ctx.phase === phase],
    names: [agent.name, agent.length, parallel.name, parallel.length, pipeline.name, pipeline.length, workflow.name, workflow.length, log.name, log.length, phase.name, phase.length],
    extensible: Object.isExtensible(ctx),
  }
}
