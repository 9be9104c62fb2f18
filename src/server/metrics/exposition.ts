// Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).

import type { MetricKind } from '../../base/metric-names.ts';
import type { Interval } from './series.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** One metric with all its series. */
export interface Family {
  /** Vault's name in the JSON form, e.g. `vault.core.unsealed`. */
  readonly dotted: string;
  /** The same as Prometheus may have it, e.g. `vault_core_unsealed`. */
  readonly prometheus: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly points: Point[];
}

export interface Point {
  readonly labels: Readonly<Record<string, string>>;
  /** Of a gauge where it stands, else the sum since the start. */
  readonly value: number;
  /** Of a summary: samples since the start. */
  readonly count?: number;
  readonly quantiles?: readonly { readonly quantile: number; readonly value: number }[] | undefined;
  readonly interval?: Interval | undefined;
}

export function expose(families: readonly Family[]): string {
  return families.map(exposeFamily).join('');
}

function exposeFamily({ prometheus: name, kind, help, points }: Family): string {
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${kind}`];
  // Two mounts whose names flatten to the same one would be two series of one name, which a scraper refuses.
  for (const point of merged(points)) {
    const { labels, value, count, quantiles = [] } = point;
    if (kind !== 'summary') {
      lines.push(`${name}${shown(labels)} ${numberText(value)}`);
      continue;
    }
    for (const { quantile, value: at } of quantiles) {
      lines.push(`${name}${shown({ ...labels, quantile: String(quantile) })} ${numberText(at)}`);
    }
    lines.push(`${name}_sum${shown(labels)} ${numberText(value)}`);
    lines.push(`${name}_count${shown(labels)} ${numberText(count ?? 0)}`);
  }
  return `${lines.join('\n')}\n`;
}

function merged(points: readonly Point[]): readonly Point[] {
  const byLabels = new Map<string, Point>();
  for (const point of points) {
    const key = shown(point.labels);
    const other = byLabels.get(key);
    byLabels.set(
      key,
      other === undefined
        ? point
        : { ...point, value: point.value + other.value, count: (point.count ?? 0) + (other.count ?? 0) },
    );
  }
  return [...byLabels.values()];
}

function shown(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
