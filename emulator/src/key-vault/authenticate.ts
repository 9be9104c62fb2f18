// The first gate of the data plane: the 401 challenge, and which tokens are believed.

import { resourceKind } from '../entra/resources.ts';
import { type Caller, TokenError, type TokenIssuer } from '../entra/tokens.ts';
import { bearerToken, type Request, ServiceError } from '../http/message.ts';
import type { Vault } from './vault.ts';

/** Returns the caller; throws the 401 with its challenge. */
export async function authenticate(
  request: Request,
  vault: Vault,
  tokens: TokenIssuer,
  httpsPort: number,
): Promise<Caller> {
  const token = bearerToken(request);
  const refuse = (message: string, problem?: string) => {
    const challenge = challengeHeader(vault, httpsPort, problem);
    return new ServiceError(401, 'Unauthorized', message, { headers: { 'www-authenticate': challenge } });
  };
  if (token === undefined) throw refuse('AKV10000: Request is missing a Bearer or PoP token.');
  let caller: Caller;
  try {
    caller = await tokens.verify(token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    if (error.problem === 'expired')
      throw refuse('[TokenExpired] Error validating token: the token has expired.', 'invalid_token');
    throw refuse(`[BearerReadAccessTokenFailed] Error validating token: ${error.problem}.`, 'invalid_token');
  }
  request.trace.principalId = caller.objectId;
  if (resourceKind(caller.audience, httpsPort) !== 'key-vault') {
    throw refuse(`AKV10022: Invalid audience. Expected ${audience(httpsPort)}, found: ${caller.audience}.`);
  }
  const expected = `https://sts.windows.net/${vault.tenantId}/`;
  if (caller.issuer !== expected) {
    throw refuse(`AKV10032: Invalid issuer. Expected one of ${expected}, found ${caller.issuer}.`);
  }
  return caller;
}

/** Go compares the resource's host with the request's, port included; its parser wants single spaces. */
function challengeHeader(vault: Vault, httpsPort: number, problem: string | undefined): string {
  const error = problem ? `, error="${problem}"` : '';
  return `Bearer authorization="https://localhost:${httpsPort}/${vault.tenantId}", resource="${audience(httpsPort)}"${error}`;
}

function audience(httpsPort: number): string {
  return `https://vault.localhost:${httpsPort}`;
}
