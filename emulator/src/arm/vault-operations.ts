// Microsoft.KeyVault/vaults and what is left of deleted ones.

import { addressesFor } from '../hosts.ts';
import { type Reply, ServiceError } from '../http/message.ts';
import type { AccessPolicy, Vault } from '../key-vault/vault.ts';
import { resourceNotFound, type Subscription, VAULT_TYPE } from './domain.ts';
import { type ArmOperation, type Context, inGroup, nameOf, ok } from './operation.ts';
import type { ArmPath } from './path.ts';
import * as render from './render.ts';
import { asksForRecovery, readPolicyChange, readVault, readVaultChange } from './vault-bodies.ts';

const DELETED_VAULTS = 'Microsoft.KeyVault/locations/deletedVaults';

export const VAULT_OPERATIONS: readonly ArmOperation[] = [
  { kind: 'vaults', method: 'GET', action: `${VAULT_TYPE}/read`, run: listVaults },
  { kind: 'vault', method: 'PUT', action: `${VAULT_TYPE}/write`, run: putVault },
  { kind: 'vault', method: 'GET', action: `${VAULT_TYPE}/read`, run: getVault },
  { kind: 'vault', method: 'HEAD', action: `${VAULT_TYPE}/read`, run: headVault },
  { kind: 'vault', method: 'PATCH', action: `${VAULT_TYPE}/write`, run: patchVault },
  {
    kind: 'accessPolicies',
    method: 'PUT',
    action: `${VAULT_TYPE}/accessPolicies/write`,
    run: changePolicies,
  },
  { kind: 'vault', method: 'DELETE', action: `${VAULT_TYPE}/delete`, run: deleteVault },
  {
    kind: 'deletedVaults',
    method: 'GET',
    action: 'Microsoft.KeyVault/deletedVaults/read',
    run: listDeletedVaults,
  },
  { kind: 'deletedVault', method: 'GET', action: `${DELETED_VAULTS}/read`, run: getDeletedVault },
  { kind: 'purgeVault', method: 'POST', action: `${DELETED_VAULTS}/purge/action`, run: purgeVault },
];

function listVaults({ subscription, request, path, httpsPort }: Context): Reply {
  if (path.group) subscription.group(path.group);
  const vaults = subscription.vaults.list().filter((vault) => inGroup(path, vault.resourceGroup));
  return ok({
    value: vaults.map((vault) => render.renderVault(vault, addressesFor(request, httpsPort).vaultSuffix)),
  });
}

function putVault({ subscription, request, path, apiVersion, httpsPort }: Context): Reply {
  const name = nameOf(path.name);
  if (asksForRecovery(request.body)) {
    const vault = subscription.recoverVault(nameOf(path.group), name);
    return ok(render.renderVault(vault, addressesFor(request, httpsPort).vaultSuffix));
  }
  // Without the flag, api-versions from 2026-02-01 on make an RBAC vault, older ones an access-policy vault.
  const rbacDefault = apiVersion >= '2026-02-01';
  const { vault, created } = subscription.putVault(
    nameOf(path.group),
    name,
    readVault(request.body),
    rbacDefault,
  );
  return {
    status: created ? 201 : 200,
    body: render.renderVault(vault, addressesFor(request, httpsPort).vaultSuffix),
  };
}

function getVault({ subscription, request, path, httpsPort }: Context): Reply {
  return ok(render.renderVault(vaultAt(subscription, path), addressesFor(request, httpsPort).vaultSuffix));
}

function vaultAt(subscription: Subscription, path: ArmPath): Vault {
  const group = subscription.group(nameOf(path.group));
  const vault = subscription.vaults.get(group.name, nameOf(path.name));
  if (!vault) throw resourceNotFound(VAULT_TYPE, nameOf(path.name), group.name);
  return vault;
}

function patchVault({ subscription, request, path, httpsPort }: Context): Reply {
  const known = vaultAt(subscription, path);
  const change = readVaultChange(request.body, known);
  const { vault } = subscription.putVault(known.resourceGroup, known.name, change, known.rbac);
  return ok(render.renderVault(vault, addressesFor(request, httpsPort).vaultSuffix));
}

/** One principal has one policy: add joins the permissions, replace and remove set and take them. */
function changePolicies({ subscription, request, path }: Context): Reply {
  const vault = vaultAt(subscription, path);
  const change = nameOf(path.change).toLowerCase();
  if (change !== 'add' && change !== 'replace' && change !== 'remove') {
    throw new ServiceError(
      400,
      'BadRequest',
      "Access policies can be changed by 'add', 'replace' and 'remove'.",
    );
  }
  const given = readPolicyChange(request.body);
  vault.accessPolicies = given.reduce((all, policy) => changed(all, policy, change), vault.accessPolicies);
  return ok({
    id: `${vault.id}/accessPolicies/`,
    type: 'Microsoft.KeyVault/vaults/accessPolicies',
    properties: { accessPolicies: vault.accessPolicies },
  });
}

function changed(
  all: AccessPolicy[],
  policy: AccessPolicy,
  change: 'add' | 'replace' | 'remove',
): AccessPolicy[] {
  const known = all.find((other) => other.objectId === policy.objectId && other.tenantId === policy.tenantId);
  const others = all.filter((other) => other !== known);
  if (change === 'replace' || (change === 'add' && !known)) return [...others, policy];
  if (!known) return others;
  const merge = (kind: keyof AccessPolicy['permissions']) => {
    const before = known.permissions[kind].map((name) => name.toLowerCase());
    const named = policy.permissions[kind].map((name) => name.toLowerCase());
    return change === 'add'
      ? [...new Set([...before, ...named])]
      : before.filter((name) => !named.includes(name));
  };
  const permissions = {
    keys: merge('keys'),
    secrets: merge('secrets'),
    certificates: merge('certificates'),
    storage: merge('storage'),
  };
  return Object.values(permissions).every((names) => names.length === 0)
    ? others
    : [...others, { ...known, permissions }];
}

function headVault(context: Context): Reply {
  getVault(context);
  return { status: 204 };
}

function deleteVault({ subscription, path }: Context): Reply {
  const group = subscription.group(nameOf(path.group));
  const vault = subscription.vaults.get(group.name, nameOf(path.name));
  return { status: vault && subscription.deleteVault(vault.name) ? 200 : 204 };
}

function listDeletedVaults({ subscription }: Context): Reply {
  return ok({
    value: subscription.vaults.listDeleted().map((vault) => render.renderDeletedVault(vault, subscription)),
  });
}

function getDeletedVault({ subscription, path }: Context): Reply {
  const vault = subscription.vaults.deleted(nameOf(path.name), nameOf(path.location));
  return ok(render.renderDeletedVault(vault, subscription));
}

function purgeVault({ subscription, path }: Context): Reply {
  subscription.vaults.deleted(nameOf(path.name), nameOf(path.location));
  subscription.vaults.purge(nameOf(path.name));
  return { status: 200 };
}
