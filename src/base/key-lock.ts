// One caller at a time per key, in this process. Engines read-check-write under it, then write one batch.

export class KeyLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `act` when every earlier holder of `key` is done; a failure releases the key as well. */
  async run<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const { promise: tail, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    await before;
    try {
      return await act();
    } finally {
      release();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
