/**
 * What is wrong with a command line.
 *
 * @module
 */

/** A command line that cannot be obeyed. `details.hint`, where present, says what to type instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly details: { hint?: string }
  /** What the process is to exit with. */
  readonly exitCode: number

  constructor(message: string, hint?: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
    this.details = hint === undefined ? {} : { hint }
  }
}
