// Wrong passwords in a row shut a name for a while, whether there is such a user or not. In memory: a new leader starts
// at nought. Vault's page /docs/concepts/user-lockout.

import type { Clock } from '../../base/clock.ts';

const FAILURES_MAX = 5;
const LOCKED_MS = 15 * 60_000;
/** After so long without another failure, earlier ones are forgotten. */
const FORGET_MS = 15 * 60_000;
/** Names that are remembered; the one that failed longest ago is forgotten first. */
const NAMES_MAX = 50_000;

interface Failures {
  readonly count: number;
  /** Milliseconds on the clock that does not jump. */
  readonly lastAt: number;
}

export class Lockout {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isLocked(name: string): boolean {
    const known = this.#failures.get(name);
    return known !== undefined && known.count >= FAILURES_MAX && this.#since(known) < LOCKED_MS;
  }

  noteFailure(name: string): void {
    const known = this.#failures.get(name);
    const isForgotten = known === undefined || this.#since(known) >= FORGET_MS;
    // Deleted first, so that the map stays in the order of the last failures.
    this.#failures.delete(name);
    this.#failures.set(name, { count: isForgotten ? 1 : known.count + 1, lastAt: this.#clock.monotonic() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > NAMES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  forget(name: string): void {
    this.#failures.delete(name);
  }

  #since({ lastAt }: Failures): number {
    return this.#clock.monotonic() - lastAt;
  }
}
