// The first gate of ARM: which bearer tokens are believed.

import type { Entra } from '../entra/domain.ts';
import { resourceKind } from '../entra/resources.ts';
import { type Caller, TokenError } from '../entra/tokens.ts';
import { bearerToken, type Request, ServiceError } from '../http/message.ts';

/** Returns the caller; throws 401. */
export async function authenticate(request: Request, entra: Entra): Promise<Caller> {
  const refuse = (code: string, message: string) =>
    new ServiceError(401, code, message, {
      headers: {
        'www-authenticate': `Bearer authorization_uri="https://${request.authority}/${entra.tenantId}", error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
      },
    });
  const token = bearerToken(request);
  if (token === undefined) {
    throw refuse(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing or invalid.",
    );
  }
  let caller: Caller;
  try {
    caller = await entra.tokens.verify(token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    if (error.problem === 'expired') {
      throw refuse(
        'ExpiredAuthenticationToken',
        'The access token expiry UTC time is earlier than current UTC time.',
      );
    }
    throw refuse('InvalidAuthenticationToken', 'The access token is invalid.');
  }
  request.trace.principalId = caller.objectId;
  if (resourceKind(caller.audience, entra.httpsPort) !== 'arm') {
    throw refuse(
      'InvalidAuthenticationTokenAudience',
      `The access token has been obtained for wrong audience or resource '${safe(caller.audience)}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.azure.com/'.`,
    );
  }
  if (caller.issuer !== entra.tokens.issuer) {
    throw refuse(
      'InvalidAuthenticationTokenTenant',
      `The access token is from the wrong issuer '${safe(caller.issuer)}'. It must match the tenant '${entra.tokens.issuer}' associated with this subscription.`,
    );
  }
  return caller;
}

/** The text goes into a header as well. */
function safe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
