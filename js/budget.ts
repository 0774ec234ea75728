/**
 * The token budget as plain data and as scripts see it. Knows nothing of runs: whoever owns the numbers passes them in.
 *
 * @module
 */

import type { WorkflowBudget } from './workflow-types.js'

/** Output tokens allowed (`null`: unlimited) and used. */
export type WorkflowBudgetSnapshot = {
  total: number | null
  spent: number
}

/**
 * Reads a snapshot from JSON text. Whatever is missing, no JSON, of another type or not finite falls back to its
 * default: no total, nothing spent. Never throws.
 */
export function parseBudgetSnapshot(text: string | undefined): WorkflowBudgetSnapshot {
  let value: unknown
  try {
    value = JSON.parse(text ?? 'null')
  } catch {
    value = null
  }
  const { total, spent } = (value ?? {}) as Record<string, unknown>
  return {
    total: isFiniteNumber(total) ? total : null,
    spent: isFiniteNumber(spent) ? spent : 0,
  }
}

/**
 * The `budget` object of a script over numbers that live elsewhere: `snapshot` is asked anew at every access, so
 * later changes show.
 */
export function createBudget(snapshot: () => WorkflowBudgetSnapshot): WorkflowBudget {
  return {
    get total() {
      return snapshot().total
    },
    spent: () => snapshot().spent,
    remaining: () => {
      const { total, spent } = snapshot()
      return total === null ? Number.POSITIVE_INFINITY : Math.max(0, total - spent)
    },
  }
}

/**
 * Applies newer numbers in place. A total that is a number or `null` replaces the old one; a finite spend replaces the
 * old one and counts as 0 when negative; anything else leaves the field as it is.
 */
export function updateBudgetSnapshot(
  snapshot: WorkflowBudgetSnapshot,
  spent: number | undefined,
  total: number | null | undefined,
): void {
  if (total === null || typeof total === 'number') snapshot.total = total
  if (isFiniteNumber(spent)) snapshot.spent = Math.max(0, spent)
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
