// The front door: tells the services apart, plays the faults, and writes the journal.

import type { Fault, FaultBook } from './faults.ts';
import { isPublic, type Place, placeOf } from './hosts.ts';
import type { Answer, Handler, Reply, Request } from './http/message.ts';
import type { Journal, JournalEntry } from './journal.ts';
import type { Peek } from './peek.ts';

export interface Front {
  faults: FaultBook;
  journal: Journal;
  clock: { now(): number };
  /** Whether the public cloud's host names are played as well. */
  intercept: boolean;
  peek: Peek;
  /** Writes what has changed to the disk, where there is a folder for it. */
  save(): void;
  /** Aborts when the emulator closes: delays and hangs end then. */
  closing: AbortSignal;
}

export interface Services {
  entra: (request: Request) => Promise<Reply>;
  arm: (request: Request) => Promise<Reply>;
  graph: (request: Request) => Promise<Reply>;
  aks: (request: Request) => Promise<Reply>;
  keyVault: (request: Request, vaultName: string) => Promise<Answer>;
}

/** The HTTPS door: the host name says which service is meant, and on localhost the path does. */
export function httpsFront(front: Front, services: Services): Handler {
  return (request) => {
    const place: Place = isPublic(request) && !front.intercept ? { service: 'none' } : placeOf(request);
    if (place.service === 'vault') {
      return guarded(front, place.name, request, () => services.keyVault(request, place.name));
    }
    if (place.service === 'none') {
      return guarded(front, 'none', request, async () => ({
        status: 421,
        body: {
          error: {
            code: 'MisdirectedRequest',
            message: `This emulator does not serve the host ${request.host}.`,
          },
        },
      }));
    }
    const serve = services[place.service];
    return guarded(front, place.service, request, () => serve(request));
  };
}

export function imdsFront(front: Front, imds: (request: Request) => Promise<Reply>): Handler {
  return (request) => guarded(front, 'imds', request, () => imds(request));
}

async function guarded(
  front: Front,
  target: string,
  request: Request,
  handle: () => Promise<Answer>,
): Promise<Answer> {
  const record = (decision: JournalEntry['decision'], status?: number) =>
    front.journal.record({
      at: front.clock.now(),
      target,
      method: request.method,
      host: request.authority,
      path: request.path,
      ...request.trace,
      decision,
      status,
    });
  const seen = {
    method: request.method,
    principalId: () => front.peek.principalId(target, request),
    action: () => front.peek.action(target, request),
  };
  for (const fault of front.faults.meet(target, seen)) {
    if (fault.kind === 'delay') {
      await wait(fault.delayMs ?? 0, front.closing);
      continue;
    }
    record(`fault:${fault.kind}`, fault.status);
    if (fault.kind === 'refuse') return 'drop';
    if (fault.kind === 'status') return faultReply(fault, target);
    await untilAborted(front.closing);
    return 'drop';
  }
  const answer = await handle();
  // Reading changes nothing but what time has brought about, and that comes about again.
  if (request.method !== 'GET' && request.method !== 'HEAD') front.save();
  if (answer === 'drop') record('dropped');
  else record(decisionOf(answer.status), answer.status);
  return answer;
}

function decisionOf(status: number): JournalEntry['decision'] {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'denied';
  return status >= 400 ? 'refused' : 'answered';
}

const FAULT_CODES: Record<number, string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'Throttled',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
};

/** The error in the envelope of the service that is played. */
function faultReply(fault: Fault, target: string): Reply {
  const status = fault.status ?? 500;
  const code = fault.code ?? FAULT_CODES[status] ?? 'InjectedFault';
  const message =
    fault.message ??
    (status === 429
      ? 'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached'
      : `A fault set on ${target} answered instead of the service.`);
  const retryAfter = fault.retryAfterSeconds;
  return {
    status,
    headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
    body:
      target === 'imds' || target === 'entra'
        ? { error: code, error_description: message }
        : { error: { code, message, ...(fault.innerCode ? { innererror: { code: fault.innerCode } } : {}) } },
  };
}

function wait(milliseconds: number, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      closing.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    closing.addEventListener('abort', done);
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
