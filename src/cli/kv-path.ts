// Where a kv secret really lies: version 2 hides `data/` or `metadata/` behind the mount, so the server is asked.

import type { VaultClient } from '../client/client.ts';
import { attempt, CommandFailure } from './failure.ts';
import { plainPath } from './paths.ts';

/** What version 2 puts between the mount and the path. */
export type KvPart = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy';

export interface KvPlace {
  readonly version: 1 | 2;
  /** The whole API path. */
  readonly path: string;
}

/**
 * `wanted` is `secret/foo`, or `foo` with `mount` set.
 * A refused question is shown as the server's text alone, as in Vault: it names the policy that is missing.
 */
export async function kvPlace(
  client: VaultClient,
  wanted: string,
  mount: string | undefined,
  part: KvPart,
): Promise<KvPlace> {
  const path = plainPath(wanted);
  const asked = mount === undefined ? path : plainPath(mount);
  const found = await attempt('', () => client.mountOf(asked));
  const root = plainPath(found.path);
  if (found.version === 1)
    return { version: 1, path: mount === undefined ? path : join(root || asked, path) };
  const below = mount === undefined ? belowMount(path, root) : path;
  return { version: 2, path: join(root, part, below) };
}

/** As `kvPlace`, for what version 1 does not have. @throws CommandFailure (1) there; `what` begins the sentence. */
export async function kv2Path(
  client: VaultClient,
  wanted: string,
  mount: string | undefined,
  part: KvPart,
  what: string,
): Promise<string> {
  const place = await kvPlace(client, wanted, mount, part);
  if (place.version === 2) return place.path;
  throw new CommandFailure(1, `${what} not supported on KV Version 1`);
}

function belowMount(path: string, root: string): string {
  if (path === root) return '';
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}
