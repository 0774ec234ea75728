/**
 * What `checkWorkflow` takes and tells. Types only.
 *
 * @module
 */

import type { WorkflowMetadata } from './workflow-types.js'

/**
 * The script to check. A string is a path, unless it has a line break in it, which no path has: then it is the source
 * itself. A source of one line has to be given as `{ source }`.
 */
export type WorkflowScript = string | URL | { scriptPath: string } | { source: string; scriptName?: string }

/** Options of `checkWorkflow`. */
export type CheckWorkflowOptions = {
  /** The project: where workflows and types of agents are found by name. Default: the working directory. */
  cwd?: string
  /** Which modules the script may import, as for `runWorkflow`. Default: `none`. */
  imports?: 'none' | 'relative'
}

/** Something that is wrong with a script, or most likely is. */
export type WorkflowFinding = {
  /** `error`: the script would not start, or would fail where it gets there. `warning`: hardly anybody means that. */
  severity: 'error' | 'warning'
  /** Stable, `ERR_…` or `WARN_…`. */
  code: string
  message: string
  /** The name of the script, as it was given. */
  file: string
  /** From 1. */
  line: number
  /** From 1, in UTF-16 units, as editors count. */
  column: number
  /** The line with a caret under the place; empty where there is none to show. */
  frame: string
  /** What to do about it. */
  hint?: string
}

/** What a check has found. */
export type WorkflowCheck = {
  /** The name of the script, as it was given. */
  file: string
  /** There are no errors; there may be warnings. */
  ok: boolean
  /** With a default export, or as the body of a function. Absent if the source does not say. */
  form?: 'module' | 'body'
  /** Absent if there are none that are valid. */
  metadata?: WorkflowMetadata
  /** In the order of their places. */
  findings: WorkflowFinding[]
}
