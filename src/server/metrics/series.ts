// One counter or summary: what it has counted since the start, what it measured lately, and what in the last interval.

/** Vault's: quantiles are of the last ten seconds, and an interval of the JSON form is as long. */
export const WINDOW_MS = 10_000;
export const QUANTILES = [0.5, 0.9, 0.99] as const;

/** Latest samples kept for the quantiles: 4 KiB of numbers for a summary, whatever the load. */
const RECENT_MAX = 256;

/** An interval of the JSON form, as go-metrics aggregates it. */
export interface Interval {
  /** Which one, counted from the epoch. */
  index: number;
  count: number;
  sum: number;
  sumOfSquares: number;
  min: number;
  max: number;
}

export class Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Since the process started. */
  count = 0;
  sum = 0;
  #current = emptyInterval(-1);
  #last = emptyInterval(-1);
  readonly #values: number[] = [];
  readonly #times: number[] = [];
  #next = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  /** Times in milliseconds on one clock. */
  add(value: number, now: number): void {
    this.count += 1;
    this.sum += value;
    const interval = this.#at(now);
    interval.min = interval.count === 0 ? value : Math.min(interval.min, value);
    interval.max = interval.count === 0 ? value : Math.max(interval.max, value);
    interval.count += 1;
    interval.sum += value;
    interval.sumOfSquares += value * value;
  }

  /** As `add`, and keeps the value for the quantiles. */
  sample(value: number, now: number): void {
    this.add(value, now);
    this.#values[this.#next] = value;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % RECENT_MAX;
  }

  /** Of the samples of the last ten seconds, at most the latest 256; NaN if there were none, as Prometheus has it. */
  quantiles(now: number): readonly { readonly quantile: number; readonly value: number }[] {
    const recent = this.#values
      .filter((_, at) => now - (this.#times[at] ?? 0) <= WINDOW_MS)
      .sort((left, right) => left - right);
    return QUANTILES.map((quantile) => ({
      quantile,
      value: recent[Math.min(recent.length - 1, Math.floor(quantile * recent.length))] ?? Number.NaN,
    }));
  }

  /** The interval with this index; undefined if nothing happened in it. */
  interval(index: number): Interval | undefined {
    return [this.#current, this.#last].find((one) => one.index === index && one.count > 0);
  }

  #at(now: number): Interval {
    const index = intervalIndex(now);
    if (this.#current.index !== index) {
      this.#last = this.#current;
      this.#current = emptyInterval(index);
    }
    return this.#current;
  }
}

export function intervalIndex(now: number): number {
  return Math.floor(now / WINDOW_MS);
}

function emptyInterval(index: number): Interval {
  return { index, count: 0, sum: 0, sumOfSquares: 0, min: 0, max: 0 };
}
