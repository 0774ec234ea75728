// Imports the one that imports it.
import { record } from './plan.js'

export const of = (step) => `${step.split(' ')[0]} ${record.length}`
