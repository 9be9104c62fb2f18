// What a login gets: from an auth method's grant to a token, and from a token to the `auth` of an answer.

import { LatchkeyError } from '../base/errors.ts';
import { parseCidrs } from '../engine/bound-cidrs.ts';
import type { AuthAnswer, LoginGrant } from '../engine/engine.ts';
import { lifetimeOf, type TtlLimits } from '../engine/lifetime.ts';
import { assertAssignable, normalizePolicies } from './policy-names.ts';
import { secondsLeft, type TokenEntry } from './token-entry.ts';
import type { TokenOrder } from './token-room.ts';

export interface PlannedLogin {
  readonly order: TokenOrder;
  readonly warnings: readonly string[];
}

/**
 * @param path of the login, e.g. `auth/userpass/login/ann`; @param limits of its mount; @param now milliseconds.
 * @throws LatchkeyError bad_request if the method grants what no login may give.
 */
export function planLogin(grant: LoginGrant, path: string, limits: TtlLimits, now: number): PlannedLogin {
  const policies = normalizePolicies(grant.policies, grant.noDefaultPolicy !== true);
  if (policies.includes('root'))
    throw new LatchkeyError('bad_request', 'auth methods cannot create root tokens');
  assertAssignable(policies);
  const isBatch = grant.tokenType === 'batch' || grant.tokenType === 'default-batch';
  const times = {
    maxTtlSeconds: grant.maxTtlSeconds ?? 0,
    explicitMaxTtlSeconds: isBatch ? 0 : (grant.explicitMaxTtlSeconds ?? 0),
    periodSeconds: isBatch ? 0 : (grant.periodSeconds ?? 0),
  };
  const wish = { ...times, ttlSeconds: grant.ttlSeconds ?? 0, startedAt: now };
  const { ttlSeconds, warnings } = lifetimeOf(wish, limits, now);
  const order: TokenOrder = {
    type: isBatch ? 'batch' : 'service',
    policies,
    displayName: grant.displayName,
    path,
    ...times,
    ttlSeconds,
    renewable: !isBatch && grant.renewable !== false,
    numUses: isBatch ? 0 : (grant.numUses ?? 0),
    parent: '',
    metadata: grant.metadata,
    boundCidrs: parseCidrs(grant.boundCidrs ?? []),
    role: '',
    ...(isBatch ? {} : { renewData: grant.renewData ?? {} }),
  };
  return { order, warnings };
}

/** `token` is empty in answers about somebody else's token. */
export function authAnswerOf(token: string, entry: TokenEntry, now: number): AuthAnswer {
  return {
    client_token: token,
    accessor: entry.accessor,
    policies: entry.policies,
    token_policies: entry.policies,
    metadata: Object.keys(entry.metadata).length === 0 ? null : entry.metadata,
    lease_duration: secondsLeft(entry, now),
    renewable: entry.renewable,
    entity_id: '',
    token_type: entry.type,
    orphan: entry.parent === '',
    num_uses: Math.max(0, entry.numUses),
  };
}
