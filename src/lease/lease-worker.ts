// Takes what is due out of the queue and ends it, a few at a time; what fails is tried again, later and later.

import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { ExpiryQueue } from './expiry-queue.ts';

export interface LeaseWorkerParts {
  /** Undefined if it is over, else the time when to come again; throws if it could not be ended. */
  end(id: string): Promise<number | undefined>;
  /** After the last try; false if it should be tried on nevertheless. */
  giveUp(id: string, why: unknown): Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const AT_ONCE = 16;
/** Also the longest time for which a jump of the wall clock goes unnoticed. */
const NAP_MS_MAX = 10_000;
const AGAIN_MS = 200;
const RETRY_MS = 10_000;
const RETRY_MS_MAX = 15 * 60_000;
/** Vault's count. */
const TRIES_MAX = 6;

export class LeaseWorker implements AsyncDisposable {
  readonly #parts: LeaseWorkerParts;
  readonly #queue = new ExpiryQueue();
  readonly #failures = new Map<string, number>();
  /** Being ended now. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: LeaseWorkerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  get size(): number {
    return this.#queue.size + this.#busy.size;
  }

  has(id: string): boolean {
    return this.#queue.has(id) || this.#busy.has(id);
  }

  /** `at` in milliseconds since the epoch; 0 is at once. */
  set(id: string, at: number): void {
    this.#queue.set(id, at);
    if (this.#queue.first?.id === id) this.#wake.abort();
  }

  delete(id: string): void {
    this.#queue.delete(id);
    this.#failures.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.allSettled(this.#busy.values());
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#stop.signal.aborted) {
      // Before the queue is looked at, so that what comes in meanwhile cuts the nap short.
      this.#wake = new AbortController();
      const due = this.#queue.first;
      const wait = due === undefined ? NAP_MS_MAX : due.at - clock.now();
      if (due !== undefined && wait <= 0 && this.#busy.has(due.id)) {
        // Asked for again while it is being ended: it comes after the others.
        this.#queue.set(due.id, clock.now() + AGAIN_MS);
        continue;
      }
      if (due !== undefined && wait <= 0 && this.#busy.size < AT_ONCE) {
        this.#queue.delete(due.id);
        this.#take(due.id);
        continue;
      }
      const signal = AbortSignal.any([this.#stop.signal, this.#wake.signal]);
      await clock.sleep(wait <= 0 ? NAP_MS_MAX : Math.min(wait, NAP_MS_MAX), signal).catch(() => {});
    }
  }

  #take(id: string): void {
    const ending = this.#end(id).finally(() => {
      this.#busy.delete(id);
      this.#wake.abort();
    });
    this.#busy.set(id, ending);
  }

  /** Never throws. */
  async #end(id: string): Promise<void> {
    try {
      const next = await this.#parts.end(id);
      this.#failures.delete(id);
      // Somebody may have set it anew while it was looked at; that time is the later truth.
      if (next !== undefined && !this.#queue.has(id)) this.#queue.set(id, next);
    } catch (error) {
      if (!this.#stop.signal.aborted) await this.#failed(id, error);
    }
  }

  async #failed(id: string, error: unknown): Promise<void> {
    const { clock, random, log, giveUp } = this.#parts;
    const failures = (this.#failures.get(id) ?? 0) + 1;
    this.#failures.set(id, failures);
    log.warn('a lease could not be ended', { lease_id: id, tries: failures, error: explain(error) });
    if (failures >= TRIES_MAX && (await giveUp(id, error).catch(() => false))) {
      log.error('a lease is given up; end it by hand, then sys/leases/revoke-force', { lease_id: id });
      this.#failures.delete(id);
      return;
    }
    const pause = Math.min(RETRY_MS * 2 ** (failures - 1), RETRY_MS_MAX) * (0.75 + random.fraction() / 2);
    this.#queue.set(id, clock.now() + pause);
  }
}
