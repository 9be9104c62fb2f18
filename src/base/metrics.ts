// What a room may count and measure. The registry behind it is chosen in main.ts.

import type { MetricName } from './metric-names.ts';

/** Values come from short lists, mounts or configuration; never from what a caller sends, and never secrets. */
export type Labels = Readonly<Record<string, string>>;

/** What a gauge stands at. */
export interface Reading {
  readonly name: MetricName;
  readonly value: number;
  readonly labels?: Labels;
}

export interface Metrics {
  /** Adds one to a counter. */
  count(name: MetricName, labels?: Labels): void;
  /** A value of a summary, milliseconds. */
  sample(name: MetricName, milliseconds: number, labels?: Labels): void;
  /** Measures from now until it is disposed of. */
  time(name: MetricName, labels?: Labels): Disposable;
  /** Asks `source` for gauges at every look, until what is returned is disposed of. */
  watch(source: () => readonly Reading[]): Disposable;
}

/** Measures `act`, however it ends. */
export async function timed<T>(
  metrics: Metrics,
  name: MetricName,
  act: () => Promise<T>,
  labels?: Labels,
): Promise<T> {
  using _ = metrics.time(name, labels);
  return await act();
}

const NOTHING: Disposable = { [Symbol.dispose]() {} };

/** Counts nothing; for tests that look at other things. */
export const noMetrics: Metrics = {
  count() {},
  sample() {},
  time: () => NOTHING,
  watch: () => NOTHING,
};
