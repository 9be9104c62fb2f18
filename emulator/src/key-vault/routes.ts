// What a route of the data plane is. The tables of secrets and keys are made of these.

import type { Clock } from '../clock.ts';
import type { Entra } from '../entra/domain.ts';
import { type Reply, type Request, ServiceError } from '../http/message.ts';
import type { RoleBook } from '../rbac/domain.ts';
import type { Settings } from '../settings.ts';
import type { Operation } from './access.ts';
import type { Throttle } from './throttle.ts';
import type { Vault } from './vault.ts';

export interface KeyVaultParts {
  vaults: { byName(name: string): Vault | undefined };
  roles: RoleBook;
  entra: Entra;
  settings: Settings;
  throttle: Throttle;
  /** Of the subscription: 32 bytes. */
  backupKey(): Buffer;
  /** Writes what time has changed, not a request. */
  save(): void;
  clock: Clock;
}

export interface Context {
  parts: KeyVaultParts;
  request: Request;
  vault: Vault;
  /** Empty for lists. */
  name: string;
  version: string | undefined;
}

export interface Route {
  method: string;
  /** `:name` and `:version` match any segment; words match without regard to case. */
  pattern: string;
  operation: Operation;
  run(context: Context): Reply | Promise<Reply>;
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

/** Throws 403 when the vault's purge protection is on. */
export function checkPurgeable(vault: Vault): void {
  if (!vault.purgeProtection) return;
  throw new ServiceError(
    403,
    'Forbidden',
    'Operation "purge" is not allowed because purge protection is enabled for this vault.',
    { innerCode: 'ForbiddenByPolicy' },
  );
}
