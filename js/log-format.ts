/**
 * How values become text on a progress log.
 *
 * @module
 */

import { inspect } from 'node:util'

/** Strings as they are, everything else as `util.inspect` shows it, eight levels deep and without colours. */
export function formatLogValue(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { colors: false, depth: 8 })
}
