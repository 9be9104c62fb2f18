// The token endpoints of managed identities: the Instance Metadata Service, plain HTTP as the real one on
// 169.254.169.254, and beside it the form of App Service.

import type { Entra } from '../entra/domain.ts';
import { AadstsError } from '../entra/errors.ts';
import type { IssuedToken } from '../entra/tokens.ts';
import { queryValue, type Reply, type Request, ServiceError } from '../http/message.ts';
import { sameText } from '../same-text.ts';
import type { Settings } from '../settings.ts';
import type { Machine } from './domain.ts';

/** Below the metadata service's own address: IDENTITY_ENDPOINT. */
export const APP_SERVICE_PATH = 'msi/token';

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
  if (request.segments.join('/').toLowerCase() === APP_SERVICE_PATH)
    return appService(machine, entra, request);
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
  const issued = await issue(machine, entra, request);
  return tokenReply(issued, {
    expires_in: String(issued.expiresIn),
    ext_expires_in: String(issued.expiresIn),
    not_before: String(issued.notBefore),
  });
}

/** The form of App Service, 2019-08-01: a secret header in place of the machine's network. */
async function appService(machine: Machine, entra: Entra, request: Request): Promise<Reply> {
  if (request.method !== 'GET') return refusal(405, 'method_not_allowed', 'Only GET is supported');
  if (!sameText(request.headers['x-identity-header'] ?? '', machine.identityHeader)) {
    return refusal(401, 'unauthorized', 'The header X-IDENTITY-HEADER is missing or wrong');
  }
  return tokenReply(await issue(machine, entra, request));
}

interface IdentityToken extends IssuedToken {
  resource: string;
  clientId: string;
}

async function issue(machine: Machine, entra: Entra, request: Request): Promise<IdentityToken> {
  const resource = queryValue(request, 'resource');
  if (!resource) {
    throw new ServiceError(400, 'invalid_request', "Required query variable 'resource' is missing");
  }
  const identity = machine.select({
    clientId: queryValue(request, 'client_id'),
    objectId: queryValue(request, 'object_id') ?? queryValue(request, 'principal_id'),
    resourceId: queryValue(request, 'msi_res_id') ?? queryValue(request, 'mi_res_id'),
  });
  request.trace.principalId = identity.objectId;
  return { resource, clientId: identity.clientId, ...(await entra.identityToken(identity, resource)) };
}

/** All strings, numbers too: that is how the real services answer. */
function tokenReply(
  { token, clientId, expiresOn, resource }: IdentityToken,
  more: Record<string, string> = {},
): Reply {
  const body = {
    access_token: token,
    client_id: clientId,
    expires_on: String(expiresOn),
    resource,
    token_type: 'Bearer',
    ...more,
  };
  return { status: 200, headers: { 'cache-control': 'no-store' }, body };
}

function refusal(status: number, error: string, description: string): Reply {
  return { status, body: { error, error_description: description } };
}
