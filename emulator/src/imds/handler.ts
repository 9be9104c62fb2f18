// The token endpoint of the Instance Metadata Service. Plain HTTP, as the real one on 169.254.169.254.

import type { Entra } from '../entra/domain.ts';
import { AadstsError } from '../entra/errors.ts';
import { queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import type { Settings } from '../settings.ts';
import type { Machine } from './domain.ts';

export function imdsHandler(
  machine: Machine,
  entra: Entra,
  settings: Pick<Settings, 'imds'>,
): (request: Request) => Promise<Reply> {
  return async (request) => {
    if (settings.imds === 'updating')
      return refusal(410, 'service_updating', 'IMDS is being updated, retry later');
    try {
      return await route(machine, entra, request);
    } catch (error) {
      if (error instanceof ServiceError) {
        request.trace.reason = error.message;
        return refusal(error.status, error.code, error.message);
      }
      if (!(error instanceof AadstsError)) throw error;
      request.trace.reason = `AADSTS${error.number}`;
      return refusal(400, error.error, `AADSTS${error.number}: ${error.message}`);
    }
  };
}

async function route(machine: Machine, entra: Entra, request: Request): Promise<Reply> {
  // Checked before the path, so that a probe without the header gets 400 wherever it knocks.
  if (request.headers['metadata']?.toLowerCase() !== 'true') {
    throw new ServiceError(400, 'invalid_request', 'Required metadata header not specified');
  }
  // A forwarded request is one that a server was tricked into: the real service refuses it.
  if (request.headers['x-forwarded-for'] !== undefined) {
    throw new ServiceError(400, 'invalid_request', 'Request with an X-Forwarded-For header is refused');
  }
  if (request.segments.join('/').toLowerCase() !== 'metadata/identity/oauth2/token') {
    return refusal(404, 'not_found', 'The requested resource was not found');
  }
  if (request.method !== 'GET') return refusal(405, 'method_not_allowed', 'Only GET is supported');
  if (!/^\d{4}-\d{2}-\d{2}$/.test(queryValue(request, 'api-version') ?? '')) {
    throw new ServiceError(
      400,
      'invalid_request',
      "Required query variable 'api-version' is missing or invalid",
    );
  }
  const resource = queryValue(request, 'resource');
  if (!resource)
    throw new ServiceError(400, 'invalid_request', "Required query variable 'resource' is missing");
  const identity = machine.select({
    clientId: queryValue(request, 'client_id'),
    objectId: queryValue(request, 'object_id'),
    resourceId: queryValue(request, 'msi_res_id') ?? queryValue(request, 'mi_res_id'),
  });
  request.trace.principalId = identity.objectId;
  const issued = await entra.identityToken(identity, resource);
  return {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    // All strings, numbers too: that is how the real service answers.
    body: {
      access_token: issued.token,
      client_id: identity.clientId,
      expires_in: String(issued.expiresIn),
      expires_on: String(issued.expiresOn),
      ext_expires_in: String(issued.expiresIn),
      not_before: String(issued.notBefore),
      resource,
      token_type: 'Bearer',
    },
  };
}

function refusal(status: number, error: string, description: string): Reply {
  return { status, body: { error, error_description: description } };
}
