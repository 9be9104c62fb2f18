// sys/in-flight-req. Vault's API page /api-docs/system/in-flight-req. Answered by each node about itself.

import { rfc3339 } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Route } from '../engine/engine.ts';
import type { NodePort } from './ports.ts';

/** A verb of the node as HTTP spells it; POST and PUT are one. */
const METHODS: Readonly<Record<string, string>> = {
  read: 'GET',
  list: 'LIST',
  write: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

export function inFlightRoutes(port: Pick<NodePort, 'inFlight'>): readonly Route[] {
  return [
    {
      pattern: 'in-flight-req',
      local: true,
      openOn: (listener) => listener.openInFlight === true,
      operations: { read: async () => ({ dress: 'raw', data: inFlight(port) }) },
      help: 'The requests that this node is answering now.',
    },
  ];
}

function inFlight(port: Pick<NodePort, 'inFlight'>): JsonObject {
  return Object.fromEntries(
    port.inFlight().map(({ id, startedAt, remoteAddress, verb, path }) => [
      id,
      {
        start_time: rfc3339(startedAt),
        client_remote_address: remoteAddress,
        request_path: `/v1/${path}`,
        request_method: METHODS[verb] ?? verb,
        client_id: '',
      },
    ]),
  );
}
