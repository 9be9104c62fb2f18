// A login by a role whose id was known: secret id, addresses, and what comes of it.

import { LatchkeyError } from '../../base/errors.ts';
import { isFrom } from '../../engine/bound-cidrs.ts';
import type { LoginGrant } from '../../engine/engine.ts';
import { tokenGrantOf } from '../../engine/token-parameters.ts';
import { assertWithin } from './role-input.ts';
import type { Role } from './roles.ts';
import type { SecretId, SecretIds } from './secret-ids.ts';

interface Given {
  readonly secretId: string;
  /** Address of the client. */
  readonly from: string;
}

/**
 * Addresses are checked before a use is taken, so that nobody uses a secret id up from where it is not good.
 * @throws LatchkeyError bad_request, in Vault's words.
 */
export async function logInByRole(
  name: string,
  role: Role,
  secretIds: SecretIds,
  { secretId, from }: Given,
): Promise<LoginGrant> {
  if (!isFrom(role.secretIdBoundCidrs, from)) {
    throw refusal(`source address "${from}" unauthorized by CIDR restrictions on the role`);
  }
  if (!role.bindSecretId) return grantOf(name, role, undefined, from);
  if (secretId === '') throw refusal('missing secret_id');
  const secret = await secretIds.use(role, secretId, (found) => {
    assertWithin(found.cidrs, role.secretIdBoundCidrs);
    if (isFrom(found.cidrs, from)) return;
    throw refusal(`source address "${from}" unauthorized through CIDR restrictions on the secret ID`);
  });
  if (secret === undefined) throw refusal('invalid role or secret ID');
  return grantOf(name, role, secret, from);
}

function grantOf(name: string, role: Role, secret: SecretId | undefined, from: string): LoginGrant {
  const grant = tokenGrantOf(role.token, from);
  const ownCidrs = secret?.tokenCidrs ?? [];
  return {
    ...grant,
    // An address that the token is bound to strictly is narrower than any block.
    boundCidrs: ownCidrs.length > 0 && !role.token.strictlyBindIp ? ownCidrs : (grant.boundCidrs ?? []),
    // Vault's name of such a token has nothing behind the mount's.
    displayName: '',
    // The role's name last: who makes a secret id must not choose it.
    metadata: { ...secret?.metadata, role_name: name },
    renewData: { role: name, generation: role.generation },
  };
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
