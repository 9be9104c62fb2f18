// sys/* that the active node answers: step-down, ha-status, key-status, rotate.
// Vault's API pages /api-docs/system/{step-down,ha-status,key-status,rotate}.

import { rfc3339 } from '../base/clock.ts';
import type { JsonValue } from '../base/json.ts';
import type { Response, Route } from '../engine/engine.ts';
import type { MemberView, TenurePort } from './ports.ts';

export function tenureRoutes(port: TenurePort): readonly Route[] {
  return [
    {
      pattern: 'step-down',
      access: 'sudo',
      operations: {
        update: async () => {
          port.stepDown();
          return {};
        },
      },
      help: 'Makes the active node a standby; it waits 10 seconds before it stands again.',
    },
    {
      pattern: 'ha-status',
      operations: { read: async () => haStatus(port.members()) },
      help: 'The nodes that the active node has heard of lately.',
    },
    {
      pattern: 'key-status',
      operations: { read: async () => keyStatus(port) },
      help: 'Term, age and use of the newest encryption key of the barrier.',
    },
    {
      pattern: 'rotate',
      access: 'sudo',
      operations: {
        update: async () => {
          await port.rotate();
          return {};
        },
      },
      help: 'Adds a new encryption key to the keyring; old records keep theirs.',
    },
  ];
}

function haStatus(members: readonly MemberView[]): Response {
  const nodes: JsonValue = members
    .toSorted((left, right) => (left.apiAddress < right.apiAddress ? -1 : 1))
    .map((member) => ({
      hostname: member.hostname,
      api_address: member.apiAddress,
      cluster_address: member.clusterAddress,
      active_node: member.active,
      last_echo: member.lastEchoAt === undefined ? null : rfc3339(member.lastEchoAt),
      version: member.version,
      upgrade_version: '',
      redundancy_zone: '',
    }));
  return { dress: 'injected', data: { nodes } };
}

function keyStatus(port: TenurePort): Response {
  const status = port.keyStatus();
  return {
    dress: 'injected',
    data: { term: status.term, install_time: rfc3339(status.installedAt), encryptions: status.encryptions },
  };
}
