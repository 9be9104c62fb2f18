// The life of a request on the active node: one straight line of steps. Each step takes what the one before it gives,
// so that the compiler refuses to decide before it has authenticated, or to handle what was not written down.

import type { AuditBroker } from '../audit/broker.ts';
import type { AuditedRequest, AuditedResponse } from '../audit/entry.ts';
import type { Clock } from '../base/clock.ts';
import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Caller, Operation, Request, Response } from '../engine/engine.ts';
import type { Found, Router } from '../mount/router.ts';
import type { Decider } from '../policy/decide.ts';
import { loginMetadataOf, type TokenEntry } from '../token/token-store.ts';
import type { Answer, Call } from './call.ts';

export interface PipelineParts {
  readonly router: Router;
  readonly audit: AuditBroker;
  readonly decider: Decider;
  readonly clock: Clock;
  lookup(token: string): Promise<TokenEntry | undefined>;
  /** Remembers that a token was used; before the first answer that depended on one. */
  markUsed(): Promise<void>;
  /** Remembers which token came with a request, for the engine of auth/token. */
  rememberToken(request: Request, token: string): void;
  /** False once this node cannot prove any more that it leads. */
  holds(): boolean;
  /** Aborts when the tenure ends. */
  readonly signal: AbortSignal;
}

interface Located {
  readonly step: 'located';
  readonly call: Call;
  readonly found: Found | undefined;
}

interface Authenticated {
  readonly step: 'authenticated';
  readonly located: Located;
  readonly caller: Caller | undefined;
  readonly request: Request;
}

interface Decided {
  readonly step: 'decided';
  readonly authenticated: Authenticated;
}

interface Recorded {
  readonly step: 'recorded';
  readonly decided: Decided;
}

interface Handled {
  readonly step: 'handled';
  readonly recorded: Recorded;
  readonly response: Response;
}

/**
 * Answers one call.
 * @throws LatchkeyError for every refusal; `fenced` if the node lost the lead meanwhile, and then the value it had
 *   read may be old and must not be given.
 */
export async function runPipeline(parts: PipelineParts, call: Call): Promise<Answer> {
  const located = locate(parts, call);
  const authenticated = await authenticate(parts, located);
  const decided = await decide(parts, authenticated);
  const recorded = await recordRequest(parts, decided);
  const handled = await handle(parts, recorded);
  return finish(parts, handled);
}

function locate(parts: PipelineParts, call: Call): Located {
  return { step: 'located', call, found: parts.router.find(call.path) };
}

async function authenticate(parts: PipelineParts, located: Located): Promise<Authenticated> {
  const { call, found } = located;
  const caller = call.token === undefined ? undefined : await callerOf(parts, call.token);
  const signal = AbortSignal.any([call.signal, parts.signal]);
  const draft: Request = {
    id: call.id,
    operation: operationOf(call),
    path: found === undefined ? call.path : found.path.replace(/\/$/, ''),
    params: found?.match?.params ?? {},
    input: call.input,
    caller,
    remoteAddress: call.remoteAddress,
    listener: call.listener,
    signal,
  };
  const access = found?.match?.route.access ?? 'token';
  if (caller === undefined && access !== 'open') {
    throw call.token === undefined
      ? new LatchkeyError('forbidden', 'permission denied')
      : new LatchkeyError('invalid_token', 'the token is unknown or has expired');
  }
  const request = await withExistence(draft, found);
  if (call.token !== undefined) parts.rememberToken(request, call.token);
  return { step: 'authenticated', located, caller, request };
}

async function callerOf(parts: PipelineParts, token: string): Promise<Caller | undefined> {
  const entry = await parts.lookup(token);
  if (entry === undefined) return undefined;
  await parts.markUsed();
  return {
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    entityId: '',
    isRoot: entry.policies.includes('root'),
    metadata: entry.metadata,
    loginMetadata: loginMetadataOf(entry),
    cubbyhole: entry.accessor,
  };
}

function operationOf(call: Call): Operation {
  return call.verb === 'write' ? 'update' : call.verb;
}

/** Policies tell `create` from `update`, so it must be known before they are asked. */
async function withExistence(request: Request, found: Found | undefined): Promise<Request> {
  const exists = found?.match?.route.exists;
  if (request.operation !== 'update' || exists === undefined) return request;
  return (await exists(request)) ? request : { ...request, operation: 'create' };
}

async function decide(parts: PipelineParts, authenticated: Authenticated): Promise<Decided> {
  const { located, caller, request } = authenticated;
  const access = located.found?.match?.route.access ?? 'token';
  const { path, input, wrapTtl, help } = located.call;
  const wrapTtlMs = parseDuration(wrapTtl ?? '') || undefined;
  const { operation } = request;
  const { allowed } = await parts.decider.decide(caller, { path, operation, access, input, wrapTtlMs, help });
  if (!allowed) {
    const refusal = new LatchkeyError('permission_denied', 'permission denied');
    await recordRefusal(parts, authenticated, refusal);
    throw refusal;
  }
  return { step: 'decided', authenticated };
}

async function recordRequest(parts: PipelineParts, decided: Decided): Promise<Recorded> {
  await parts.audit.record({ ...entryOf(parts, decided.authenticated), response: undefined, error: '' });
  return { step: 'recorded', decided };
}

async function handle(parts: PipelineParts, recorded: Recorded): Promise<Handled> {
  const { located, request } = recorded.decided.authenticated;
  try {
    const response = await dispatch(located, request);
    return { step: 'handled', recorded, response };
  } catch (error) {
    await recordRefusal(parts, recorded.decided.authenticated, error);
    throw error;
  }
}

function dispatch(located: Located, request: Request): Promise<Response> | Response {
  const { call, found } = located;
  if (found === undefined) {
    throw new LatchkeyError('no_route', `no handler for route "${call.path}". route entry not found.`);
  }
  const route = found.match?.route;
  if (route === undefined) throw new LatchkeyError('unsupported_path', 'unsupported path');
  if (call.help) return { dress: 'raw', data: { help: route.help, see_also: null } };
  if (call.wrapTtl !== undefined && call.wrapTtl !== '' && call.wrapTtl !== '0') {
    // Answering in the clear what was asked for wrapped would be worse than not answering.
    throw new LatchkeyError(
      'bad_request',
      'response wrapping is not in this version; leave X-Vault-Wrap-TTL out',
    );
  }
  const handler = route.operations[request.operation] ?? fallback(route.operations, request.operation);
  if (handler === undefined) throw new LatchkeyError('unsupported_operation', 'unsupported operation');
  return handler(request);
}

/** A route that declares one of create and update takes both, unless it declares both. */
function fallback<H>(operations: Partial<Record<Operation, H>>, operation: Operation): H | undefined {
  if (operation === 'create') return operations.update;
  return operation === 'update' ? operations.create : undefined;
}

async function finish(parts: PipelineParts, handled: Handled): Promise<Answer> {
  const { authenticated } = handled.recorded.decided;
  const { data, auth } = handled.response;
  const response = {
    data,
    auth: auth === undefined ? undefined : { ...auth },
    leaseId: '',
    wrapInfo: undefined,
  };
  await parts.audit.record({
    ...entryOf(parts, authenticated),
    response: response as AuditedResponse,
    error: '',
  });
  // Checked after every value was read: a value read under a lease that had run out may be old.
  if (!parts.holds()) throw new LatchkeyError('fenced', 'this node lost the lead while it answered');
  return {
    kind: 'response',
    response: handled.response,
    mountType: authenticated.located.found?.mounted.entry.type ?? '',
  };
}

/** Only the public text: what is private in an error is for the node's own log. */
function recordRefusal(parts: PipelineParts, authenticated: Authenticated, error: unknown): Promise<void> {
  const text = error instanceof LatchkeyError ? error.message : 'internal error';
  return parts.audit.record({ ...entryOf(parts, authenticated), response: undefined, error: text });
}

function entryOf(parts: PipelineParts, authenticated: Authenticated) {
  const { located, request, caller } = authenticated;
  const mount = located.found?.mounted.entry;
  const audited: AuditedRequest = {
    id: request.id,
    operation: request.operation,
    path: located.call.path,
    mountPoint: mount?.path ?? '',
    mountType: mount?.type ?? '',
    mountAccessor: mount?.accessor ?? '',
    remoteAddress: request.remoteAddress,
    input: request.input,
    caller:
      caller === undefined
        ? undefined
        : {
            token: located.call.token ?? '',
            accessor: caller.accessor,
            displayName: caller.displayName,
            policies: caller.policies,
            metadata: caller.metadata,
            entityId: caller.entityId,
            tokenType: 'service',
          },
    wrapTtlSeconds: 0,
  };
  return { timeMs: parts.clock.now(), request: audited };
}
