// One subscription: resource groups and what lies in them. ARM's handler and the test shortcuts both call this.

import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Directory } from '../entra/directory.ts';
import { ServiceError } from '../http/message.ts';
import type { Machine } from '../imds/domain.ts';
import type { Vault } from '../key-vault/vault.ts';
import { covers, type RoleAssignment, type RoleBook } from '../rbac/domain.ts';
import { VaultBook, type VaultRequest } from './vaults.ts';

export const VAULT_TYPE = 'Microsoft.KeyVault/vaults';
export const IDENTITY_TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';

export interface ResourceGroup {
  name: string;
  id: string;
  location: string;
  tags: Record<string, string>;
}

export interface Identity {
  name: string;
  id: string;
  resourceGroup: string;
  location: string;
  tags: Record<string, string>;
  /** Object id of its service principal. */
  principalId: string;
  clientId: string;
}

export interface NewAssignment {
  scope: string;
  /** GUID; absent: a fresh one. */
  name?: string;
  principalId: string;
  principalType?: string;
  /** GUID, full id or, from the shortcuts, the role's name. */
  role: string;
  createdBy: string;
}

export class Subscription {
  readonly id: string;
  readonly subscriptionId: string;
  readonly vaults: VaultBook;
  readonly roles: RoleBook;
  readonly directory: Directory;
  readonly machine: Machine;
  /** What backups of its vaults are sealed with. */
  backupKey: Buffer = randomBytes(32);
  readonly #clock: Clock;
  readonly #groups = new Map<string, ResourceGroup>();
  readonly #identities = new Map<string, Identity>();

  constructor(parts: {
    subscriptionId: string;
    directory: Directory;
    machine: Machine;
    roles: RoleBook;
    clock: Clock;
  }) {
    this.subscriptionId = parts.subscriptionId;
    this.id = `/subscriptions/${parts.subscriptionId}`;
    this.directory = parts.directory;
    this.roles = parts.roles;
    this.machine = parts.machine;
    this.#clock = parts.clock;
    this.vaults = new VaultBook(parts.clock);
  }

  // Resource groups

  group(name: string): ResourceGroup {
    const group = this.#groups.get(name.toLowerCase());
    if (!group)
      throw new ServiceError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`);
    return group;
  }

  groups(): ResourceGroup[] {
    return [...this.#groups.values()];
  }

  putGroup(name: string, location: string, tags: Record<string, string> = {}) {
    if (!/^[\w().-]{1,90}$/.test(name) || name.endsWith('.')) {
      throw new ServiceError(
        400,
        'InvalidResourceGroup',
        `The provided resource group name '${name}' is invalid.`,
      );
    }
    const known = this.#groups.get(name.toLowerCase());
    if (known && known.location !== location) {
      throw new ServiceError(
        409,
        'InvalidResourceGroupLocation',
        `Invalid resource group location '${location}'. The Resource group already exists in location '${known.location}'.`,
      );
    }
    const group = known ?? { name, id: `${this.id}/resourceGroups/${name}`, location, tags };
    group.tags = tags;
    this.#groups.set(name.toLowerCase(), group);
    return { group, created: !known };
  }

  /** Takes all that lies in it along; vaults become soft-deleted. */
  deleteGroup(name: string): void {
    const group = this.group(name);
    for (const vault of this.vaults.list()) if (covers(group.id, vault.id)) this.deleteVault(vault.name);
    for (const identity of this.identities())
      if (covers(group.id, identity.id)) this.deleteIdentity(group.name, identity.name);
    this.roles.removeWhere((assignment) => covers(group.id, assignment.scope));
    this.#groups.delete(name.toLowerCase());
  }

  // Vaults

  putVault(groupName: string, name: string, request: VaultRequest, rbacDefault: boolean) {
    const group = this.group(groupName);
    return this.vaults.put({ group: group.name, groupId: group.id, name }, request, rbacDefault);
  }

  /** Its role assignments go with it and do not come back with a recovery, as on Azure. */
  deleteVault(name: string): boolean {
    const vault = this.vaults.delete(name);
    if (vault) this.roles.removeWhere((assignment) => covers(vault.id, assignment.scope));
    return vault !== undefined;
  }

  /** Brings a soft-deleted vault back into the group it came from. */
  recoverVault(groupName: string, name: string): Vault {
    const group = this.group(groupName);
    const deleted = this.vaults.deleted(name);
    if (deleted.resourceGroup.toLowerCase() !== group.name.toLowerCase())
      throw resourceNotFound(VAULT_TYPE, name, group.name);
    return this.vaults.recover(name) ?? deleted;
  }

  // User-assigned identities

  identity(group: string, name: string): Identity | undefined {
    return this.#identities.get(`${group}/${name}`.toLowerCase());
  }

  identities(): Identity[] {
    return [...this.#identities.values()];
  }

  /** The service principal is there at once, and the identity is attached to the machine. */
  putIdentity(groupName: string, name: string, location: string, tags: Record<string, string> = {}) {
    const group = this.group(groupName);
    if (!/^[a-z0-9][\w-]{2,127}$/i.test(name)) {
      throw new ServiceError(
        400,
        'InvalidResourceName',
        `The identity name '${name}' is invalid: 3-128 letters, digits, '_' and '-', a letter or digit first.`,
      );
    }
    const known = this.identity(group.name, name);
    if (known) {
      known.tags = tags;
      return { identity: known, created: false };
    }
    const id = `${group.id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
    const principal = this.directory.add({ displayName: name, kind: 'ManagedIdentity', resourceId: id });
    this.machine.attach(principal.objectId);
    const identity: Identity = {
      name,
      id,
      resourceGroup: group.name,
      location,
      tags,
      principalId: principal.objectId,
      clientId: principal.clientId,
    };
    this.#identities.set(`${group.name}/${name}`.toLowerCase(), identity);
    return { identity, created: true };
  }

  /** Its role assignments stay behind, naming a principal that is gone, as on Azure. */
  deleteIdentity(group: string, name: string): boolean {
    const identity = this.identity(group, name);
    if (!identity) return false;
    this.machine.detach(identity.principalId);
    this.directory.remove(identity.principalId);
    return this.#identities.delete(`${group}/${name}`.toLowerCase());
  }

  // Role assignments

  assign(request: NewAssignment): { assignment: RoleAssignment; created: boolean } {
    this.checkScope(request.scope);
    const role = this.roles.role(request.role);
    if (!role) {
      throw new ServiceError(
        404,
        'RoleDefinitionDoesNotExist',
        `The specified role definition with ID '${request.role}' does not exist.`,
      );
    }
    if (!role.assignableScopes.some((scope) => covers(scope, request.scope))) {
      throw new ServiceError(
        400,
        'RoleAssignmentScopeNotAssignableToRoleDefinition',
        `The role definition '${role.name}' cannot be assigned at the scope '${request.scope}'.`,
      );
    }
    const principalId = request.principalId.toLowerCase();
    const principal = this.directory.byObjectId(principalId);
    // With principalType given, Azure does not look: the principal may not have spread through the directory yet.
    if (!principal && !request.principalType) {
      throw new ServiceError(
        400,
        'PrincipalNotFound',
        `Principal ${principalId} does not exist in the directory. Check that you have the correct principal ID.`,
      );
    }
    const name = (request.name ?? randomUUID()).toLowerCase();
    const same = this.roles.find(request.scope, principalId, role.name);
    if (same && same.name !== name) {
      throw new ServiceError(
        409,
        'RoleAssignmentExists',
        `The role assignment already exists. The ID of the existing role assignment is ${same.name.replaceAll('-', '')}.`,
      );
    }
    const known = this.roles.get(name);
    if (known && !same) {
      throw new ServiceError(
        400,
        'RoleAssignmentUpdateNotPermitted',
        'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
      );
    }
    if (known) return { assignment: known, created: false };
    const assignment = this.roles.add({
      name,
      scope: request.scope,
      principalId,
      principalType: request.principalType ?? 'ServicePrincipal',
      role: role.name,
      createdAt: this.#clock.now(),
      createdBy: request.createdBy,
    });
    return { assignment, created: true };
  }

  dump() {
    return {
      groups: this.groups(),
      identities: this.identities(),
      vaults: this.vaults.dump(),
      backupKey: this.backupKey,
    };
  }

  load(state: ReturnType<Subscription['dump']>): void {
    this.#groups.clear();
    for (const group of state.groups) this.#groups.set(group.name.toLowerCase(), group);
    this.#identities.clear();
    for (const identity of state.identities) {
      this.#identities.set(`${identity.resourceGroup}/${identity.name}`.toLowerCase(), identity);
    }
    this.vaults.load(state.vaults);
    this.backupKey = state.backupKey;
  }

  /** A scope may be this subscription, a group, a resource in it or an object in a vault; it must exist. */
  checkScope(scope: string): void {
    if (!covers(this.id, scope)) throw subscriptionNotFound(scope.split('/')[2] ?? '');
    const [, , groups, group, providers, namespace, type, name] = scope.split('/').filter(Boolean);
    if (groups === undefined) return;
    if (groups.toLowerCase() !== 'resourcegroups' || group === undefined) throw invalidScope(scope);
    this.group(group);
    if (providers === undefined) return;
    const fullType = `${namespace}/${type}`.toLowerCase();
    if (providers.toLowerCase() !== 'providers' || name === undefined) throw invalidScope(scope);
    const found =
      fullType === VAULT_TYPE.toLowerCase()
        ? this.vaults.get(group, name)
        : fullType === IDENTITY_TYPE.toLowerCase() && this.identity(group, name);
    if (!found) throw resourceNotFound(`${namespace}/${type}`, name, group);
  }
}

function invalidScope(scope: string): ServiceError {
  return new ServiceError(400, 'InvalidScope', `The scope '${scope}' is not valid.`);
}

export function subscriptionNotFound(id: string): ServiceError {
  return new ServiceError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`);
}

export function resourceNotFound(type: string, name: string, group: string): ServiceError {
  return new ServiceError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}
