// The operations of ARM: kind of thing × method → needed right and what is done. A test walks this table.

import type { Reply } from '../http/message.ts';
import { readLocated } from './bodies.ts';
import { CATALOGUE_OPERATIONS } from './catalogue-operations.ts';
import { IDENTITY_TYPE, resourceNotFound } from './domain.ts';
import { FEDERATED_OPERATIONS } from './federated-operations.ts';
import { type ArmOperation, type Context, inGroup, nameOf, ok } from './operation.ts';
import * as render from './render.ts';
import { ROLE_OPERATIONS } from './role-operations.ts';
import { VAULT_OPERATIONS } from './vault-operations.ts';

const GROUPS = 'Microsoft.Resources/subscriptions/resourceGroups';

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
  { kind: 'identities', method: 'GET', action: `${IDENTITY_TYPE}/read`, run: listIdentities },
  { kind: 'identity', method: 'PUT', action: `${IDENTITY_TYPE}/write`, run: putIdentity },
  { kind: 'identity', method: 'GET', action: `${IDENTITY_TYPE}/read`, run: getIdentity },
  { kind: 'identity', method: 'DELETE', action: `${IDENTITY_TYPE}/delete`, run: deleteIdentity },
  ...CATALOGUE_OPERATIONS,
  ...VAULT_OPERATIONS,
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

// User-assigned identities

function listIdentities({ subscription, path, tenantId }: Context): Reply {
  if (path.group) subscription.group(path.group);
  const identities = subscription.identities().filter((identity) => inGroup(path, identity.resourceGroup));
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
