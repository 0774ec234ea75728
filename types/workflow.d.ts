/**
 * The globals of a workflow script, for editors and type checkers. Name it once per project:
 *
 * ```jsonc
 * // tsconfig.json or jsconfig.json beside the workflows
 * { "compilerOptions": { "lib": ["es2023"], "types": ["@smol-workflow/engine/workflow"], "checkJs": true } }
 * ```
 *
 * or at the top of one script: `/// <reference types="@smol-workflow/engine/workflow" />`.
 *
 * A script runs in a sandbox of its own: nothing of Node.js or of a browser is there beyond what stands here, and `URL`,
 * `URLSearchParams`, `TextEncoder` and `TextDecoder`. Those four are not declared, since nobody can declare them beside
 * `@types/node`; a script that uses them adds `"dom"` to `lib`. Otherwise keep `dom` and `@types/node` out of that
 * project: they declare much that scripts do not have.
 *
 * @module
 */

/// <reference path="./extra.d.ts" />

import type {
  AgentRunFn,
  ParallelFn,
  PhaseFn,
  PipelineFn,
  WorkflowArgs,
  WorkflowBudget,
  WorkflowExtra,
  WorkflowLogFn,
  WorkflowRunFn,
} from '../dist/workflow-types.js'

export type * from '../dist/workflow-types.js'

declare global {
  /** The arguments of the run, read-only in scripts with a default export. */
  var args: WorkflowArgs
  /** Runs an agent. */
  var agent: AgentRunFn
  /** Runs all tasks at once and waits for all of them; a failed one gives `null`. */
  var parallel: ParallelFn
  /** Sends every item through the stages on its own; a failed stage makes the item `null`. */
  var pipeline: PipelineFn
  /** Runs another workflow inside this run. */
  var workflow: WorkflowRunFn
  /** The output tokens of the run, children included. */
  var budget: WorkflowBudget
  /** Writes to the log of the run. */
  var log: WorkflowLogFn
  /** Names what the following agent calls belong to. */
  var phase: PhaseFn
  /** What scripts have beyond that, also to be imported from `workflow:extra`. */
  var SW: { readonly extra: WorkflowExtra }

  /** Writes to the log of the run, with a level. The first value may be a format: `console.log('%s: %d', name, n)`. */
  interface Console {
    debug(...values: any[]): void
    error(...values: any[]): void
    info(...values: any[]): void
    log(...values: any[]): void
    warn(...values: any[]): void
    /** A warning unless `holds`. */
    assert(holds?: any, ...values: any[]): void
    count(label?: string): void
    countReset(label?: string): void
    dir(value?: any, options?: { depth?: number | null }): void
    dirxml(...values: any[]): void
    /** Indents what follows, up to `groupEnd()`. */
    group(...label: any[]): void
    groupCollapsed(...label: any[]): void
    groupEnd(): void
    table(data?: any, columns?: readonly string[]): void
    /** Writes nothing: there is no clock. */
    time(label?: string): void
    timeEnd(label?: string): void
    /** Writes the values, without a time. */
    timeLog(label?: string, ...values: any[]): void
    /** An error line with the place of the call. */
    trace(...values: any[]): void
  }
  var console: Console

  /** Calls back after `ms` milliseconds, recorded like every other wait. */
  function setTimeout<Args extends any[]>(callback: (...args: Args) => void, ms?: number, ...args: Args): number
  function clearTimeout(timer: number | undefined): void
  function queueMicrotask(callback: () => void): void
  function structuredClone<T>(value: T): T
  function atob(data: string): string
  function btoa(data: string): string
}
