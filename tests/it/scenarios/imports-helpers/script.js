import { plan, record } from './lib/plan.js'
import * as titles from './lib/titles.mjs'
export { plan } from './lib/plan.js'

export const meta = { name: 'imports-helpers', description: 'Keeps its helpers in files of their own' }

export default async (args) => {
  const { late } = await import('./lib/late.js')
  const steps = plan(args.topic)
  const answers = await parallel(steps.map((step) => () => agent(step, { label: titles.of(step) })))
  let where
  try {
    late()
  } catch (error) {
    where = error.stack.split('\n').filter((line) => line.includes('/lib/')).map((line) => line.replace(/^.*\/lib/, 'lib').replace(')', ''))
  }
  return { answers, again: (await import('./lib/plan.js')).record === record, record, where }
}
