// The first gate of the data plane: the 401 challenge, and which tokens are believed.

import { resourceKind } from '../entra/resources.ts';
import { type Caller, TokenError } from '../entra/tokens.ts';
import { addressesFor } from '../hosts.ts';
import { bearerToken, type Request, ServiceError } from '../http/message.ts';
import type { KeyVaultParts } from './routes.ts';
import type { Vault } from './vault.ts';

/** Returns the caller; throws the 401 with its challenge. */
export async function authenticate(
  request: Request,
  vault: Vault,
  { entra, settings }: Pick<KeyVaultParts, 'entra' | 'settings'>,
): Promise<Caller> {
  const { tokens, httpsPort } = entra;
  const token = bearerToken(request);
  const { authority, vaultSuffix } = addressesFor(request, httpsPort);
  const resource = `https://${vaultSuffix}`;
  const tenant = settings.challengeAuthority === 'adfs' ? 'adfs' : vault.tenantId;
  const refuse = (message: string, problem?: string) => {
    const challenge = challengeHeader(`${authority}/${tenant}`, resource, problem);
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
    throw refuse(`AKV10022: Invalid audience. Expected ${resource}, found: ${caller.audience}.`);
  }
  const expected = `https://sts.windows.net/${vault.tenantId}/`;
  if (caller.issuer !== expected) {
    throw refuse(`AKV10032: Invalid issuer. Expected one of ${expected}, found ${caller.issuer}.`);
  }
  return caller;
}

/** Go compares the resource's host with the request's, port included; its parser wants single spaces. */
function challengeHeader(authority: string, resource: string, problem: string | undefined): string {
  const error = problem ? `, error="${problem}"` : '';
  return `Bearer authorization="${authority}", resource="${resource}"${error}`;
}
