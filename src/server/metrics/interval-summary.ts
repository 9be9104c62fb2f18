// The JSON form of sys/metrics: the members of `MetricsSummary` in Go's go-metrics, which Vault gives as they are.

import type { JsonObject } from '../../base/json.ts';
import type { Family, Point } from './exposition.ts';
import { type Interval, intervalIndex, WINDOW_MS } from './series.ts';

/** `now` in milliseconds since the epoch. */
export function summarize(families: readonly Family[], now: number): JsonObject {
  const rows = (kind: Family['kind'], row: (family: Family, point: Point) => JsonObject | undefined) =>
    families
      .filter((family) => family.kind === kind)
      .flatMap((family) => family.points.map((point) => row(family, point)))
      .filter((found) => found !== undefined);
  const measured = ({ dotted }: Family, { interval, labels }: Point): JsonObject | undefined =>
    interval === undefined ? undefined : { Name: dotted, ...aggregate(interval), Labels: { ...labels } };
  return {
    Timestamp: goTime((intervalIndex(now) - 1) * WINDOW_MS),
    Gauges: rows('gauge', ({ dotted }, { value, labels }) => ({
      Name: dotted,
      Value: value,
      Labels: { ...labels },
    })),
    Points: [],
    Counters: rows('counter', measured),
    Samples: rows('summary', measured),
  };
}

function aggregate({ count, sum, sumOfSquares, min, max }: Interval): JsonObject {
  const spread = count > 1 ? (count * sumOfSquares - sum * sum) / (count * (count - 1)) : 0;
  return {
    Count: count,
    Rate: sum / (WINDOW_MS / 1_000),
    Sum: sum,
    Min: min,
    Max: max,
    Mean: sum / count,
    Stddev: Math.sqrt(Math.max(0, spread)),
  };
}

/** As Go prints a time: `2026-11-24 18:30:00 +0000 UTC`. */
function goTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
