// ARM over HTTP: one line per operation with the right it needs, one order of steps: token, path, right, input, act.

import { randomUUID } from 'node:crypto';
import type { Entra } from '../entra/domain.ts';
import type { Caller } from '../entra/tokens.ts';
import { queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import { authenticate } from './authenticate.ts';
import { type Subscription, subscriptionNotFound } from './domain.ts';
import { cloudMetadata, isMetadataRequest } from './metadata.ts';
import type { ArmOperation } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { type ArmPath, parseArmPath } from './path.ts';

export function armHandler(subscription: Subscription, entra: Entra): (request: Request) => Promise<Reply> {
  return async (request) => {
    if (isMetadataRequest(request)) return cloudMetadata(request, entra.tenantId, entra.httpsPort);
    const headers = { 'cache-control': 'no-cache', 'x-ms-request-id': randomUUID() };
    try {
      const reply = await answer(subscription, entra, request);
      return { ...reply, headers: { ...headers, ...reply.headers } };
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      request.trace.reason = error.code;
      return {
        status: error.status,
        headers: { ...headers, 'x-ms-failure-cause': 'gateway', ...error.headers },
        // HEAD has no body to send (RFC 9110 9.3.2).
        body: request.method === 'HEAD' ? undefined : { error: { code: error.code, message: error.message } },
      };
    }
  };
}

/** The row of the table for this request; undefined: there is none. */
export function operationFor({ method, segments }: Request): ArmOperation | undefined {
  const path = parseArmPath(segments);
  return path && OPERATIONS.find((row) => row.kind === path.kind && row.method === method);
}

async function answer(subscription: Subscription, entra: Entra, request: Request): Promise<Reply> {
  const caller = await authenticate(request, entra);
  const apiVersion = queryValue(request, 'api-version');
  if (apiVersion === undefined || !/^\d{4}-\d{2}-\d{2}(-[\w]+)?$/.test(apiVersion)) {
    throw new ServiceError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  const path = parseArmPath(request.segments);
  if (!path) {
    throw new ServiceError(404, 'InvalidResourceType', `This emulator has nothing at ${request.path}.`);
  }
  if (path.subscriptionId !== undefined && path.subscriptionId !== subscription.subscriptionId) {
    throw subscriptionNotFound(path.subscriptionId);
  }
  const operation = operationFor(request);
  if (!operation) {
    throw new ServiceError(405, 'MethodNotAllowed', `${request.method} is not supported on this resource.`);
  }
  request.trace.action = operation.action;
  if (operation.action) authorize(subscription, caller, operation.action, path);
  return operation.run({
    subscription,
    request,
    path,
    caller,
    apiVersion,
    tenantId: entra.tenantId,
    httpsPort: entra.httpsPort,
  });
}

function authorize(subscription: Subscription, caller: Caller, action: string, { scope }: ArmPath): void {
  const question = { principalId: caller.objectId, action, plane: 'management', resource: scope } as const;
  if (subscription.roles.grants(question).length > 0) return;
  throw new ServiceError(
    403,
    'AuthorizationFailed',
    `The client '${caller.clientId}' with object id '${caller.objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}
