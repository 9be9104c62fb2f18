// A storage whose operations are timed, and whose failures are counted, under names such as Vault has for its own.

import { LatchkeyError } from '../base/errors.ts';
import { type Metrics, timed } from '../base/metrics.ts';
import type { Change, Fence, ListOptions, Storage, StorageLimits, Unfenced } from '../storage/storage.ts';

export class MeasuredStorage implements Storage {
  readonly #storage: Storage;
  readonly #metrics: Metrics;

  constructor(storage: Storage, metrics: Metrics) {
    this.#storage = storage;
    this.#metrics = metrics;
  }

  get type(): string {
    return this.#storage.type;
  }

  get limits(): StorageLimits {
    return this.#storage.limits;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#measured('get', () => this.#storage.get(key));
  }

  list(prefix: string, options?: ListOptions): Promise<string[]> {
    return this.#measured('list', () => this.#storage.list(prefix, options));
  }

  write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void> {
    return this.#measured('put', () => this.#storage.write(changes, fence));
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  async #measured<T>(operation: 'get' | 'list' | 'put', act: () => Promise<T>): Promise<T> {
    try {
      return await timed(this.#metrics, `{storage}.${operation}`, act, { storage: this.type });
    } catch (error) {
      const code = error instanceof LatchkeyError ? error.code : 'internal';
      this.#metrics.count('latchkey.storage.errors_total', { operation, code });
      throw error;
    }
  }
}
