/**
 * What is wrong with a command line.
 *
 * @module
 */

/** A command line that cannot be obeyed. `details.hint`, where present, says what to type instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly details: { hint?: string }

  constructor(message: string, hint?: string) {
    super(message)
    this.details = hint === undefined ? {} : { hint }
  }
}
