// Microsoft Graph, as far as clients of Key Vault need the directory. One order of steps: token, right, route, act.

import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Entra } from '../entra/domain.ts';
import { resourceKind } from '../entra/resources.ts';
import { type Caller, TokenError } from '../entra/tokens.ts';
import { bearerToken, type Reply, type Request, ServiceError } from '../http/message.ts';
import { GRAPH_OPERATIONS, type GraphOperation } from './operations.ts';

export function graphHandler(entra: Entra, clock: Clock): (request: Request) => Promise<Reply> {
  return async (request) => {
    try {
      return await answer(entra, clock, request);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      request.trace.reason = error.code;
      const innerError = {
        date: new Date(clock.now()).toISOString().slice(0, 19),
        'request-id': randomUUID(),
      };
      const { status, headers, code, message } = error;
      return { status, headers, body: { error: { code, message, innerError } } };
    }
  };
}

async function answer(entra: Entra, clock: Clock, request: Request): Promise<Reply> {
  const caller = await authenticate(entra, request);
  if (!entra.directory.administrators.has(caller.objectId)) {
    throw new ServiceError(
      403,
      'Authorization_RequestDenied',
      'Insufficient privileges to complete the operation.',
    );
  }
  const { operation, names } = findOperation(request);
  request.trace.action = `graph ${operation.pattern}`;
  return operation.run({ request, directory: entra.directory, tenantId: entra.tenantId, clock, names });
}

async function authenticate(entra: Entra, request: Request): Promise<Caller> {
  const refuse = (message: string) => new ServiceError(401, 'InvalidAuthenticationToken', message);
  const token = bearerToken(request);
  if (token === undefined) throw refuse('Access token is empty.');
  let caller: Caller;
  try {
    caller = await entra.tokens.verify(token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw refuse(
      error.problem === 'expired'
        ? 'Lifetime validation failed, the token is expired.'
        : `CompactToken validation failed: ${error.problem}.`,
    );
  }
  request.trace.principalId = caller.objectId;
  if (resourceKind(caller.audience, entra.httpsPort) !== 'graph') {
    throw refuse('Access token validation failure. Invalid audience.');
  }
  if (caller.issuer !== entra.tokens.issuer) {
    throw refuse('Access token validation failure. Invalid issuer.');
  }
  return caller;
}

/** `applications(appId='x')` is looked up by client id: its name is handed on as `=x`. */
function findOperation(request: Request): { operation: GraphOperation; names: string[] } {
  const segments =
    request.segments[0]?.toLowerCase() === 'graph' ? request.segments.slice(1) : request.segments;
  const [version, ...rest] = segments;
  const parts = rest.flatMap((segment) => {
    const keyed = /^(\w+)\(appId='([^']*)'\)$/i.exec(segment);
    return keyed ? [keyed[1] ?? '', `=${keyed[2] ?? ''}`] : [segment];
  });
  if (version === undefined || !/^(v1\.0|beta)$/i.test(version)) {
    throw new ServiceError(400, 'BadRequest', 'Invalid version: the path must begin with v1.0.');
  }
  const matching = GRAPH_OPERATIONS.filter(({ pattern }) => matches(pattern.split('/'), parts));
  if (matching.length === 0) {
    throw new ServiceError(
      400,
      'BadRequest',
      `This emulator's Graph has nothing at ${request.path.slice(0, 200)}.`,
    );
  }
  const operation = matching.find((candidate) => candidate.method === request.method);
  if (!operation) {
    throw new ServiceError(405, 'Request_BadRequest', `${request.method} is not allowed here.`);
  }
  const names = operation.pattern
    .split('/')
    .flatMap((part, index) => (part === '*' ? [parts[index] ?? ''] : []));
  return { operation, names };
}

function matches(pattern: string[], parts: string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, index) => part === '*' || part === parts[index]?.toLowerCase())
  );
}
