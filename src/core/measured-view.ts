// A view whose operations are timed, under Vault's names.

import { type Metrics, timed } from '../base/metrics.ts';
import type { View } from '../engine/engine.ts';

/** Does what `view` does. */
export function measuredView(view: View, metrics: Metrics): View {
  return {
    get: (path) => timed(metrics, 'barrier.get', () => view.get(path)),
    list: (prefix, options) => timed(metrics, 'barrier.list', () => view.list(prefix, options)),
    put: (path, value) => timed(metrics, 'barrier.put', () => view.put(path, value)),
    delete: (path) => timed(metrics, 'barrier.delete', () => view.delete(path)),
    write: (changes) => timed(metrics, 'barrier.put', () => view.write(changes)),
    sub: (prefix) => measuredView(view.sub(prefix), metrics),
  };
}
