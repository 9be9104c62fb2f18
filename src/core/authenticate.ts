// Who asks: takes one use of the token, and makes the engine's request.

import { hasCode, LatchkeyError } from '../base/errors.ts';
import type { Caller, Operation, Request } from '../engine/engine.ts';
import type { Found } from '../mount/router.ts';
import { isRoot, type KnownToken, loginMetadataOf } from '../token/token-entry.ts';
import type { TokenUse } from '../token/token-room.ts';
import type { Call } from './call.ts';
import type { Authenticated, Located, PipelineParts } from './steps.ts';
import { wrapTtlSecondsOf } from './wrapping.ts';

/** @throws LatchkeyError for what is wrong with the request itself; a bad token, its own or one to unwrap, is in `refusal`. */
export async function authenticate(parts: PipelineParts, located: Located): Promise<Authenticated> {
  const { call, found } = located;
  const wrapTtlSeconds = wrapTtlSecondsOf(call);
  const isOpen = found?.match?.route.access === 'open';
  const objection = await parts.wrapping.objection(call);
  const { use, refusal } =
    objection === undefined ? await presented(parts, call, isOpen) : { use: undefined, refusal: objection };
  const caller = use && callerOf(use);
  if (caller !== undefined) await parts.markUsed();
  const draft: Request = {
    id: call.id,
    operation: operationOf(call),
    path: found === undefined ? call.path : found.path.replace(/\/$/, ''),
    params: found?.match?.params ?? {},
    input: call.input,
    caller,
    ...(wrapTtlSeconds === undefined ? {} : { wrapTtlSeconds }),
    remoteAddress: call.remoteAddress,
    listener: call.listener,
    // Joined when an engine asks for it: hardly any does, and joining takes longer than the rest of this step.
    get signal() {
      return AbortSignal.any([call.signal, parts.signal]);
    },
  };
  const request = refusal === undefined ? await withExistence(draft, found) : draft;
  if (call.token !== undefined) parts.rememberToken(request, { text: call.token, use });
  return { step: 'authenticated', located, caller, use, request, refusal };
}

interface Presented {
  readonly use: TokenUse | undefined;
  readonly refusal: LatchkeyError | undefined;
}

/** Open routes know a caller if there is one, but take no use of its token, as in Vault. */
async function presented(parts: PipelineParts, call: Call, isOpen: boolean): Promise<Presented> {
  const { token, remoteAddress } = call;
  if (token === undefined) {
    const refusal = isOpen ? undefined : new LatchkeyError('forbidden', 'permission denied');
    return { use: undefined, refusal };
  }
  using _ = parts.metrics.time('token.lookup');
  if (isOpen) return { use: await parts.tokens.peek(token, remoteAddress), refusal: undefined };
  try {
    const use = await parts.tokens.use(token, remoteAddress);
    if (use !== undefined) return { use, refusal: undefined };
    return { use, refusal: new LatchkeyError('invalid_token', 'the token is unknown or has expired') };
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code !== 'forbidden') throw error;
    return { use: undefined, refusal: error };
  }
}

function callerOf({ entry }: KnownToken): Caller {
  return {
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    entityId: '',
    isRoot: isRoot(entry),
    metadata: entry.metadata,
    loginMetadata: loginMetadataOf(entry),
    cubbyhole: entry.cubbyhole,
  };
}

function operationOf(call: Call): Operation {
  return call.verb === 'write' ? 'update' : call.verb;
}

/** Policies tell `create` from `update`, so it must be known before they are asked. */
async function withExistence(request: Request, found: Found | undefined): Promise<Request> {
  const exists = found?.match?.route.exists;
  if (request.operation !== 'update' || exists === undefined) return request;
  try {
    return (await exists(request)) ? request : { ...request, operation: 'create' };
  } catch (error) {
    // What is wrong with the request is told by the handler: only to a caller who may ask.
    if (hasCode(error, 'bad_request')) return request;
    throw error;
  }
}
