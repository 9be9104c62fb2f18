// sys/audit and sys/audit-hash. Vault's API pages /api-docs/system/audit and /api-docs/system/audit-hash.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { AuditPort } from './ports.ts';

const ENABLE_FIELDS = {
  type: { type: 'string', help: 'file, stdout or socket; default: the path.' },
  description: { type: 'string', help: 'Words for people.' },
  options: { type: 'object', help: 'Options of the device, all strings.' },
  local: { type: 'boolean', help: 'Accepted for old clients; has no effect.' },
} as const;

const HASH_FIELDS = {
  input: { type: 'string', required: true, help: 'What to hash.' },
} as const;

export function auditRoutes(port: AuditPort): readonly Route[] {
  return [
    {
      pattern: 'audit',
      access: 'sudo',
      operations: { read: async () => list(port) },
      help: 'Lists the audit devices.',
    },
    {
      pattern: 'audit/{path*}',
      access: 'sudo',
      operations: {
        update: (request) => enable(port, request),
        delete: async (request) => {
          await port.disable(pathOf(request));
          return {};
        },
      },
      fields: ENABLE_FIELDS,
      help: 'Enables or disables an audit device.',
    },
    {
      pattern: 'audit-hash/{path*}',
      operations: {
        update: async (request) => {
          const { input } = readFields(HASH_FIELDS, request.input);
          return { dress: 'injected', data: { hash: port.hash(pathOf(request), input) } };
        },
      },
      fields: HASH_FIELDS,
      help: 'Hashes a value as an audit device hides it, to find it in the log.',
    },
  ];
}

function list(port: AuditPort): Response {
  const devices: [string, JsonObject][] = port.list().map((device) => [
    device.path,
    {
      type: device.type,
      description: device.description,
      options: { ...device.options },
      local: device.local,
      path: device.path,
    },
  ]);
  return { dress: 'injected', data: Object.fromEntries(devices) };
}

async function enable(port: AuditPort, request: Request): Promise<Response> {
  const fields = readFields(ENABLE_FIELDS, request.input);
  const path = pathOf(request);
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields.options ?? {})) {
    if (typeof value === 'object')
      throw new LatchkeyError('bad_request', `option '${name}' must be a string`);
    options[name] = String(value);
  }
  await port.enable({
    path,
    type: fields.type ?? path.slice(0, -1),
    description: fields.description ?? '',
    options,
    local: fields.local ?? false,
  });
  return {};
}

function pathOf(request: Request): string {
  const path = request.params['path'] ?? '';
  return path.endsWith('/') ? path : `${path}/`;
}
