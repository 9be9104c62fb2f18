import type { Clock } from '../base/clock.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import type { Leadership } from './election.ts';
import type { LeaseTimes } from './lease-times.ts';
import type { Fence } from './storage.ts';

// The lead while it is held, on whatever storage: renews its lease until it cannot prove it any more.

export interface HeldLeadParts {
  readonly fence: Fence;
  /** Milliseconds on the clock of `now`, the margin taken off. */
  readonly provenUntil: number;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  /** On the clock that the lease counts on. */
  now(): number;
  /**
   * Renews the lease and resolves to how long it is proven now.
   * @throws LatchkeyError fenced if it is lost for good; whatever else it throws, it is asked again soon.
   */
  renew(): Promise<number>;
  /** Gives the lead away; asked once. */
  giveAway(): Promise<void>;
}

export class HeldLead implements Leadership {
  readonly fence: Fence;
  readonly lost: AbortSignal;
  readonly #parts: HeldLeadParts;
  readonly #loss = new AbortController();
  #provenUntil: number;
  #resigned: Promise<void> | undefined;

  constructor(parts: HeldLeadParts) {
    this.#parts = parts;
    this.fence = parts.fence;
    this.lost = this.#loss.signal;
    this.#provenUntil = parts.provenUntil;
    void this.#renewForEver();
    void this.#watch();
  }

  holds(): boolean {
    if (this.lost.aborted) return false;
    if (this.#parts.now() < this.#provenUntil) return true;
    this.#lose('the lease could not be renewed in time');
    return false;
  }

  resign(): Promise<void> {
    this.#lose('this node resigned');
    this.#resigned ??= this.#parts.giveAway();
    return this.#resigned;
  }

  async #renewForEver(): Promise<void> {
    const { renewMs } = this.#parts.times;
    let pauseMs = renewMs;
    while (await this.#pause(pauseMs)) {
      try {
        const provenUntil = await this.#parts.renew();
        if (!this.lost.aborted) this.#provenUntil = provenUntil;
        pauseMs = renewMs;
      } catch (error) {
        if (hasCode(error, 'fenced')) this.#lose(error.message);
        // The storage may come back before the lease runs out; `#watch` ends the lead if it does not.
        pauseMs = renewMs / 4;
      }
    }
  }

  async #watch(): Promise<void> {
    while (this.holds()) {
      if (!(await this.#pause(Math.max(1, this.#provenUntil - this.#parts.now())))) return;
    }
  }

  /** False as soon as the lead is lost. */
  async #pause(milliseconds: number): Promise<boolean> {
    try {
      await this.#parts.clock.sleep(milliseconds, this.lost);
    } catch {
      // Only the abort of `lost` rejects.
    }
    return !this.lost.aborted;
  }

  #lose(reason: string): void {
    if (!this.lost.aborted) this.#loss.abort(new LatchkeyError('fenced', `leadership ended: ${reason}`));
  }
}
