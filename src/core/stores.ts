// Storage, election and barrier of a node, opened when the storage first answers.

import { Barrier } from '../barrier/barrier.ts';
import type { Clock } from '../base/clock.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import type { Election } from '../storage/election.ts';
import type { Storage } from '../storage/storage.ts';
import { MeasuredStorage } from './measured-storage.ts';

export interface Stores {
  readonly storage: Storage;
  readonly election: Election;
  readonly barrier: Barrier;
}

export type OpenStorage = () => Promise<{ readonly storage: Storage; readonly election: Election }>;

/** Opens at most once at a time and keeps what opened; a failure may be tried again. */
export class StoreDoor {
  readonly #openStorage: OpenStorage;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  #stores: Stores | undefined;
  #opening: Promise<Stores> | undefined;

  constructor(openStorage: OpenStorage, random: Random, clock: Clock, metrics: Metrics) {
    this.#openStorage = openStorage;
    this.#random = random;
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Undefined until the storage was opened. */
  get stores(): Stores | undefined {
    return this.#stores;
  }

  /** @throws LatchkeyError storage_unavailable, storage_corrupt or config_invalid */
  open(): Promise<Stores> {
    if (this.#stores !== undefined) return Promise.resolve(this.#stores);
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openOnce(): Promise<Stores> {
    const { storage: opened, election } = await this.#openStorage();
    const storage = new MeasuredStorage(opened, this.#metrics);
    const barrier = new Barrier({ storage, random: this.#random, clock: this.#clock });
    this.#stores = { storage, election, barrier };
    return this.#stores;
  }

  async close(): Promise<void> {
    this.#stores?.barrier.seal();
    await this.#stores?.election.close();
    await this.#stores?.storage.close();
  }
}
