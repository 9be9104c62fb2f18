// A seal that counts and times what it is asked for, under Vault's names.

import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Metrics } from '../base/metrics.ts';
import type { ProbeReport, Seal, WrapContext, WrappedCopy } from '../seal/seal.ts';

export class MeasuredSeal implements Seal {
  readonly name: string;
  readonly kind: string;
  readonly #seal: Seal;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  #lastSuccessAt: number | undefined;

  constructor(seal: Seal, metrics: Metrics, clock: Clock) {
    this.name = seal.name;
    this.kind = seal.kind;
    this.#seal = seal;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  get describe(): Seal['describe'] {
    return this.#seal.describe;
  }

  get manual(): Seal['manual'] {
    return this.#seal.manual;
  }

  get prepare(): Seal['prepare'] {
    return this.#seal.prepare?.bind(this.#seal);
  }

  /** Seconds since it last wrapped or unwrapped; undefined before it did. */
  get secondsSinceSuccess(): number | undefined {
    if (this.#lastSuccessAt === undefined) return undefined;
    return (this.#clock.monotonic() - this.#lastSuccessAt) / 1_000;
  }

  wrap(secret: SecretBytes, context: WrapContext, signal: AbortSignal): Promise<WrappedCopy> {
    return this.#measured('encrypt', () => this.#seal.wrap(secret, context, signal));
  }

  unwrap(copy: WrappedCopy, context: WrapContext, signal: AbortSignal): Promise<SecretBytes> {
    return this.#measured('decrypt', () => this.#seal.unwrap(copy, context, signal));
  }

  probe(signal: AbortSignal): Promise<ProbeReport> {
    return this.#seal.probe(signal);
  }

  close(): Promise<void> {
    return this.#seal.close();
  }

  async #measured<T>(what: 'encrypt' | 'decrypt', act: () => Promise<T>): Promise<T> {
    this.#metrics.count(`seal.${what}`);
    using _ = this.#metrics.time(`seal.${what}.time`);
    try {
      const result = await act();
      this.#lastSuccessAt = this.#clock.monotonic();
      return result;
    } catch (error) {
      this.#metrics.count(`seal.${what}.error`);
      throw error;
    }
  }
}
