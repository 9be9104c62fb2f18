// sys/version-history and sys/internal/counters/*: what the cluster has been and what it holds.
// Vault's API pages /api-docs/system/{version-history,internal-counters}.

import { rfc3339 } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Response, Route } from '../engine/engine.ts';
import type { TenurePort } from './ports.ts';

type HistoryPort = Pick<TenurePort, 'versions' | 'countTokens'>;

export function historyRoutes(port: HistoryPort): readonly Route[] {
  return [
    {
      pattern: 'version-history',
      operations: { list: () => versions(port) },
      help: 'The versions of this server that have led the cluster, and since when.',
    },
    {
      pattern: 'internal/counters/tokens',
      operations: {
        read: async () => ({
          data: { counters: { service_tokens: { total: await port.countTokens() } } },
        }),
      },
      help: 'How many service tokens are kept. Counting reads the names of all of them.',
    },
    {
      pattern: 'internal/counters/entities',
      operations: { read: async () => ({ data: { counters: { entities: { total: 0 } } } }) },
      help: 'How many entities there are: none, for there is no identity engine.',
    },
  ];
}

async function versions(port: HistoryPort): Promise<Response> {
  const all = await port.versions();
  const info = all.map(({ version, installedAt, buildDate }, index): [string, JsonObject] => [
    version,
    {
      // Vault's member, and OpenBao's for the same.
      build_date: buildDate,
      commit_date: buildDate,
      previous_version: all[index - 1]?.version ?? null,
      timestamp_installed: rfc3339(installedAt),
    },
  ]);
  return { data: { keys: all.map(({ version }) => version), key_info: Object.fromEntries(info) } };
}
