// Keeps all that the rooms count and measure, and shows it in the two forms that Vault's sys/metrics has.

import type { Clock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import { METRICS, type MetricName, type MetricSpec } from '../../base/metric-names.ts';
import type { Labels, Metrics, Reading } from '../../base/metrics.ts';
import { expose, type Family, PROMETHEUS_TYPE } from './exposition.ts';
import { summarize } from './interval-summary.ts';
import { processMetrics } from './process-metrics.ts';
import { intervalIndex, Series } from './series.ts';

export interface RegistryOptions {
  /** Before every name that does not begin with `latchkey`; `metrics_prefix`, Vault's default is `vault`. */
  readonly prefix: string;
  /** Put into the names of gauges, as Vault does without `disable_hostname`; undefined leaves it out. */
  readonly hostInNames: string | undefined;
  /** The label `host` of every series: `enable_hostname_label`. */
  readonly hostLabel: string | undefined;
  /** False with `prometheus_retention_time = 0`. */
  readonly prometheus: boolean;
  readonly clock: Clock;
}

/** `public`: what `sys/seal-status` says to everybody as well. */
export type MetricsScope = 'all' | 'public';

/** What a request for metrics is answered with. */
export interface MetricsReport {
  readonly contentType: string;
  readonly text: string;
}

/** Most series of one metric; further ones go into one whose labels all say `other`. */
const SERIES_MAX = 1_000;

interface Kept {
  readonly name: MetricName;
  readonly spec: MetricSpec;
  /** By its labels, and by what is filled into its name. */
  readonly series: Map<string, Series>;
}

export class MetricsRegistry implements Metrics {
  readonly #options: RegistryOptions;
  readonly #kept = new Map<MetricName, Kept>();
  readonly #sources = new Set<() => readonly Reading[]>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const name of Object.keys(METRICS) as MetricName[]) {
      const spec: MetricSpec = METRICS[name];
      if (spec.kind === 'gauge') continue;
      const kept: Kept = { name, spec, series: new Map() };
      this.#kept.set(name, kept);
      // At zero from the first second, so that a rate over it is known before anything happened.
      if (spec.labels === undefined && !name.includes('{')) kept.series.set('', new Series({}));
    }
  }

  count(name: MetricName, labels?: Labels): void {
    this.#series(name, labels).add(1, this.#options.clock.now());
  }

  sample(name: MetricName, milliseconds: number, labels?: Labels): void {
    this.#series(name, labels).sample(milliseconds, this.#options.clock.now());
  }

  time(name: MetricName, labels?: Labels): Disposable {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    return { [Symbol.dispose]: () => this.sample(name, clock.monotonic() - startedAt, labels) };
  }

  watch(source: () => readonly Reading[]): Disposable {
    this.#sources.add(source);
    return { [Symbol.dispose]: () => void this.#sources.delete(source) };
  }

  /** Undefined if the form is switched off. */
  async prometheus(scope: MetricsScope): Promise<MetricsReport | undefined> {
    if (!this.#options.prometheus) return undefined;
    const text = expose(this.#families(scope));
    const process = scope === 'all' ? await processMetrics() : '';
    return { contentType: PROMETHEUS_TYPE, text: text + process };
  }

  /** In the members of go-metrics: gauges as they stand, the rest of the last whole interval of ten seconds. */
  json(scope: MetricsScope): JsonObject {
    return summarize(this.#families(scope), this.#options.clock.now());
  }

  #series(name: MetricName, labels: Labels = {}): Series {
    const kept = this.#kept.get(name);
    if (kept === undefined) throw new TypeError(`${name} is a gauge`);
    const key = keyOf(labels);
    const found = kept.series.get(key);
    if (found !== undefined) return found;
    if (kept.series.size >= SERIES_MAX) {
      const other = Object.fromEntries(Object.keys(labels).map((label) => [label, 'other']));
      const last = kept.series.get(keyOf(other)) ?? new Series(other);
      kept.series.set(keyOf(other), last);
      return last;
    }
    const made = new Series({ ...labels });
    kept.series.set(key, made);
    return made;
  }

  #families(scope: MetricsScope): readonly Family[] {
    const isWanted = ({ isPublic }: MetricSpec) => scope === 'all' || isPublic === true;
    const now = this.#options.clock.now();
    const families = new Map<string, Family>();
    const add = (
      spec: MetricSpec,
      name: MetricName,
      labels: Labels,
      point: Omit<Family['points'][0], 'labels'>,
    ) => {
      const full = this.#fullName(spec, name, labels);
      const family: Family = families.get(full.prometheus) ?? { ...full, ...spec, points: [] };
      families.set(full.prometheus, family);
      family.points.push({ ...point, labels: this.#shownLabels(name, labels) });
    };
    for (const source of this.#sources) {
      for (const { name, value, labels = {} } of source()) {
        if (isWanted(METRICS[name])) add(METRICS[name], name, labels, { value });
      }
    }
    for (const { name, spec, series } of this.#kept.values()) {
      if (!isWanted(spec)) continue;
      for (const one of series.values()) {
        const quantiles = spec.kind === 'summary' ? one.quantiles(now) : undefined;
        const interval = one.interval(intervalIndex(now) - 1) ?? one.interval(intervalIndex(now));
        add(spec, name, one.labels, { value: one.sum, count: one.count, quantiles, interval });
      }
    }
    return [...families.values()].sort((left, right) => (left.prometheus < right.prometheus ? -1 : 1));
  }

  #fullName(spec: MetricSpec, name: string, labels: Labels): { dotted: string; prometheus: string } {
    const { prefix, hostInNames } = this.#options;
    const filled = name.replace(/\{(\w+)\}/g, (_, label: string) => labels[label] ?? '');
    const host = hostInNames !== undefined && spec.kind === 'gauge' ? `${hostInNames}.` : '';
    const dotted = name.startsWith('latchkey.')
      ? filled
      : `${prefix === '' ? '' : `${prefix}.`}${host}${filled}`;
    // As go-metrics flattens a name; any other character would not be valid either.
    return { dotted, prometheus: dotted.replace(/[^a-zA-Z0-9_]/g, '_') };
  }

  #shownLabels(name: string, labels: Labels): Record<string, string> {
    const { hostLabel } = this.#options;
    const shown = Object.entries(labels).filter(([label]) => !name.includes(`{${label}}`));
    return { ...Object.fromEntries(shown), ...(hostLabel === undefined ? {} : { host: hostLabel }) };
  }
}

function keyOf(labels: Labels): string {
  return Object.values(labels).join('\0');
}
