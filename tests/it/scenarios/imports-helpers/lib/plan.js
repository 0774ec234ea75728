import { of } from './titles.mjs'

export const record = []

export function plan(topic) {
  const steps = [`Read about ${topic}`, `Write about ${topic}`]
  record.push(...steps.map(of))
  return steps
}
