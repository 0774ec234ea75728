/**
 * Ctrl-C: the first one asks the run to stop, the second one stops the process.
 *
 * @module
 */

/** Exit statuses by signal: 128 and the signal's number, as shells report it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** The watch over both signals. */
export type InterruptWatch = {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal
  /** The status to end with once a signal has come. */
  exitCode(): number | undefined
  /** Gives the signals back to Node.js, so that they no longer keep anything from ending. */
  stop(): void
}

/** Watches for SIGINT and SIGTERM; `notify` hears about the first one. */
export function watchInterrupts(notify: () => void): InterruptWatch {
  const controller = new AbortController()
  let exitCode: number | undefined
  const onSignal = (name: keyof typeof EXIT_CODES) => {
    // Not waiting for anything: whoever asks twice wants the process gone, cleanup or not.
    if (exitCode !== undefined) process.exit(EXIT_CODES[name])
    exitCode = EXIT_CODES[name]
    notify()
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    stop: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
