/**
 * The metadata of a workflow source.
 *
 * @module
 */

import { readMetadata } from './native.js'
import type { WorkflowMetadata } from './workflow-types.js'

/**
 * Reads `export const meta = { … }` from a source, without running it. `undefined` if there is none, or if it is not
 * a literal with `name` and `description`.
 */
export function readWorkflowMetadata(source: string): WorkflowMetadata | undefined {
  const json = readMetadata(source)
  return json === null ? undefined : (JSON.parse(json) as WorkflowMetadata)
}
