// sys/rotate/keyring and sys/rotate/config: the key of the data, rotated at once or by itself.
// Vault's API pages /api-docs/system/rotate and /api-docs/system/rotate-config.

import { formatDuration } from '../base/durations.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { RotationPort, TenurePort } from './ports.ts';

const CONFIG_FIELDS = {
  max_operations: { type: 'integer', help: 'Encryptions after which the key is rotated.' },
  interval: { type: 'duration', help: 'Age at which the key is rotated; at least 24h, 0 for never.' },
  enabled: { type: 'boolean', help: 'Whether the key is rotated by itself.' },
} as const;

export function rotationRoutes(port: TenurePort): readonly Route[] {
  return [
    {
      pattern: 'rotate/keyring',
      access: 'sudo',
      operations: {
        update: async () => {
          await port.rotate();
          return {};
        },
      },
      help: "OpenBao's name of sys/rotate.",
    },
    // Both names of one setting.
    ...['rotate/config', 'rotate/keyring/config'].map(
      (pattern): Route => ({
        pattern,
        access: 'sudo',
        operations: {
          read: async () => show(port.rotation),
          update: (request) => configure(port.rotation, request),
        },
        fields: CONFIG_FIELDS,
        help: 'When the key of the data is rotated by itself.',
      }),
    ),
  ];
}

function show(rotation: RotationPort): Response {
  const { enabled, maxOperations, intervalSeconds } = rotation.config();
  const interval = intervalSeconds === 0 ? 0 : formatDuration(intervalSeconds * 1_000);
  return { data: { max_operations: maxOperations, enabled, interval } };
}

async function configure(rotation: RotationPort, request: Request): Promise<Response> {
  const fields = readFields(CONFIG_FIELDS, request.input);
  const before = rotation.config();
  await rotation.configure({
    enabled: fields.enabled ?? before.enabled,
    maxOperations: fields.max_operations ?? before.maxOperations,
    intervalSeconds: fields.interval ?? before.intervalSeconds,
  });
  return {};
}
