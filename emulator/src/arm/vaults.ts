// Microsoft.KeyVault/vaults: names unique over everything, soft delete, recover, purge.

import type { Clock } from '../clock.ts';
import { ServiceError } from '../http/message.ts';
import { KeyStore } from '../key-vault/keys.ts';
import { SecretStore } from '../key-vault/secrets.ts';
import { type AccessPolicy, isVaultName, type NetworkRules, type Vault } from '../key-vault/vault.ts';

/** A PUT, already read; undefined or null means "not said". */
export interface VaultRequest {
  location: string;
  tags: Record<string, string> | undefined;
  tenantId: string;
  sku: string;
  rbac: boolean | undefined;
  accessPolicies: AccessPolicy[] | undefined;
  retentionDays: number | undefined;
  purgeProtection: boolean | undefined;
  network: NetworkRules | undefined;
  publicAccess: 'Enabled' | 'Disabled' | undefined;
  enabledFor: Record<string, boolean>;
}

export class VaultBook {
  readonly #vaults = new Map<string, Vault>();
  readonly #deleted = new Map<string, Vault>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By name alone, as the data plane asks. */
  byName(name: string): Vault | undefined {
    return this.#vaults.get(name.toLowerCase());
  }

  get(group: string, name: string): Vault | undefined {
    const vault = this.byName(name);
    return vault?.resourceGroup.toLowerCase() === group.toLowerCase() ? vault : undefined;
  }

  list(): Vault[] {
    return [...this.#vaults.values()];
  }

  listDeleted(): Vault[] {
    this.#sweep();
    return [...this.#deleted.values()];
  }

  /** Creates or replaces. `rbacDefault` holds when the request does not say (it depends on the api-version). */
  put(at: { groupId: string; group: string; name: string }, request: VaultRequest, rbacDefault: boolean) {
    const { name, group, groupId } = at;
    if (!isVaultName(name)) throw invalidName(name);
    this.#sweep();
    if (this.#deleted.has(name.toLowerCase())) throw deletedNameTaken(name);
    const known = this.byName(name);
    if (known && known.resourceGroup.toLowerCase() !== group.toLowerCase()) throw nameTaken(name);
    if (known && known.location !== request.location) throw wrongLocation(known, request.location);
    if (known?.purgeProtection && request.purgeProtection === false) {
      throw new ServiceError(
        400,
        'BadRequest',
        'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
      );
    }
    const vault: Vault = {
      name: known?.name ?? name,
      id: known?.id ?? `${groupId}/providers/Microsoft.KeyVault/vaults/${name}`,
      resourceGroup: known?.resourceGroup ?? group,
      location: request.location,
      tags: request.tags ?? known?.tags ?? {},
      tenantId: request.tenantId.toLowerCase(),
      sku: request.sku,
      rbac: request.rbac ?? known?.rbac ?? rbacDefault,
      accessPolicies: request.accessPolicies ?? known?.accessPolicies ?? [],
      // Fixed when the vault is made; the real service ignores a later change as well.
      retentionDays: known?.retentionDays ?? request.retentionDays ?? 90,
      purgeProtection: request.purgeProtection ?? known?.purgeProtection ?? false,
      network: request.network ?? known?.network,
      publicAccess: request.publicAccess ?? known?.publicAccess ?? 'Enabled',
      enabledFor: { ...known?.enabledFor, ...request.enabledFor },
      createdAt: known?.createdAt ?? this.#clock.now(),
      secrets: known?.secrets ?? new SecretStore(this.#clock),
      keys: known?.keys ?? new KeyStore(this.#clock),
    };
    this.#vaults.set(name.toLowerCase(), vault);
    return { vault, created: !known };
  }

  /** Soft delete: from now on the vault's host is one that nobody knows. */
  delete(name: string): Vault | undefined {
    const vault = this.byName(name);
    if (!vault) return undefined;
    this.#vaults.delete(name.toLowerCase());
    this.#deleted.set(name.toLowerCase(), { ...vault, deletedAt: this.#clock.now() });
    return vault;
  }

  recover(name: string): Vault | undefined {
    this.#sweep();
    const deleted = this.#deleted.get(name.toLowerCase());
    if (!deleted) return undefined;
    const { deletedAt: _, ...vault } = deleted;
    this.#deleted.delete(name.toLowerCase());
    this.#vaults.set(name.toLowerCase(), vault);
    return vault;
  }

  /** A soft-deleted vault; throws 404. */
  deleted(name: string, location?: string): Vault {
    this.#sweep();
    const vault = this.#deleted.get(name.toLowerCase());
    if (!vault || (location !== undefined && location.toLowerCase() !== vault.location)) {
      throw new ServiceError(
        404,
        'DeletedVaultNotFound',
        `The specified deleted vault '${name}' does not exist.`,
      );
    }
    return vault;
  }

  /** Ends a soft-deleted vault for good. */
  purge(name: string): void {
    const vault = this.deleted(name);
    if (vault.purgeProtection) {
      throw new ServiceError(400, 'MethodNotAllowed', 'Operation "DeletedVaultPurge" is not allowed.');
    }
    this.#deleted.delete(name.toLowerCase());
  }

  /** What has been deleted for as long as it was to be kept is gone, and its name is free. */
  #sweep(): void {
    const now = this.#clock.now();
    for (const [name, { deletedAt, retentionDays }] of this.#deleted) {
      if (deletedAt !== undefined && now >= deletedAt + retentionDays * 86_400_000)
        this.#deleted.delete(name);
    }
  }

  dump() {
    return { live: this.list().map(dumpVault), deleted: this.listDeleted().map(dumpVault) };
  }

  load(state: ReturnType<VaultBook['dump']>): void {
    for (const [vaults, saved] of [
      [this.#vaults, state.live],
      [this.#deleted, state.deleted],
    ] as const) {
      vaults.clear();
      for (const { secrets, keys, ...vault } of saved) {
        vaults.set(vault.name.toLowerCase(), {
          ...vault,
          secrets: new SecretStore(this.#clock).load(secrets),
          keys: new KeyStore(this.#clock).load(keys),
        });
      }
    }
  }
}

function dumpVault({ secrets, keys, ...vault }: Vault) {
  return { ...vault, secrets: secrets.dump(), keys: keys.dump() };
}

function invalidName(name: string): ServiceError {
  return new ServiceError(
    400,
    'VaultNameNotValid',
    `The vault name '${name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.`,
  );
}

function nameTaken(name: string): ServiceError {
  return new ServiceError(
    409,
    'VaultAlreadyExists',
    `The vault name '${name}' is already in use. Vault names are globally unique so it is possible that the name is already taken.`,
  );
}

function deletedNameTaken(name: string): ServiceError {
  return new ServiceError(
    409,
    'ConflictError',
    `A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault '${name}'. Follow this link for more information on soft delete: https://go.microsoft.com/fwlink/?linkid=2149745`,
  );
}

function wrongLocation(vault: Vault, location: string): ServiceError {
  return new ServiceError(
    409,
    'InvalidResourceLocation',
    `The resource '${vault.name}' already exists in location '${vault.location}' in resource group '${vault.resourceGroup}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
  );
}
