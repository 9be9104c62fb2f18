// The operations of Graph: method and path → what is done. A test walks this table.

import { putFederated } from '../arm/federated.ts';
import { type Clock, epochSeconds } from '../clock.ts';
import type { Application, Directory, ServicePrincipal } from '../entra/directory.ts';
import { queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import {
  badRequest,
  readAppId,
  readApplication,
  readFederated,
  readIds,
  readKeyId,
  readPassword,
} from './bodies.ts';
import { type Filterable, parseFilter } from './filter.ts';
import * as render from './render.ts';

export interface Context {
  request: Request;
  directory: Directory;
  tenantId: string;
  clock: Clock;
  /** The segments that the pattern's `*` took. */
  names: string[];
}

export interface GraphOperation {
  method: string;
  /** Below the version; `*` takes one segment, and `applications/*` also `applications(appId='…')`. */
  pattern: string;
  run(context: Context): Reply;
}

const FEDERATED = 'applications/*/federatedidentitycredentials';

export const GRAPH_OPERATIONS: readonly GraphOperation[] = [
  { method: 'GET', pattern: 'me', run: me },
  { method: 'GET', pattern: 'me/ownedobjects', run: me },
  { method: 'GET', pattern: 'organization', run: organization },
  { method: 'GET', pattern: 'users', run: nothing },
  { method: 'GET', pattern: 'users/*', run: absent },
  { method: 'GET', pattern: 'groups', run: nothing },
  { method: 'GET', pattern: 'groups/*', run: absent },
  { method: 'POST', pattern: 'directoryobjects/getbyids', run: getByIds },
  { method: 'GET', pattern: 'serviceprincipals', run: listPrincipals },
  { method: 'POST', pattern: 'serviceprincipals', run: createPrincipal },
  { method: 'GET', pattern: 'serviceprincipals/*', run: getPrincipal },
  { method: 'DELETE', pattern: 'serviceprincipals/*', run: deletePrincipal },
  { method: 'GET', pattern: 'serviceprincipals/*/owners', run: nothing },
  { method: 'GET', pattern: 'applications', run: listApplications },
  { method: 'POST', pattern: 'applications', run: createApplication },
  { method: 'GET', pattern: 'applications/*', run: getApplication },
  { method: 'PATCH', pattern: 'applications/*', run: updateApplication },
  { method: 'DELETE', pattern: 'applications/*', run: deleteApplication },
  { method: 'GET', pattern: 'applications/*/owners', run: nothing },
  { method: 'POST', pattern: 'applications/*/addpassword', run: addPassword },
  { method: 'POST', pattern: 'applications/*/removepassword', run: removePassword },
  { method: 'GET', pattern: FEDERATED, run: listFederated },
  { method: 'POST', pattern: FEDERATED, run: createFederated },
  { method: 'GET', pattern: `${FEDERATED}/*`, run: getFederated },
  { method: 'PATCH', pattern: `${FEDERATED}/*`, run: updateFederated },
  { method: 'DELETE', pattern: `${FEDERATED}/*`, run: deleteFederated },
];

/** Nobody signs in here but applications and identities, and they have no "me". */
function me(): Reply {
  throw badRequest('/me request is only valid with delegated authentication flow.');
}

function organization({ tenantId }: Context): Reply {
  return list([{ id: tenantId, displayName: 'Local Azure', verifiedDomains: [] }]);
}

function nothing(): Reply {
  return list([]);
}

function absent({ names }: Context): Reply {
  throw notFound(names[0]);
}

function getByIds({ request, directory, tenantId }: Context): Reply {
  const found = readIds(request.body).flatMap((id) => {
    const principal = directory.byObjectId(id);
    if (principal) return [typed('servicePrincipal', render.renderPrincipal(principal, tenantId))];
    const application = directory.application(id);
    return application
      ? [typed('application', render.renderApplication(application, directory.credentials))]
      : [];
  });
  return list(found);
}

// Service principals

function listPrincipals({ request, directory, tenantId }: Context): Reply {
  const names = ['displayName', 'appId', 'id', 'servicePrincipalNames', 'servicePrincipalType'];
  const matches = parseFilter(queryValue(request, '$filter'), names);
  const item = (principal: ServicePrincipal): Filterable => ({
    displayName: principal.displayName,
    appId: principal.clientId,
    id: principal.objectId,
    servicePrincipalNames: render.principalNames(principal),
    servicePrincipalType: principal.kind,
  });
  const found = directory.principals().filter((principal) => matches(item(principal)));
  return list(found.map((principal) => render.renderPrincipal(principal, tenantId)));
}

function createPrincipal({ request, directory, tenantId }: Context): Reply {
  const appId = readAppId(request.body);
  const application = directory.applicationOf(appId);
  if (!application) {
    throw badRequest(
      `The appId '${appId}' of the service principal does not reference a valid application object.`,
    );
  }
  if (directory.byClientId(application.clientId)) {
    throw new ServiceError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `The service principal cannot be created, updated, or restored because the service principal name ${application.clientId} is already in use.`,
    );
  }
  return created(render.renderPrincipal(directory.instantiate(application), tenantId));
}

function getPrincipal(context: Context): Reply {
  return ok(render.renderPrincipal(principalOf(context), context.tenantId));
}

function deletePrincipal(context: Context): Reply {
  const principal = principalOf(context);
  if (principal.kind === 'ManagedIdentity') {
    throw badRequest('A managed identity goes with its Azure resource and cannot be deleted here.');
  }
  context.directory.removePrincipal(principal.objectId);
  return { status: 204 };
}

function principalOf({ directory, names }: Context): ServicePrincipal {
  const [name = ''] = names;
  const found = name.startsWith('=') ? directory.byClientId(name.slice(1)) : directory.byObjectId(name);
  if (!found) throw notFound(name);
  return found;
}

// Applications

function listApplications({ request, directory }: Context): Reply {
  const names = ['displayName', 'appId', 'id', 'identifierUris'];
  const matches = parseFilter(queryValue(request, '$filter'), names);
  const item = (application: Application): Filterable => ({
    displayName: application.displayName,
    appId: application.clientId,
    id: application.objectId,
    identifierUris: application.identifierUris,
  });
  const found = directory.applications().filter((application) => matches(item(application)));
  return list(found.map((application) => render.renderApplication(application, directory.credentials)));
}

function createApplication({ request, directory }: Context): Reply {
  const { displayName, identifierUris, certificates = [] } = readApplication(request.body);
  if (displayName === undefined) {
    throw badRequest("A value is required for property 'displayName' of resource 'Application'.");
  }
  const application = directory.register(displayName, identifierUris);
  try {
    for (const der of certificates) addCertificate(directory, application, der);
  } catch (error) {
    directory.removeApplication(application);
    throw error;
  }
  return created(render.renderApplication(application, directory.credentials));
}

function getApplication(context: Context): Reply {
  return ok(render.renderApplication(applicationOf(context), context.directory.credentials));
}

/** A list of certificates replaces the one before. */
function updateApplication(context: Context): Reply {
  const { directory, request } = context;
  const application = applicationOf(context);
  const { displayName, identifierUris, certificates } = readApplication(request.body);
  if (certificates) {
    const before = directory.credentials.certificates(application.clientId).map((known) => known.thumbprint);
    const kept = certificates.map((der) => addCertificate(directory, application, der));
    for (const thumbprint of before) {
      if (!kept.includes(thumbprint))
        directory.credentials.removeCertificate(application.clientId, thumbprint);
    }
  }
  application.displayName = displayName ?? application.displayName;
  application.identifierUris = identifierUris ?? application.identifierUris;
  return { status: 204 };
}

function deleteApplication(context: Context): Reply {
  context.directory.removeApplication(applicationOf(context));
  return { status: 204 };
}

function addCertificate({ credentials }: Directory, { clientId }: Application, der: Buffer): string {
  try {
    return credentials.addCertificate(clientId, der).thumbprint;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badRequest(`Key credential has an invalid value: ${error.message}.`);
  }
}

/** Two years unless it says so, as with the real one. */
function addPassword(context: Context): Reply {
  const { directory, clock, request } = context;
  const { clientId } = applicationOf(context);
  const { displayName, starts, ends } = readPassword(request.body);
  const created = starts ?? epochSeconds(clock);
  const expires = ends ?? created + 2 * 365 * 86_400;
  if (expires <= created) throw badRequest("'endDateTime' must be later than 'startDateTime'.");
  const { id, secret } = directory.credentials.addSecret(clientId, { displayName, created, expires });
  const note = directory.credentials.secrets(clientId).find((other) => other.id === id);
  if (!note) throw new Error('a secret that was just made is not there');
  return ok({ ...render.renderSecret(note), secretText: secret });
}

function removePassword(context: Context): Reply {
  const { clientId } = applicationOf(context);
  if (!context.directory.credentials.removeSecret(clientId, readKeyId(context.request.body))) {
    throw badRequest('No password credential found with keyId.');
  }
  return { status: 204 };
}

function applicationOf({ directory, names }: Context): Application {
  const [name = ''] = names;
  const found = name.startsWith('=') ? directory.applicationOf(name.slice(1)) : directory.application(name);
  if (!found) throw notFound(name);
  return found;
}

// Federated credentials of applications

function listFederated(context: Context): Reply {
  const { clientId } = applicationOf(context);
  return list(context.directory.credentials.federated(clientId).map(render.renderFederated));
}

function createFederated(context: Context): Reply {
  const { credentials } = context.directory;
  const { clientId } = applicationOf(context);
  const credential = readFederated(context.request.body);
  if (credentials.federated(clientId).some((other) => other.name === credential.name)) {
    throw new ServiceError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `FederatedIdentityCredential with name ${credential.name} already exists.`,
    );
  }
  putFederated(credentials, clientId, credential);
  return created(render.renderFederated(credential));
}

function getFederated(context: Context): Reply {
  return ok(render.renderFederated(federatedOf(context)));
}

function updateFederated(context: Context): Reply {
  const known = federatedOf(context);
  const { clientId } = applicationOf(context);
  const change = { ...readFederated(context.request.body, known), name: known.name };
  putFederated(context.directory.credentials, clientId, change);
  return { status: 204 };
}

function deleteFederated(context: Context): Reply {
  const { clientId } = applicationOf(context);
  context.directory.credentials.removeFederated(clientId, federatedOf(context).name);
  return { status: 204 };
}

function federatedOf(context: Context) {
  const { clientId } = applicationOf(context);
  const wanted = context.names[1]?.toLowerCase();
  const found = context.directory.credentials
    .federated(clientId)
    .find((credential) => credential.name.toLowerCase() === wanted);
  if (!found) throw notFound(wanted);
  return found;
}

function typed(type: string, object: object) {
  return { '@odata.type': `#microsoft.graph.${type}`, ...object };
}

function list(value: object[]): Reply {
  return ok({ value });
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function created(body: unknown): Reply {
  return { status: 201, body };
}

function notFound(name: string | undefined): ServiceError {
  const id = (name ?? '').replace(/^=/, '').slice(0, 100);
  return new ServiceError(
    404,
    'Request_ResourceNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );
}
