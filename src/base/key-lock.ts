// One caller at a time per key, in this process. Engines read-check-write under it, then write one batch.

/** The last who came for a key. */
interface Turn {
  readonly isShared: boolean;
  /** Resolves when this turn may begin. */
  readonly start: Promise<void>;
  /** Resolves when it is over, and with it all that share it. */
  readonly done: Promise<unknown>;
}

export class KeyLock {
  readonly #last = new Map<string, Turn>();

  /** Runs `act` when every earlier holder of `key` is done; a failure releases the key as well. */
  run<T>(key: string, act: () => Promise<T>): Promise<T> {
    return this.#take(key, false, act);
  }

  /** As `run`, but together with others that share: what they need is that nobody `run`s meanwhile. */
  share<T>(key: string, act: () => Promise<T>): Promise<T> {
    return this.#take(key, true, act);
  }

  async #take<T>(key: string, isShared: boolean, act: () => Promise<T>): Promise<T> {
    const last = this.#last.get(key);
    const joined = isShared && last?.isShared ? last : undefined;
    const start = joined?.start ?? Promise.resolve(last?.done).then(() => {});
    const { promise: over, resolve: release } = Promise.withResolvers<void>();
    const done = joined === undefined ? over : Promise.all([joined.done, over]);
    const turn: Turn = { isShared, start, done };
    this.#last.set(key, turn);
    done.then(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    await start;
    try {
      return await act();
    } finally {
      release();
    }
  }
}
