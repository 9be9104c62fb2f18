// Time, injected everywhere, so that a test can own it. Certificates alone use the real clock: TLS clients do.

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** The emulator's one clock: tokens, validity, rotation and soft delete follow it, and it can be moved on. */
export class MovableClock implements Clock {
  readonly #base: Clock;
  /** How far it has been moved on, milliseconds. */
  aheadMs = 0;

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now() + this.aheadMs;
  }

  /** Seconds, not negative: time goes on, never back. Throws RangeError. */
  advance(seconds: number): void {
    if (!(seconds >= 0 && seconds <= ADVANCE_SECONDS_MAX)) {
      throw new RangeError(`the clock can be moved on by 0 to ${ADVANCE_SECONDS_MAX} seconds`);
    }
    this.aheadMs += seconds * 1000;
  }
}

/** A hundred years. */
const ADVANCE_SECONDS_MAX = 100 * 365 * 86_400;

/** Whole seconds since the Unix epoch, as tokens and Key Vault attributes carry them. */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
