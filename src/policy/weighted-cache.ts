// A map that forgets what was used longest ago, when what it holds has become too heavy.

export class WeightedCache<T> {
  readonly #weightMax: number;
  readonly #weigh: (value: T) => number;
  readonly #held = new Map<string, T>();
  #weight = 0;

  constructor(weightMax: number, weigh: (value: T) => number) {
    this.#weightMax = weightMax;
    this.#weigh = weigh;
  }

  get(key: string): T | undefined {
    const value = this.#held.get(key);
    if (value === undefined) return undefined;
    // A map iterates in the order of insertion, so that putting it back makes it the youngest.
    this.#held.delete(key);
    this.#held.set(key, value);
    return value;
  }

  /** What weighs more than the whole cache may is not kept. */
  set(key: string, value: T): void {
    this.delete(key);
    this.#held.set(key, value);
    this.#weight += this.#weigh(value);
    for (const oldest of this.#held.keys()) {
      if (this.#weight <= this.#weightMax) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const value = this.#held.get(key);
    if (value === undefined) return;
    this.#held.delete(key);
    this.#weight -= this.#weigh(value);
  }
}
