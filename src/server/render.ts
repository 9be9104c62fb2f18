// From an answer of the node to status, headers and bytes of HTTP.

import type { JsonObject, JsonValue } from '../base/json.ts';
import { isObject } from '../base/json.ts';
import type { Answer, Verb } from '../core/call.ts';
import type { AuthAnswer, Response, WrapAnswer } from '../engine/engine.ts';
import { healthStatus, type Refusal } from './status.ts';

export interface Rendered {
  readonly status: number;
  /** Beside those that every answer carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON ending in a newline, unless the headers say otherwise; undefined for none. */
  readonly body: string | undefined;
}

/** What of the request shapes the answer. */
export interface Asked {
  readonly id: string;
  readonly verb: Verb;
  /** The request target as sent: path and query, for a redirect. */
  readonly target: string;
}

export function renderAnswer(answer: Answer, asked: Asked): Rendered {
  if (answer.kind === 'redirect') {
    // `#` is legal in a target on the wire, but would start a fragment in Location.
    const location = answer.origin.replace(/\/+$/, '') + asked.target.replaceAll('#', '%23');
    return { status: 307, headers: { Location: location }, body: undefined };
  }
  const { response, mountType } = answer;
  if (response.health !== undefined) return renderHealth(response, healthStatus(response.health));
  if (response.text !== undefined) {
    const { contentType, body } = response.text;
    return { status: 200, headers: { 'Content-Type': contentType }, body };
  }
  if (isNothing(response, asked.verb)) return renderRefusal({ status: 404, errors: [] });
  const status = statusFor(response);
  if (status === 204) return { status, headers: {}, body: undefined };
  return { status, headers: {}, body: toBody(dressed(response, mountType, asked.id)) };
}

export function renderRefusal(refusal: Refusal): Rendered {
  // RFC 9110, 15.5.6: a 405 names the methods. One about an engine's route has a text and cannot know them.
  const allow = refusal.status === 405 && refusal.errors.length === 0;
  return {
    status: refusal.status,
    headers: allow ? { Allow: 'GET, LIST, POST, PUT, PATCH, DELETE' } : {},
    body: toBody({ errors: [...refusal.errors] }),
  };
}

/** A code that HTTP cannot carry is a bad query. */
function renderHealth(response: Response, status: number | undefined): Rendered {
  if (status === undefined) return renderRefusal({ status: 400, errors: [] });
  return { status, headers: {}, body: toBody(response.data ?? {}) };
}

/** Vault's rule: a read without an answer, and a list without keys, is a 404 with empty `errors`. */
function isNothing(response: Response, verb: Verb): boolean {
  if (response.outcome !== undefined || carries(response)) return false;
  if (verb !== 'read' && verb !== 'list') return false;
  if (response.data === undefined || response.data === null) return true;
  if (verb === 'read' || !isObject(response.data)) return false;
  const keys = response.data['keys'];
  if (keys === undefined || keys === null)
    return Object.keys(response.data).length === (keys === null ? 1 : 0);
  return Array.isArray(keys) && keys.length === 0;
}

function statusFor(response: Response): number {
  if (response.outcome === 'accepted') return 202;
  if (response.outcome === 'absent') return 404;
  return response.data === undefined && !carries(response) ? 204 : 200;
}

/** Something beside `data`. */
function carries(response: Response): boolean {
  return response.auth !== undefined || response.wrapped !== undefined || hasWarnings(response);
}

function hasWarnings(response: Response): boolean {
  return response.warnings !== undefined && response.warnings.length > 0;
}

function dressed(response: Response, mountType: string, id: string): JsonValue {
  if (response.dress === 'raw') return response.data ?? {};
  const envelope = envelopeOf(response, mountType, id);
  if (response.dress !== 'injected' || !isObject(response.data)) return envelope;
  // The envelope's own members win: a mount or policy that is named like one must not hide `data`.
  const extra = Object.entries(response.data).filter(([name]) => !Object.hasOwn(envelope, name));
  return Object.fromEntries([...Object.entries(envelope), ...extra]);
}

/** Members in the order of Vault's own server. Every one is present, null when empty. */
function envelopeOf(response: Response, mountType: string, id: string): JsonObject {
  return {
    request_id: id,
    lease_id: response.bound?.leaseId ?? '',
    renewable: response.bound?.renewable ?? false,
    lease_duration: response.bound?.seconds ?? response.leaseSeconds ?? 0,
    data: response.data ?? null,
    wrap_info: response.wrapped === undefined ? null : wrapInfoOf(response.wrapped),
    warnings: hasWarnings(response) ? [...(response.warnings ?? [])] : null,
    auth: response.auth === undefined ? null : authOf(response.auth),
    mount_type: mountType,
  };
}

function authOf(auth: AuthAnswer): JsonObject {
  return {
    client_token: auth.client_token,
    accessor: auth.accessor,
    policies: [...auth.policies],
    token_policies: [...auth.token_policies],
    metadata: auth.metadata === null ? null : { ...auth.metadata },
    lease_duration: auth.lease_duration,
    renewable: auth.renewable,
    entity_id: auth.entity_id,
    token_type: auth.token_type,
    orphan: auth.orphan,
    mfa_requirement: null,
    num_uses: auth.num_uses ?? 0,
  };
}

function wrapInfoOf(wrapped: WrapAnswer): JsonObject {
  const { wrapped_accessor, ...rest } = wrapped;
  return wrapped_accessor === '' ? rest : { ...rest, wrapped_accessor };
}

function toBody(value: JsonValue): string {
  return `${JSON.stringify(value)}\n`;
}
