// What a tenure holds, as gauges: leases, and now and then the tokens, which only a listing can count.

import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics, Reading } from '../base/metrics.ts';

export interface UsageParts {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between two counts of the tokens; 0 for none at all. */
  readonly periodMs: number;
  /** All service tokens that are kept, one after the other. */
  tokens(): AsyncIterable<unknown>;
  leases(): number;
  irrevocableLeases(): number;
}

/** Until it is disposed of, which waits for a count under way. */
export class UsageMetrics implements AsyncDisposable {
  readonly #parts: UsageParts;
  readonly #stop = new AbortController();
  readonly #watch: Disposable;
  readonly #counting: Promise<void>;
  #tokens: number | undefined;

  constructor(parts: UsageParts) {
    this.#parts = parts;
    this.#watch = parts.metrics.watch(() => this.#readings());
    this.#counting = parts.periodMs === 0 ? Promise.resolve() : this.#keepCounting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#stop.abort();
    await this.#counting;
  }

  #readings(): readonly Reading[] {
    const { leases, irrevocableLeases } = this.#parts;
    const readings: Reading[] = [
      { name: 'expire.num_leases', value: leases() },
      { name: 'expire.num_irrevocable_leases', value: irrevocableLeases() },
    ];
    if (this.#tokens === undefined) return readings;
    return [...readings, { name: 'token.count', value: this.#tokens, labels: { namespace: 'root' } }];
  }

  async #keepCounting(): Promise<void> {
    const { clock, log, periodMs } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#count(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('the tokens could not be counted', { error: explain(error) });
      });
      await clock.sleep(periodMs, signal).catch(() => {});
    }
  }

  async #count(signal: AbortSignal): Promise<void> {
    let count = 0;
    for await (const _ of this.#parts.tokens()) {
      signal.throwIfAborted();
      count += 1;
    }
    this.#tokens = count;
  }
}
