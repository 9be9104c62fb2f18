// What a listener serves of metrics: OpenBao's `disallow_metrics`, `metrics_only` and `metrics_path`.
// https://openbao.org/docs/configuration/listener/tcp/

import { LatchkeyError } from '../base/errors.ts';

export interface MetricsAccess {
  /** `none`: all but metrics; `alone`: nothing but metrics. */
  readonly serves: 'all' | 'none' | 'alone';
  /** Where a listener that serves them alone has them, e.g. `/metrics`. */
  readonly path?: string;
}

const PATH = 'sys/metrics';

/** The target to read in place of the one that was sent. */
export function metricsTarget({ serves, path }: MetricsAccess, target: string): string {
  if (serves !== 'alone' || path === undefined) return target;
  const [sent = '', ...query] = target.split('?');
  return sent === path ? [`/v1/${PATH}`, ...query].join('?') : target;
}

/** `path` is below `/v1/`, decoded. @throws LatchkeyError forbidden, or unsupported_path */
export function checkMetricsAccess({ serves }: MetricsAccess, path: string): void {
  const isMetrics = path.replace(/\/$/, '') === PATH;
  if (serves === 'none' && isMetrics) {
    throw new LatchkeyError('forbidden', 'metrics endpoint is disabled for this listener');
  }
  if (serves === 'alone' && !isMetrics) {
    throw new LatchkeyError('unsupported_path', 'this listener only serves the metrics endpoint');
  }
}
