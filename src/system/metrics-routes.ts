// sys/metrics. Vault's API page /api-docs/system/metrics. Answered by each node about itself, in every state.

import { LatchkeyError } from '../base/errors.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { MetricsPort, MetricsScope } from './ports.ts';

const FIELDS = {
  format: { type: 'string', help: '"prometheus" for Prometheus\' text format; left out for JSON.' },
} as const;

export function metricsRoutes(port: MetricsPort): readonly Route[] {
  return [
    {
      pattern: 'metrics',
      local: true,
      openOn: (listener) => listener.openMetrics === true,
      operations: { read: (request) => report(port, request, 'all') },
      // A sealed node knows no tokens, and is the one that a monitor must see.
      unchecked: (request) => report(port, request, 'public'),
      fields: FIELDS,
      help: 'What this node has counted and measured.',
    },
  ];
}

async function report(port: MetricsPort, request: Request, scope: MetricsScope): Promise<Response> {
  const { format = '' } = readFields(FIELDS, request.input);
  if (format === '') {
    // As text: no audit log needs every number of it.
    return { text: { contentType: 'application/json', body: `${JSON.stringify(port.json(scope))}\n` } };
  }
  if (format !== 'prometheus') {
    throw new LatchkeyError('bad_request', `metric response format ${JSON.stringify(format)} unknown`);
  }
  const found = await port.prometheus(scope);
  if (found === undefined) throw new LatchkeyError('bad_request', 'prometheus is not enabled');
  return { text: { contentType: found.contentType, body: found.text } };
}
