// sys/mounts and sys/auth. Vault's API pages /api-docs/system/mounts and /api-docs/system/auth.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { MountView, TenurePort } from './ports.ts';

const MOUNT_FIELDS = {
  type: { type: 'string', required: true, help: 'Type of the engine, e.g. kv or kv-v2.' },
  description: { type: 'string', help: 'Words for people.' },
  options: { type: 'object', help: 'Options of the engine, e.g. {"version": "2"}.' },
} as const;

export function mountRoutes(port: TenurePort): readonly Route[] {
  return [
    {
      pattern: 'mounts',
      operations: { read: async () => listMounts(port, false) },
      help: 'Lists the secrets engines.',
    },
    {
      pattern: 'auth',
      operations: { read: async () => listMounts(port, true) },
      help: 'Lists the auth methods.',
    },
    {
      pattern: 'mounts/{path*}',
      operations: {
        read: async (request) => readMount(port, request),
        update: (request) => mount(port, request),
        delete: async (request) => {
          await port.unmount(withSlash(request.params['path'] ?? ''));
          return {};
        },
      },
      fields: MOUNT_FIELDS,
      help: 'Shows, adds or removes one secrets engine.',
    },
  ];
}

function listMounts(port: TenurePort, auth: boolean): Response {
  return { dress: 'injected', data: byPath(port.mounts(), auth) };
}

function byPath(mounts: readonly MountView[], auth: boolean): JsonObject {
  const wanted = mounts.filter((mount) => (mount.kind === 'auth') === auth);
  return Object.fromEntries(
    wanted.map((mount) => [auth ? mount.path.slice('auth/'.length) : mount.path, mount.info]),
  );
}

function readMount(port: TenurePort, request: Request): Response {
  const path = withSlash(request.params['path'] ?? '');
  const found = port.mounts().find((mount) => mount.path === path);
  if (found === undefined) {
    throw new LatchkeyError('bad_request', `No secret engine mount at ${path}`);
  }
  return { dress: 'injected', data: found.info };
}

async function mount(port: TenurePort, request: Request): Promise<Response> {
  const fields = readFields(MOUNT_FIELDS, request.input);
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields.options ?? {})) options[name] = String(value);
  // Vault's short name for the second version of the kv engine.
  const isKv2 = fields.type === 'kv-v2';
  if (isKv2) options['version'] = '2';
  await port.mount({
    path: withSlash(request.params['path'] ?? ''),
    type: isKv2 || fields.type === 'kv-v1' ? 'kv' : fields.type,
    description: fields.description ?? '',
    options,
  });
  return {};
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
