import type { Advice } from "./close.js";

export interface BackoffOptions {
  /** The bound of the first wait; it doubles with each failure. */
  readonly firstMs?: number;
  readonly longestMs?: number;
  /** Numbers from 0 up to 1. */
  readonly draw?: () => number;
}

const FIRST_BOUND_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * Counts failures in a row and draws the waits between them.
 *
 * Full jitter: anywhere between nothing and a bound that doubles with each failure, so that a crowd which lost the same
 * server comes back spread out.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #draw: () => number;
  #failures = 0;

  constructor({ firstMs = FIRST_BOUND_MS, longestMs = LONGEST_MS, draw = Math.random }: BackoffOptions = {}) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#draw = draw;
  }

  /** The connection held: the next failure counts as the first. */
  succeeded(): void {
    this.#failures = 0;
  }

  /**
   * Milliseconds to wait before the next attempt; counts a failure. Not to be asked after the advice `stop`.
   *
   * `atLeast` is the wait that the server asked for. At a first failure it stands alone, since a draining server gives
   * each client its own slot. At once is granted once: a server that closes again and again is given air.
   */
  wait(advice: Advice, atLeast: number | null): number {
    const failures = this.#failures++;
    if (failures === 0 && atLeast !== null) return atLeast;
    if (failures === 0 && advice === "retry_at_once") return 0;
    const bound = Math.min(this.#longestMs, this.#firstMs * 2 ** failures);
    return Math.max(atLeast ?? 0, bound * this.#draw());
  }
}
