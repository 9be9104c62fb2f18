// A view whose operations are timed, under Vault's names.

import type { MetricName } from '../base/metric-names.ts';
import type { Metrics } from '../base/metrics.ts';
import type { View } from '../engine/engine.ts';

/** Does what `view` does. */
export function measuredView(view: View, metrics: Metrics): View {
  const timed = async <T>(name: MetricName, act: () => Promise<T>): Promise<T> => {
    using _ = metrics.time(name);
    return await act();
  };
  return {
    get: (path) => timed('barrier.get', () => view.get(path)),
    list: (prefix, options) => timed('barrier.list', () => view.list(prefix, options)),
    put: (path, value) => timed('barrier.put', () => view.put(path, value)),
    delete: (path) => timed('barrier.delete', () => view.delete(path)),
    write: (changes) => timed('barrier.put', () => view.write(changes)),
    sub: (prefix) => measuredView(view.sub(prefix), metrics),
  };
}
