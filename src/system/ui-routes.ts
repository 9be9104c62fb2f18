// sys/internal/ui/*: what user interfaces and the `kv` commands ask first. Vault's API pages
// /api-docs/system/internal-ui-{mounts,namespaces,feature}. None needs a policy; each tells no more than the caller may see.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { isObject } from '../base/json.ts';
import { VAULT_API_VERSION } from '../base/version.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import type { MountView, RightsPort } from './ports.ts';

interface UiPort {
  mounts(): readonly ShownMount[];
  readonly rights: Pick<RightsPort, 'reaches'>;
}

type ShownMount = Pick<MountView, 'path' | 'kind' | 'info'>;

export function uiRoutes(port: UiPort): readonly Route[] {
  return [
    {
      pattern: 'internal/ui/mounts',
      access: 'open',
      operations: { read: (request) => uiMounts(port, request) },
      help: 'The mounts that the caller may see.',
    },
    {
      pattern: 'internal/ui/mounts/{path*}',
      access: 'open',
      operations: { read: (request) => uiMount(port, request) },
      help: 'The mount that answers a path, for clients that must know its version.',
    },
    {
      pattern: 'internal/ui/namespaces',
      access: 'open',
      operations: { read: async (request) => namespaces(request) },
      help: 'The namespaces that the caller may see: there are none below the root.',
    },
    {
      pattern: 'internal/ui/feature-flags',
      access: 'open',
      operations: { read: async () => ({ dress: 'raw', data: { feature_flags: [] } }) },
      help: 'Features that a user interface may show: none.',
    },
    {
      pattern: 'internal/ui/version',
      operations: { read: async () => ({ data: { version: VAULT_API_VERSION } }) },
      help: 'The level of the API.',
    },
  ];
}

/** A login page asks without a token, and sees what has `listing_visibility=unauth`, in three members. */
async function uiMounts(port: UiPort, { caller }: Request): Promise<Response> {
  const shown: { readonly mount: ShownMount; readonly info: JsonObject }[] = [];
  for (const mount of port.mounts()) {
    const { type, description, options } = mount.info;
    const isPublic =
      isObject(mount.info['config']) && mount.info['config']['listing_visibility'] === 'unauth';
    if (caller !== undefined && (isPublic || (await port.rights.reaches(caller, mount.path)))) {
      shown.push({ mount, info: mount.info });
    } else if (caller === undefined && isPublic) {
      shown.push({
        mount,
        info: { type: type ?? '', description: description ?? '', options: options ?? null },
      });
    }
  }
  const byPath = (isAuth: boolean): JsonObject =>
    Object.fromEntries(
      shown
        .filter(({ mount }) => (mount.kind === 'auth') === isAuth)
        .map(({ mount, info }) => [shownPath(mount), info]),
    );
  return { data: { secret: byPath(false), auth: byPath(true) } };
}

async function uiMount(port: UiPort, { caller, params }: Request): Promise<Response> {
  if (caller === undefined) throw new LatchkeyError('forbidden', 'permission denied');
  const asked = (params['path'] ?? '').replace(/\/*$/, '/');
  const found = port
    .mounts()
    .filter((mount) => asked.startsWith(mount.path))
    .toSorted((left, right) => right.path.length - left.path.length)[0];
  if (found !== undefined && (await port.rights.reaches(caller, found.path))) {
    return { data: { ...found.info, path: shownPath(found) } };
  }
  // An unknown mount and a forbidden one must look alike: `vault kv get` shows this text.
  throw new LatchkeyError(
    'forbidden',
    `preflight capability check returned 403, please ensure client's policies grant access to path "${asked}"`,
  );
}

function namespaces({ caller }: Request): Response {
  // Vault answers 500 here, and its user interface expects no other refusal.
  if (caller === undefined) throw new LatchkeyError('cannot_comply', 'client token empty');
  return { data: {} };
}

/** As sys/auth shows it, an auth method's path is without `auth/`. */
function shownPath({ kind, path }: ShownMount): string {
  return kind === 'auth' ? path.slice('auth/'.length) : path;
}
