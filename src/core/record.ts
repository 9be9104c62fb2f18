// What the audit log gets to know of a request.

import type { AuditEntry, AuditedRequest, AuditedResponse } from '../audit/entry.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Response } from '../engine/engine.ts';
import type { Authenticated, PipelineParts } from './steps.ts';

/** `refusal`: the request goes no further than this. */
export async function recordRequest(
  parts: PipelineParts,
  authenticated: Authenticated,
  refusal?: LatchkeyError,
): Promise<void> {
  using _ = parts.metrics.time('audit.log_request');
  const error = refusal?.message ?? '';
  try {
    await parts.audit.record({
      kind: 'request',
      ...entryOf(parts, authenticated),
      response: undefined,
      error,
    });
  } catch (error) {
    parts.metrics.count('audit.log_request_failure');
    throw error;
  }
}

export async function recordResponse(
  parts: PipelineParts,
  authenticated: Authenticated,
  { data, auth, bound, wrapped }: Response,
): Promise<void> {
  const response = {
    data,
    auth: auth === undefined ? undefined : { ...auth },
    leaseId: bound?.leaseId ?? '',
    wrapInfo: wrapped === undefined ? undefined : { ...wrapped },
  };
  await recordOutcome(parts, {
    kind: 'response',
    ...entryOf(parts, authenticated),
    response: response as AuditedResponse,
    error: '',
  });
}

/** Only the public text: what is private in an error is for the node's own log. */
export async function recordRefusal(
  parts: PipelineParts,
  authenticated: Authenticated,
  error: unknown,
): Promise<void> {
  const text = error instanceof LatchkeyError ? error.message : 'internal error';
  await recordOutcome(parts, {
    kind: 'response',
    ...entryOf(parts, authenticated),
    response: undefined,
    error: text,
  });
}

async function recordOutcome({ audit, metrics }: PipelineParts, entry: AuditEntry): Promise<void> {
  using _ = metrics.time('audit.log_response');
  try {
    await audit.record(entry);
  } catch (error) {
    metrics.count('audit.log_response_failure');
    throw error;
  }
}

function entryOf(parts: PipelineParts, authenticated: Authenticated) {
  const { located, request, caller, use } = authenticated;
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
            tokenType: use?.entry.type ?? 'service',
            issuedAtMs: use?.entry.createdAt,
            ttlSeconds: use?.entry.ttlSeconds ?? 0,
          },
    wrapTtlSeconds: request.wrapTtlSeconds ?? 0,
    clearRequestKeys: mount?.auditNonHmacRequestKeys ?? [],
    clearResponseKeys: mount?.auditNonHmacResponseKeys ?? [],
  };
  return { timeMs: parts.clock.now(), request: audited };
}
