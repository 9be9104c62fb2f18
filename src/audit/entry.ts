// What the pipeline tells the audit broker, in clear; nothing of it leaves the process before `format.ts` has hidden it.

import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Operation } from '../engine/engine.ts';

export interface AuditedCaller {
  readonly token: string;
  readonly accessor: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly entityId: string;
  readonly tokenType: string;
  /** Milliseconds since the epoch; undefined for a token that nobody issued. */
  readonly issuedAtMs: number | undefined;
  /** As it was made, seconds; 0 is for ever. */
  readonly ttlSeconds: number;
}

export interface AuditedRequest {
  readonly id: string;
  readonly operation: Operation;
  readonly path: string;
  readonly mountPoint: string;
  readonly mountType: string;
  readonly mountAccessor: string;
  readonly remoteAddress: string;
  /** The body's object, or the query. */
  readonly input: JsonObject;
  /** Undefined on an open route, and for a token that nobody issued. */
  readonly caller: AuditedCaller | undefined;
  /** Seconds; 0 if no wrapping was asked for. */
  readonly wrapTtlSeconds: number;
  /** Members of the input, and of the answer, that the mount wants shown in clear. */
  readonly clearRequestKeys: readonly string[];
  readonly clearResponseKeys: readonly string[];
}

export interface AuditedResponse {
  readonly data: JsonValue | undefined;
  /** As in the answer; token and accessor in clear. */
  readonly auth: JsonObject | undefined;
  readonly leaseId: string;
  /** As in the answer. */
  readonly wrapInfo: JsonObject | undefined;
}

export interface AuditEntry {
  /** What goes no further than the decision has both as well, with the same error. */
  readonly kind: 'request' | 'response';
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly request: AuditedRequest;
  /** Undefined before the request is handled, and if it was refused. */
  readonly response: AuditedResponse | undefined;
  /** Public text of the refusal; empty if there was none. */
  readonly error: string;
}
