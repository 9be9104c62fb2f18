// What an answer hands out is bound to something that ends: a login to a token, a secret to a lease. Then, if it was
// asked for, the answer goes into a wrapping token.

import { LatchkeyError } from '../base/errors.ts';
import type { LeaseGrant, LoginGrant, Response } from '../engine/engine.ts';
import { authAnswerOf, planLogin } from '../token/login-token.ts';
import type { Bound, Handled, PipelineParts, Wrapped } from './steps.ts';

/** @throws LatchkeyError; what the engine had made is taken back then. */
export async function bind(parts: PipelineParts, handled: Handled): Promise<Bound> {
  const { login, lease, ...response } = handled.response;
  if (login !== undefined) {
    return { step: 'bound', handled, response: await bindLogin(parts, handled, login, response) };
  }
  if (lease === undefined) return { step: 'bound', handled, response };
  return { step: 'bound', handled, response: await bindLease(parts, handled, lease, response) };
}

async function bindLogin(
  parts: PipelineParts,
  handled: Handled,
  login: LoginGrant,
  response: Response,
): Promise<Response> {
  const { call, found } = handled.recorded.decided.authenticated.located;
  const mountPath = found?.mounted.entry.path ?? '';
  // Vault's form: `userpass-ann` for ann at auth/userpass/.
  const mountName = mountPath
    .replace(/^auth\//, '')
    .replace(/\/$/, '')
    .replaceAll('/', '-');
  const displayName = login.displayName === '' ? mountName : `${mountName}-${login.displayName}`;
  const now = parts.clock.now();
  const tokenType = tokenTypeOf(login.tokenType, found?.mounted.entry.tokenType);
  const grant = { ...login, displayName, tokenType };
  const { order, warnings } = planLogin(grant, call.path, parts.limits(call.path), now);
  const { token, entry } = await parts.tokens.issue(order);
  const all = [...(response.warnings ?? []), ...warnings];
  return { ...response, auth: authAnswerOf(token, entry, entry.createdAt), warnings: all };
}

/** The mount's `service` and `batch` leave no choice; its `default-…` say what a login is that leaves it open. */
function tokenTypeOf(
  wanted: LoginGrant['tokenType'],
  mount: LoginGrant['tokenType'] | '',
): 'service' | 'batch' {
  if (mount === 'service' || mount === 'batch') return mount;
  if (mount === 'default-batch') return wanted?.endsWith('service') ? 'service' : 'batch';
  return wanted?.endsWith('batch') ? 'batch' : 'service';
}

async function bindLease(
  parts: PipelineParts,
  handled: Handled,
  lease: LeaseGrant,
  response: Response,
): Promise<Response> {
  const { tokens, leases } = parts;
  const { located, use } = handled.recorded.decided.authenticated;
  const { path } = located.call;
  try {
    if (use === undefined) throw new LatchkeyError('internal', 'a secret was made for nobody');
    if (use.isLast) {
      throw new LatchkeyError(
        'bad_request',
        'Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.',
      );
    }
    const isBatch = use.entry.type === 'batch';
    const owner = isBatch ? use.entry.parent : use.id;
    const until = isBatch ? use.entry.expiresAt : 0;
    using _ = parts.metrics.time('expire.register');
    const bound = await tokens.whileAlive(use, () => leases.bind(path, owner, lease, until));
    return { ...response, bound, warnings: [...(response.warnings ?? []), ...bound.warnings] };
  } catch (error) {
    await located.found?.mounted.engine.revoke?.(lease.internal);
    throw error;
  }
}

/** Empty answers have nothing to hide, and those for people and probes are no secrets. */
export async function wrap(parts: PipelineParts, bound: Bound): Promise<Wrapped> {
  const { request, located } = bound.handled.recorded.decided.authenticated;
  const { response } = bound;
  const ttl = request.wrapTtlSeconds;
  const isEmpty = response.data === undefined && response.auth === undefined && response.bound === undefined;
  const isWrapped = response.wrapped !== undefined;
  if (ttl === undefined || isEmpty || isWrapped || response.dress === 'raw') {
    return { step: 'wrapped', bound, response };
  }
  try {
    const path = located.call.path.replace(/\/$/, '');
    return { step: 'wrapped', bound, response: await parts.wrapping.wrap(response, path, ttl) };
  } catch (error) {
    // Nobody will ever hold what was just made.
    if (response.auth !== undefined) await parts.tokens.revoke(response.auth.client_token);
    if (response.bound !== undefined) await parts.leases.revoke(response.bound.leaseId, false);
    throw error;
  }
}
