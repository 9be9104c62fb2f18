// The admin port: faults, journal, settings and the identities attached to the machine. Every request carries the
// admin token in `x-admin-token`; without it nothing here can be read or changed.

import type { AksIssuer } from '../aks/issuer.ts';
import { createApplication } from '../application-shortcuts.ts';
import { putFederated, readFederated } from '../arm/federated.ts';
import { epochSeconds, type MovableClock } from '../clock.ts';
import type { Directory, ServicePrincipal } from '../entra/directory.ts';
import type { FaultBook, FaultSpec } from '../faults.ts';
import { jsonObject, queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import type { Machine } from '../imds/domain.ts';
import type { Journal } from '../journal.ts';
import { sameText } from '../same-text.ts';
import { changeSettings, type Settings } from '../settings.ts';

export interface AdminParts {
  token: string;
  faults: FaultBook;
  journal: Journal;
  settings: Settings;
  machine: Machine;
  directory: Directory;
  aks: AksIssuer;
  clock: MovableClock;
  save(): void;
}

type Act = (parts: AdminParts, request: Request, argument: string) => Reply | Promise<Reply>;

/** Method and path; `*` takes one segment. */
const ROUTES: Record<string, Act> = {
  'GET faults': ({ faults }) => ok({ faults: faults.list() }),
  'POST faults': addFault,
  'DELETE faults': ({ faults }, request) => ok({ cleared: faults.clear(queryValue(request, 'target')) }),
  'DELETE faults/*': ({ faults }, _request, id) => ok({ cleared: faults.clear(id) }),
  'GET journal': readJournal,
  'DELETE journal': ({ journal }) => {
    journal.clear();
    return { status: 204 };
  },
  'GET settings': ({ settings }) => ok(settings),
  'PATCH settings': ({ settings }, request) => {
    changeSettings(settings, readObject(request));
    return ok(settings);
  },
  'GET clock': ({ clock }) => ok({ now: new Date(clock.now()).toISOString() }),
  'POST clock': moveClock,
  'GET machine/identities': ({ machine }) => ok({ identities: machine.attached() }),
  'PUT machine/identities/*': attach,
  'DELETE machine/identities/*': detach,
  'POST applications': addApplication,
  'POST applications/*/secrets': addSecret,
  'POST applications/*/certificates': addCertificate,
  'POST applications/*/federated-credentials': addFederated,
  'POST aks-tokens': aksToken,
};

export function adminHandler(parts: AdminParts): (request: Request) => Promise<Reply> {
  return async (request) => {
    if (!sameText(request.headers['x-admin-token'] ?? '', parts.token)) {
      return refusal(401, 'The header x-admin-token is missing or wrong.');
    }
    const found = findRoute(request);
    if (!found) return refusal(404, `There is no ${request.method} ${request.path} on the admin port.`);
    try {
      const reply = await found.act(parts, request, found.argument);
      if (request.method !== 'GET') parts.save();
      return reply;
    } catch (error) {
      if (error instanceof RangeError) return refusal(400, error.message);
      if (error instanceof ServiceError) return refusal(error.status, error.message);
      throw error;
    }
  };
}

function findRoute(request: Request): { act: Act; argument: string } | undefined {
  const { method, segments } = request;
  for (const [route, act] of Object.entries(ROUTES)) {
    const [verb, path = ''] = route.split(' ');
    const parts = path.split('/');
    if (verb !== method || parts.length !== segments.length) continue;
    if (!parts.every((part, index) => part === '*' || part === segments[index])) continue;
    return { act, argument: segments[parts.indexOf('*')] ?? '' };
  }
  return undefined;
}

function addFault({ faults }: AdminParts, request: Request): Reply {
  const known = new Set([
    'target',
    'kind',
    'method',
    'principalId',
    'action',
    'percent',
    'letPass',
    'count',
    'delayMs',
    'status',
    'code',
    'innerCode',
    'message',
    'retryAfterSeconds',
  ]);
  const spec = readObject(request);
  const unknown = Object.keys(spec).filter((name) => !known.has(name));
  // A misspelt count would make a fault that never ends.
  if (unknown.length > 0) throw new RangeError(`unknown member ${unknown.join(', ')}`);
  // FaultBook checks each member's type and range.
  return { status: 201, body: faults.add(spec as unknown as FaultSpec) };
}

function moveClock({ clock }: AdminParts, request: Request): Reply {
  const seconds = readObject(request)['advanceSeconds'];
  if (typeof seconds !== 'number') throw new RangeError('advanceSeconds must be a number');
  clock.advance(seconds);
  return ok({ now: new Date(clock.now()).toISOString() });
}

function readJournal({ journal }: AdminParts, request: Request): Reply {
  const after = queryValue(request, 'after');
  if (after !== undefined && !/^\d{1,15}$/.test(after)) throw new RangeError('after must be a whole number');
  return ok({
    entries: journal.entries({
      target: queryValue(request, 'target'),
      principalId: queryValue(request, 'principal'),
      method: queryValue(request, 'method'),
      after: after === undefined ? undefined : Number(after),
    }),
  });
}

function attach(parts: AdminParts, _request: Request, id: string): Reply {
  const identity = findIdentity(parts, id);
  if (!identity) return refusal(404, `No managed identity has the client id or object id ${id}.`);
  parts.machine.attach(identity.objectId);
  return ok(identity);
}

function detach(parts: AdminParts, _request: Request, id: string): Reply {
  const identity = findIdentity(parts, id);
  if (!identity) return refusal(404, `No managed identity has the client id or object id ${id}.`);
  return ok({ detached: parts.machine.detach(identity.objectId) });
}

function findIdentity({ directory }: AdminParts, id: string) {
  const found = directory.byObjectId(id) ?? directory.byClientId(id);
  return found?.kind === 'ManagedIdentity' ? found : undefined;
}

function addApplication({ directory, clock }: AdminParts, request: Request): Reply {
  const name = readString(readObject(request), 'displayName');
  const { clientId, principalId, clientSecret } = createApplication(directory, clock, name);
  return { status: 201, body: { clientId, principalId, clientSecret } };
}

function addSecret({ directory, clock }: AdminParts, request: Request, id: string): Reply {
  const { clientId } = findApplication(directory, id);
  const lifetime = request.body.length === 0 ? undefined : readNumber(readObject(request), 'lifetimeSeconds');
  const expires = lifetime === undefined ? undefined : epochSeconds(clock) + lifetime;
  return { status: 201, body: directory.credentials.addSecret(clientId, { expires }) };
}

function addCertificate({ directory }: AdminParts, request: Request, id: string): Reply {
  const { clientId } = findApplication(directory, id);
  const added = directory.credentials.addCertificate(clientId, readString(readObject(request), 'pem'));
  return { status: 201, body: { thumbprint: added.thumbprint } };
}

function addFederated({ directory }: AdminParts, request: Request, id: string): Reply {
  const { clientId } = findApplication(directory, id);
  const credential = { name: readString(readObject(request), 'name'), ...readFederated(request.body) };
  putFederated(directory.credentials, clientId, credential);
  return { status: 201, body: credential };
}

async function aksToken({ aks }: AdminParts, request: Request): Promise<Reply> {
  const object = readObject(request);
  const token = await aks.token({
    namespace: readString(object, 'namespace'),
    serviceAccount: readString(object, 'serviceAccount'),
    audience: object['audience'] === undefined ? undefined : readString(object, 'audience'),
    lifetimeSeconds: readNumber(object, 'lifetimeSeconds'),
    issuedSecondsAgo: readNumber(object, 'issuedSecondsAgo'),
  });
  return ok({ token, issuer: aks.url });
}

function findApplication(directory: Directory, id: string): ServicePrincipal {
  const found = directory.byObjectId(id) ?? directory.byClientId(id);
  if (found?.kind === 'Application') return found;
  throw new ServiceError(404, 'NotFound', `No application has the client id or object id ${id}.`);
}

function readString(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' || value === '') throw new RangeError(`${name} must be a text`);
  return value;
}

function readNumber(object: Record<string, unknown>, name: string): number | undefined {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be whole seconds`);
  }
  return value;
}

function readObject(request: Request): Record<string, unknown> {
  const object = jsonObject(request.body);
  if (!object) throw new RangeError('the body must be a JSON object');
  return object;
}

function refusal(status: number, message: string): Reply {
  return { status, body: { error: { code: 'AdminError', message } } };
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}
