// What a node answers for itself, without the pipeline: routes that are open, and those that a standby answers once the
// active node has said that the caller may.

import { LatchkeyError } from '../base/errors.ts';
import type { Handler, Request } from '../engine/engine.ts';
import { routeHelp } from '../engine/path-help.ts';
import type { RouteMatch } from '../mount/route-match.ts';
import type { Answer, Call } from './call.ts';

/** True if nobody has to be asked. */
export function isOpenHere({ route }: RouteMatch, call: Call): boolean {
  return route.access === 'open' || route.openOn?.(call.listener) === true;
}

/** @throws LatchkeyError unsupported_operation, or what the handler says. */
export async function answerLocally(local: RouteMatch, call: Call): Promise<Answer> {
  const { route } = local;
  if (call.help) {
    const response = routeHelp({ type: 'system', tag: 'system' }, route, call.path.slice('sys/'.length));
    return { kind: 'response', response, mountType: '' };
  }
  return answerWith(route.operations[operationOf(call)], local, call);
}

/** For a node on which no token can be checked. @throws LatchkeyError `refusal` if the route has no such answer. */
export async function answerUnchecked(
  local: RouteMatch,
  call: Call,
  refusal: LatchkeyError,
): Promise<Answer> {
  const { unchecked, operations } = local.route;
  if (unchecked === undefined || call.help || operations[operationOf(call)] === undefined) throw refusal;
  return answerWith(unchecked, local, call);
}

async function answerWith(handler: Handler | undefined, { params }: RouteMatch, call: Call): Promise<Answer> {
  if (handler === undefined) throw new LatchkeyError('unsupported_operation', 'unsupported operation');
  const request: Request = {
    id: call.id,
    operation: operationOf(call),
    path: call.path.slice('sys/'.length),
    params,
    input: call.input,
    caller: undefined,
    remoteAddress: call.remoteAddress,
    listener: call.listener,
    signal: call.signal,
  };
  return { kind: 'response', response: await handler(request), mountType: 'system' };
}

function operationOf(call: Call): Request['operation'] {
  return call.verb === 'write' ? 'update' : call.verb;
}
