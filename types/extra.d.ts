/**
 * The modules that the sandbox itself provides. A file of its own: only one without imports can declare a module.
 * `workflow.d.ts` refers to it.
 */

declare module 'workflow:extra' {
  /**
   * Waits: milliseconds, or text such as '500ms', '30s', '1h30m' or '2d'. The end of the wait is written down, so it is
   * the same however often a durable run is resumed, and the run needs no process until then.
   */
  export function sleep(duration: number | string): Promise<void>
}
