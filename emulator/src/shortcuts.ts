// Shortcuts for tests: they call the domain directly, where a user would go through ARM.

import { randomUUID } from 'node:crypto';
import type { AksIssuer } from './aks/issuer.ts';
import { type ApplicationShortcuts, applicationShortcuts } from './application-shortcuts.ts';
import type { Subscription } from './arm/domain.ts';
import { deleteCustomRole, putCustomRole } from './arm/roles.ts';
import type { Clock } from './clock.ts';
import type { Entra } from './entra/domain.ts';
import { ServiceError } from './http/message.ts';
import { type KeyShortcuts, keyShortcuts } from './key-shortcuts.ts';
import type { AccessPolicy, Vault } from './key-vault/vault.ts';

export interface VaultOptions {
  /** Default `local`; made when it does not exist. */
  resourceGroup?: string;
  /** Default `eastus`. */
  location?: string;
  /** Default true: role assignments decide. */
  rbac?: boolean;
  accessPolicies?: AccessPolicy[];
  /** Default: the emulator's tenant; another one makes every token's issuer wrong. */
  tenantId?: string;
  purgeProtection?: boolean;
}

export interface NewRole {
  roleName: string;
  /** E.g. Microsoft.KeyVault/vaults/keys/wrap/action; `*` stands for any run of characters. */
  dataActions?: string[];
  notDataActions?: string[];
  actions?: string[];
  notActions?: string[];
  /** Subscriptions or resource groups; default: the subscription. */
  assignableScopes?: string[];
}

export interface Shortcuts extends ApplicationShortcuts {
  createVault(name: string, options?: VaultOptions): { name: string; id: string; uri: string };
  /** Soft-deletes it; false when there was none. Its role assignments go as well. */
  deleteVault(name: string): boolean;
  recoverVault(name: string): boolean;
  /** Makes a user-assigned identity and attaches it to the machine. */
  createIdentity(
    name: string,
    options?: { resourceGroup?: string; location?: string },
  ): { clientId: string; principalId: string; resourceId: string };
  deleteIdentity(name: string, resourceGroup?: string): boolean;
  /** Role by name or GUID. Returns the id of the assignment. Idempotent. */
  assignRole(assignment: { principalId: string; role: string; scope: string }): string;
  /** Makes a custom role, or changes the one of that name. Returns its GUID; assignRole takes that or the name. */
  createRole(role: NewRole): string;
  /** By name or GUID; throws while there are assignments of it. */
  deleteRole(role: string): void;
  /** Removes all role assignments that match all given members; returns how many. */
  removeRoles(match: { principalId?: string; role?: string; scope?: string }): number;
  /** Detach and attach an identity by its object id: IMDS knows it or not. */
  attachIdentity(principalId: string): void;
  detachIdentity(principalId: string): boolean;
  /** Secrets of a vault, past all checks of rights. */
  secrets(vault: string): SecretShortcuts;
  /** Keys of a vault, past all checks of rights. */
  keys(vault: string): KeyShortcuts;
}

export interface SecretShortcuts {
  /** Names that are not deleted. */
  names(): string[];
  /** Returns the new version. */
  set(name: string, value: string, tags?: Record<string, string>): string;
  /** The newest version, or the given one. */
  get(name: string, version?: string): { value: string; version: string; tags: Record<string, string> };
  /** Versions, oldest first. */
  versions(name: string): string[];
  /** Enables or disables the newest version, or the given one. */
  setEnabled(name: string, enabled: boolean, version?: string): void;
  delete(name: string): void;
  recover(name: string): void;
  purge(name: string): void;
}

const DEFAULT_GROUP = 'local';
const DEFAULT_LOCATION = 'eastus';

export function makeShortcuts(parts: {
  subscription: Subscription;
  entra: Entra;
  aks: AksIssuer;
  clock: Clock;
  port: number;
}): Shortcuts {
  const { subscription, port } = parts;
  const { tenantId } = parts.entra;
  const ensureGroup = (name: string) => {
    if (!subscription.groups().some((group) => group.name.toLowerCase() === name.toLowerCase())) {
      subscription.putGroup(name, DEFAULT_LOCATION);
    }
  };
  const { directory, roles } = subscription;
  return {
    createVault(name, options = {}) {
      const group = options.resourceGroup ?? DEFAULT_GROUP;
      ensureGroup(group);
      const { vault } = subscription.putVault(group, name, vaultRequest(options, tenantId), true);
      return {
        name: vault.name,
        id: vault.id,
        uri: `https://${vault.name.toLowerCase()}.vault.localhost:${port}`,
      };
    },
    deleteVault: (name) => subscription.deleteVault(name),
    recoverVault: (name) => subscription.vaults.recover(name) !== undefined,
    createIdentity(name, options = {}) {
      const group = options.resourceGroup ?? DEFAULT_GROUP;
      ensureGroup(group);
      const { identity } = subscription.putIdentity(group, name, options.location ?? DEFAULT_LOCATION);
      return { clientId: identity.clientId, principalId: identity.principalId, resourceId: identity.id };
    },
    deleteIdentity: (name, group = DEFAULT_GROUP) => subscription.deleteIdentity(group, name),
    ...applicationShortcuts({ ...parts, directory }),
    createRole: (role) => createRole(subscription, role),
    deleteRole(nameOrId) {
      const role = roles.role(nameOrId);
      if (!role) throw new Error(`no role ${nameOrId}`);
      deleteCustomRole(subscription, role);
    },
    assignRole: (assignment) => assignRole(subscription, assignment),
    removeRoles(match) {
      const role = match.role === undefined ? undefined : roles.role(match.role)?.name;
      if (match.role !== undefined && role === undefined) throw new Error(`no role ${match.role}`);
      return roles.removeWhere(
        (assignment) =>
          (match.principalId === undefined || assignment.principalId === match.principalId.toLowerCase()) &&
          (role === undefined || assignment.role === role) &&
          (match.scope === undefined || assignment.scope.toLowerCase() === match.scope.toLowerCase()),
      );
    },
    ...machineShortcuts(subscription),
    secrets: (vaultName) => secretShortcuts(existingVault(subscription, vaultName)),
    keys: (vaultName) => keyShortcuts(existingVault(subscription, vaultName)),
  };
}

function machineShortcuts(subscription: Subscription) {
  return {
    attachIdentity: (principalId: string) => subscription.machine.attach(principalId),
    detachIdentity: (principalId: string) => subscription.machine.detach(principalId),
  };
}

function vaultRequest(options: VaultOptions, tenantId: string) {
  return {
    location: options.location ?? DEFAULT_LOCATION,
    tags: undefined,
    tenantId: options.tenantId ?? tenantId,
    sku: 'standard',
    rbac: options.rbac,
    accessPolicies: options.accessPolicies,
    retentionDays: undefined,
    purgeProtection: options.purgeProtection,
    network: undefined,
    publicAccess: undefined,
    enabledFor: {},
  };
}

function assignRole(
  subscription: Subscription,
  { principalId, role, scope }: { principalId: string; role: string; scope: string },
): string {
  const known = subscription.roles.find(scope, principalId, subscription.roles.role(role)?.name ?? '');
  const { assignment } = known
    ? { assignment: known }
    : subscription.assign({ scope, principalId, role, createdBy: 'test' });
  return `${assignment.scope}/providers/Microsoft.Authorization/roleAssignments/${assignment.name}`;
}

function createRole(subscription: Subscription, asked: NewRole): string {
  const name = subscription.roles.role(asked.roleName)?.name ?? randomUUID();
  const { roleName, actions = [], notActions = [], dataActions = [], notDataActions = [] } = asked;
  const assignableScopes = asked.assignableScopes ?? [subscription.id];
  putCustomRole(subscription, assignableScopes[0] ?? subscription.id, name, {
    roleName,
    description: '',
    permissions: { actions, notActions, dataActions, notDataActions },
    assignableScopes,
  });
  return name;
}

function existingVault(subscription: Subscription, name: string): Vault {
  const vault = subscription.vaults.byName(name);
  if (!vault) throw new ServiceError(404, 'VaultNotFound', `no vault ${name}`);
  return vault;
}

function secretShortcuts(vault: Vault): SecretShortcuts {
  const { secrets } = vault;
  return {
    names: () => secrets.list().map((secret) => secret.name),
    set: (name, value, tags) => secrets.set(name, { value, tags }).version.version,
    get(name, version) {
      const found = secrets.find(name, version).version;
      return { value: found.value, version: found.version, tags: { ...found.tags } };
    },
    versions: (name) => secrets.versions(name).versions.map((version) => version.version),
    setEnabled(name, enabled, version) {
      secrets.update(name, version, { attributes: { enabled } });
    },
    delete(name) {
      secrets.delete(name, vault.retentionDays);
    },
    recover(name) {
      secrets.recover(name);
    },
    purge: (name) => secrets.purge(name),
  };
}
