// Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials.

import type { Reply } from '../http/message.ts';
import { IDENTITY_TYPE, type Identity, resourceNotFound } from './domain.ts';
import { putFederated, readFederated } from './federated.ts';
import { type ArmOperation, type Context, nameOf, ok } from './operation.ts';
import { renderFederated } from './render.ts';

const TYPE = `${IDENTITY_TYPE}/federatedIdentityCredentials`;

export const FEDERATED_OPERATIONS: readonly ArmOperation[] = [
  { kind: 'federatedCredentials', method: 'GET', action: `${TYPE}/read`, run: list },
  { kind: 'federatedCredential', method: 'PUT', action: `${TYPE}/write`, run: put },
  { kind: 'federatedCredential', method: 'GET', action: `${TYPE}/read`, run: get },
  { kind: 'federatedCredential', method: 'DELETE', action: `${TYPE}/delete`, run: remove },
];

function list(context: Context): Reply {
  const identity = identityOf(context);
  const credentials = context.subscription.directory.credentials.federated(identity.clientId);
  return ok({ value: credentials.map((credential) => renderFederated(identity, credential)) });
}

function put(context: Context): Reply {
  const identity = identityOf(context);
  const { credentials } = context.subscription.directory;
  const credential = { name: nameOf(context.path.credential), ...readFederated(context.request.body) };
  const created = putFederated(credentials, identity.clientId, credential);
  return { status: created ? 201 : 200, body: renderFederated(identity, credential) };
}

function get(context: Context): Reply {
  const identity = identityOf(context);
  const name = nameOf(context.path.credential);
  const found = context.subscription.directory.credentials
    .federated(identity.clientId)
    .find((credential) => credential.name.toLowerCase() === name.toLowerCase());
  if (!found) throw resourceNotFound(TYPE, `${identity.name}/${name}`, identity.resourceGroup);
  return ok(renderFederated(identity, found));
}

function remove(context: Context): Reply {
  const identity = identityOf(context);
  const { credentials } = context.subscription.directory;
  const removed = credentials.removeFederated(identity.clientId, nameOf(context.path.credential));
  return { status: removed ? 200 : 204 };
}

function identityOf({ subscription, path }: Context): Identity {
  const group = subscription.group(nameOf(path.group));
  const identity = subscription.identity(group.name, nameOf(path.name));
  if (!identity) throw resourceNotFound(IDENTITY_TYPE, nameOf(path.name), group.name);
  return identity;
}
