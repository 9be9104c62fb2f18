// The operations of ARM: kind of thing × method → needed right and what is done. A test walks this table.

import type { Reply } from '../http/message.ts';
import { asksForRecovery, readLocated, readVault } from './bodies.ts';
import { IDENTITY_TYPE, resourceNotFound, VAULT_TYPE } from './domain.ts';
import { FEDERATED_OPERATIONS } from './federated-operations.ts';
import { type ArmOperation, type Context, nameOf, ok } from './operation.ts';
import type { ArmPath } from './path.ts';
import * as render from './render.ts';
import { ROLE_OPERATIONS } from './role-operations.ts';

const GROUPS = 'Microsoft.Resources/subscriptions/resourceGroups';
const DELETED_VAULTS = 'Microsoft.KeyVault/locations/deletedVaults';

export const OPERATIONS: readonly ArmOperation[] = [
  { kind: 'subscriptions', method: 'GET', run: listSubscriptions },
  {
    kind: 'subscription',
    method: 'GET',
    action: 'Microsoft.Resources/subscriptions/read',
    run: getSubscription,
  },
  { kind: 'groups', method: 'GET', action: `${GROUPS}/read`, run: listGroups },
  { kind: 'group', method: 'PUT', action: `${GROUPS}/write`, run: putGroup },
  { kind: 'group', method: 'GET', action: `${GROUPS}/read`, run: getGroup },
  { kind: 'group', method: 'HEAD', action: `${GROUPS}/read`, run: headGroup },
  { kind: 'group', method: 'DELETE', action: `${GROUPS}/delete`, run: deleteGroup },
  { kind: 'vaults', method: 'GET', action: `${VAULT_TYPE}/read`, run: listVaults },
  { kind: 'vault', method: 'PUT', action: `${VAULT_TYPE}/write`, run: putVault },
  { kind: 'vault', method: 'GET', action: `${VAULT_TYPE}/read`, run: getVault },
  { kind: 'vault', method: 'HEAD', action: `${VAULT_TYPE}/read`, run: headVault },
  { kind: 'vault', method: 'DELETE', action: `${VAULT_TYPE}/delete`, run: deleteVault },
  {
    kind: 'deletedVaults',
    method: 'GET',
    action: 'Microsoft.KeyVault/deletedVaults/read',
    run: listDeletedVaults,
  },
  { kind: 'deletedVault', method: 'GET', action: `${DELETED_VAULTS}/read`, run: getDeletedVault },
  { kind: 'purgeVault', method: 'POST', action: `${DELETED_VAULTS}/purge/action`, run: purgeVault },
  { kind: 'identities', method: 'GET', action: `${IDENTITY_TYPE}/read`, run: listIdentities },
  { kind: 'identity', method: 'PUT', action: `${IDENTITY_TYPE}/write`, run: putIdentity },
  { kind: 'identity', method: 'GET', action: `${IDENTITY_TYPE}/read`, run: getIdentity },
  { kind: 'identity', method: 'DELETE', action: `${IDENTITY_TYPE}/delete`, run: deleteIdentity },
  ...FEDERATED_OPERATIONS,
  ...ROLE_OPERATIONS,
];

function listSubscriptions({ subscription, caller, tenantId }: Context): Reply {
  const action = 'Microsoft.Resources/subscriptions/read';
  const question = {
    principalId: caller.objectId,
    action,
    plane: 'management',
    resource: subscription.id,
  } as const;
  const visible = subscription.roles.grants(question).length > 0;
  return ok({
    value: visible ? [render.renderSubscription(subscription, tenantId)] : [],
    count: { type: 'Total', value: visible ? 1 : 0 },
  });
}

function getSubscription({ subscription, tenantId }: Context): Reply {
  return ok(render.renderSubscription(subscription, tenantId));
}

// Resource groups

function listGroups({ subscription }: Context): Reply {
  return ok({ value: subscription.groups().map(render.renderGroup) });
}

function putGroup({ subscription, request, path }: Context): Reply {
  const { location, tags } = readLocated(request.body);
  const { group, created } = subscription.putGroup(nameOf(path.group), location, tags);
  return { status: created ? 201 : 200, body: render.renderGroup(group) };
}

function getGroup({ subscription, path }: Context): Reply {
  return ok(render.renderGroup(subscription.group(nameOf(path.group))));
}

function headGroup(context: Context): Reply {
  getGroup(context);
  return { status: 204 };
}

/** Azure answers 202 and lets the client poll; here it is done at once. */
function deleteGroup({ subscription, path }: Context): Reply {
  subscription.deleteGroup(nameOf(path.group));
  return { status: 200 };
}

// Vaults

function listVaults({ subscription, path, httpsPort }: Context): Reply {
  if (path.group) subscription.group(path.group);
  const vaults = subscription.vaults.list().filter((vault) => inGroup(vault.resourceGroup, path));
  return ok({ value: vaults.map((vault) => render.renderVault(vault, httpsPort)) });
}

function putVault({ subscription, request, path, apiVersion, httpsPort }: Context): Reply {
  const name = nameOf(path.name);
  if (asksForRecovery(request.body)) {
    const vault = subscription.recoverVault(nameOf(path.group), name);
    return ok(render.renderVault(vault, httpsPort));
  }
  // Without the flag, api-versions from 2026-02-01 on make an RBAC vault, older ones an access-policy vault.
  const rbacDefault = apiVersion >= '2026-02-01';
  const { vault, created } = subscription.putVault(
    nameOf(path.group),
    name,
    readVault(request.body),
    rbacDefault,
  );
  return { status: created ? 201 : 200, body: render.renderVault(vault, httpsPort) };
}

function getVault({ subscription, path, httpsPort }: Context): Reply {
  const group = subscription.group(nameOf(path.group));
  const vault = subscription.vaults.get(group.name, nameOf(path.name));
  if (!vault) throw resourceNotFound(VAULT_TYPE, nameOf(path.name), group.name);
  return ok(render.renderVault(vault, httpsPort));
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

// User-assigned identities

function listIdentities({ subscription, path, tenantId }: Context): Reply {
  if (path.group) subscription.group(path.group);
  const identities = subscription.identities().filter((identity) => inGroup(identity.resourceGroup, path));
  return ok({ value: identities.map((identity) => render.renderIdentity(identity, tenantId)) });
}

function putIdentity({ subscription, request, path, tenantId }: Context): Reply {
  const { location, tags } = readLocated(request.body);
  const { identity, created } = subscription.putIdentity(
    nameOf(path.group),
    nameOf(path.name),
    location,
    tags,
  );
  return { status: created ? 201 : 200, body: render.renderIdentity(identity, tenantId) };
}

function getIdentity({ subscription, path, tenantId }: Context): Reply {
  const group = subscription.group(nameOf(path.group));
  const identity = subscription.identity(group.name, nameOf(path.name));
  if (!identity) throw resourceNotFound(IDENTITY_TYPE, nameOf(path.name), group.name);
  return ok(render.renderIdentity(identity, tenantId));
}

function deleteIdentity({ subscription, path }: Context): Reply {
  const group = subscription.group(nameOf(path.group));
  return { status: subscription.deleteIdentity(group.name, nameOf(path.name)) ? 200 : 204 };
}

function inGroup(group: string, path: ArmPath): boolean {
  return path.group === undefined || group.toLowerCase() === path.group.toLowerCase();
}
