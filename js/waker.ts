/**
 * The one timer of an engine: when the next parked run is due, and a look every so often at what others have done. It
 * decides nothing about runs.
 *
 * @module
 */

/** How often a store is looked at whose runs other processes may park, take or cancel. */
export const LOOK_MS = 15_000
/** `setTimeout` knows nothing later. */
const LATEST_MS = 2_147_483_647

/** What an engine tells its timer. */
export type Wakes = {
  /** Does what is due; resolves to when something will be due next, in milliseconds since 1970. */
  look: () => Promise<number | null>
  /** Whether to look every so often, whatever is due. */
  watches: () => boolean
  /** Whether the process must stay until then. */
  holds: () => boolean
}

export class Waker {
  readonly #wakes: Wakes
  #timer: NodeJS.Timeout | undefined
  #at = Infinity
  #looking = false
  #stopped = false

  constructor(wakes: Wakes) {
    this.#wakes = wakes
  }

  /** Something will be due then. */
  expect(at: number): void {
    if (this.#stopped || at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(() => void this.#look(), Math.min(Math.max(at - Date.now(), 0), LATEST_MS))
    this.refresh()
  }

  /** Somebody began or ceased to wait. */
  refresh(): void {
    if (this.#wakes.holds()) this.#timer?.ref()
    else this.#timer?.unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    this.#at = Infinity
    // What comes to be due meanwhile is found by the look that follows.
    if (this.#looking) return this.expect(Date.now() + 1)
    this.#looking = true
    let next: number | null = null
    try {
      next = await this.#wakes.look()
    } catch {
      // A store that is busy now is asked again. Whoever wants something of it himself is told what is wrong.
      next = Date.now() + 1_000
    }
    this.#looking = false
    if (next !== null) this.expect(next)
    if (this.#wakes.watches()) this.expect(Date.now() + LOOK_MS)
  }
}
