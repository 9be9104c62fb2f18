// The life of a request on the active node: one straight line of steps; `steps.ts` has their types.

import { LatchkeyError } from '../base/errors.ts';
import type { Operation, Request, Response } from '../engine/engine.ts';
import { isWrapping } from '../token/token-entry.ts';
import { authenticate } from './authenticate.ts';
import { bind, wrap } from './bind.ts';
import type { Answer, Call } from './call.ts';
import { helpOfMount, helpOfRoute } from './help.ts';
import { recordRefusal, recordRequest, recordResponse } from './record.ts';
import type {
  Authenticated,
  Bound,
  Decided,
  Handled,
  Located,
  PipelineParts,
  Recorded,
  Wrapped,
} from './steps.ts';
import { mayUseWrapping } from './wrapping.ts';

/**
 * Answers one call.
 * @throws LatchkeyError for every refusal; `fenced` if the node lost the lead meanwhile, and then the value it had
 *   read may be old and must not be given.
 */
export async function runPipeline(parts: PipelineParts, call: Call): Promise<Answer> {
  const located = locate(parts, call);
  const isLogin = call.path.startsWith('auth/') && located.found?.match?.route.access === 'open';
  using _ = parts.metrics.time(isLogin ? 'core.handle_login_request' : 'core.handle_request');
  const authenticated = await authenticate(parts, located);
  try {
    const decided = await decide(parts, authenticated);
    const recorded = await record(parts, decided);
    const wrapped = await whileMounted(parts, recorded, async () => {
      const handled = await handle(parts, recorded);
      const bound = await bindStep(parts, handled);
      return wrapStep(parts, bound);
    });
    return await finish(parts, wrapped);
  } finally {
    // The last use ends the token, whatever came of it.
    if (authenticated.use !== undefined) await parts.tokens.settle(authenticated.use);
  }
}

function locate(parts: PipelineParts, call: Call): Located {
  return { step: 'located', call, found: parts.router.find(call.path) };
}

async function decide(parts: PipelineParts, authenticated: Authenticated): Promise<Decided> {
  using _ = parts.metrics.time('core.check_token');
  const refusal = authenticated.refusal ?? (await objection(parts, authenticated));
  if (refusal === undefined) return { step: 'decided', authenticated };
  await recordRequest(parts, authenticated, refusal);
  await recordRefusal(parts, authenticated, refusal);
  throw refusal;
}

async function objection(
  parts: PipelineParts,
  authenticated: Authenticated,
): Promise<LatchkeyError | undefined> {
  const { located, caller, request, use } = authenticated;
  const access = located.found?.match?.route.access ?? 'token';
  const { path, input, help } = located.call;
  // Made where it is needed: an error takes a picture of the stack, and most requests are allowed.
  const denied = () => new LatchkeyError('permission_denied', 'permission denied');
  if (use !== undefined && access !== 'open' && isWrapping(use.entry) && !mayUseWrapping(located.call)) {
    return denied();
  }
  const { operation, wrapTtlSeconds } = request;
  const wrapTtlMs = wrapTtlSeconds === undefined ? undefined : wrapTtlSeconds * 1_000;
  const { allowed } = await parts.decider.decide(caller, { path, operation, access, input, wrapTtlMs, help });
  return allowed ? undefined : denied();
}

async function record(parts: PipelineParts, decided: Decided): Promise<Recorded> {
  await recordRequest(parts, decided.authenticated);
  return { step: 'recorded', decided };
}

/** The mount is neither taken away nor changed before what it hands out is bound, so that it can be ended with it. */
async function whileMounted<T>(parts: PipelineParts, recorded: Recorded, act: () => Promise<T>): Promise<T> {
  const { authenticated } = recorded.decided;
  const mounted = authenticated.located.found?.mounted;
  if (mounted === undefined) return act();
  using _inside = await orRecord(parts, authenticated, async () => mounted.enter());
  // Awaited here: else it would be out again before it has begun.
  return await act();
}

function handle(parts: PipelineParts, recorded: Recorded): Promise<Handled> {
  const { authenticated } = recorded.decided;
  return orRecord(parts, authenticated, async () => {
    using _ = timeOfMount(parts, authenticated);
    const response = await dispatch(authenticated.located, authenticated.request);
    return { step: 'handled', recorded, response };
  });
}

/** Under Vault's name for it: `secret/` is `secret-`. */
function timeOfMount(
  { metrics }: PipelineParts,
  { located, request }: Authenticated,
): Disposable | undefined {
  const mount = located.found?.mounted.entry.path.replaceAll('/', '-');
  if (mount === undefined) return undefined;
  return metrics.time('route.{operation}.{mount}', { operation: request.operation, mount });
}

function bindStep(parts: PipelineParts, handled: Handled): Promise<Bound> {
  return orRecord(parts, handled.recorded.decided.authenticated, () => bind(parts, handled));
}

function wrapStep(parts: PipelineParts, bound: Bound): Promise<Wrapped> {
  return orRecord(parts, bound.handled.recorded.decided.authenticated, () => wrap(parts, bound));
}

/** What fails after it was recorded is recorded once more, with its outcome. */
async function orRecord<T>(
  parts: PipelineParts,
  authenticated: Authenticated,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    await recordRefusal(parts, authenticated, error);
    throw error;
  }
}

function dispatch(located: Located, request: Request): Promise<Response> | Response {
  const { call, found } = located;
  if (call.help && found?.path === '') return helpOfMount(found);
  if (found === undefined) {
    throw new LatchkeyError('no_route', `no handler for route "${call.path}". route entry not found.`);
  }
  const route = found.match?.route;
  if (route === undefined) throw new LatchkeyError('unsupported_path', 'unsupported path');
  if (call.help) return helpOfRoute(found, route);
  const handler = route.operations[request.operation] ?? fallback(route.operations, request.operation);
  if (handler === undefined) throw new LatchkeyError('unsupported_operation', 'unsupported operation');
  if (call.onlyDecide === true) return {};
  return handler(request);
}

/** A route that declares one of create and update takes both, unless it declares both. */
function fallback<H>(operations: Partial<Record<Operation, H>>, operation: Operation): H | undefined {
  if (operation === 'create') return operations.update;
  return operation === 'update' ? operations.create : undefined;
}

async function finish(parts: PipelineParts, wrapped: Wrapped): Promise<Answer> {
  const { authenticated } = wrapped.bound.handled.recorded.decided;
  await recordResponse(parts, authenticated, wrapped.response);
  // Checked after every value was read: a value read under a lease that had run out may be old.
  if (!parts.holds()) throw new LatchkeyError('fenced', 'this node lost the lead while it answered');
  return {
    kind: 'response',
    response: wrapped.response,
    mountType: authenticated.located.found?.mounted.entry.type ?? '',
  };
}
