// sys/mounts, sys/auth and sys/internal/ui/mounts. Vault's API pages /api-docs/system/mounts and
// /api-docs/system/internal-ui-mounts; the second is what every `kv` command asks first.

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
    {
      pattern: 'internal/ui/mounts',
      access: 'open',
      operations: { read: async (request) => uiMounts(port, request) },
      help: 'The mounts that the caller may see.',
    },
    {
      pattern: 'internal/ui/mounts/{path*}',
      operations: { read: async (request) => uiMount(port, request) },
      help: 'The mount that answers a path, for clients that must know its version.',
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

/** Open, since a login page asks it; without a token only mounts with `listing_visibility=unauth` would show. */
function uiMounts(port: TenurePort, request: Request): Response {
  const visible = request.caller?.isRoot ? port.mounts() : [];
  return { data: { secret: byPath(visible, false), auth: byPath(visible, true) } };
}

function uiMount(port: TenurePort, request: Request): Response {
  const asked = withSlash(request.params['path'] ?? '');
  const found = port
    .mounts()
    .filter((candidate) => asked.startsWith(candidate.path))
    .toSorted((left, right) => right.path.length - left.path.length)[0];
  if (found === undefined) {
    // An unknown mount and a forbidden one must look alike: `vault kv get` shows this text.
    const shown = request.params['path'] ?? '';
    throw new LatchkeyError(
      'forbidden',
      `preflight capability check returned 403, please ensure client's policies grant access to path "${shown}/"`,
    );
  }
  return { data: { ...found.info, path: found.path } };
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}
