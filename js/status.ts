/**
 * What the statuses of durable runs mean.
 *
 * @module
 */

import type { RunStatus, RunSummary } from './engine-types.js'

const FINAL: readonly RunStatus[] = ['completed', 'failed', 'cancelled']
const UNDER_WAY: readonly RunStatus[] = ['running', 'cancelling']

/** Whether a run is over. */
export function isFinal(status: RunStatus): boolean {
  return FINAL.includes(status)
}

/** Whether a run was under way when its process went away, and nobody has taken it up. */
export function isInterrupted({ status, owner }: Pick<RunSummary, 'status' | 'owner'>): boolean {
  return UNDER_WAY.includes(status) && owner?.alive !== true
}
