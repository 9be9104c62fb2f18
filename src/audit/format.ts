// One audit line: JSON with the members of Vault's audit log, strings of value hidden by an HMAC under the device's
// salt. https://developer.hashicorp.com/vault/docs/audit

import { createHmac } from 'node:crypto';
import type { SecretBytes } from '../base/bytes.ts';
import { rfc3339 } from '../base/clock.ts';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { AuditEntry, AuditedCaller, AuditedResponse } from './entry.ts';
import type { DeviceOptions } from './options.ts';

export interface FormatOptions extends DeviceOptions {
  /** 32 bytes, the device's own. */
  readonly salt: SecretBytes;
}

/** How `sys/audit-hash` and every line spell a hidden string. */
export function auditHash(salt: SecretBytes, value: string): string {
  return `hmac-sha256:${createHmac('sha256', salt.expose()).update(value).digest('hex')}`;
}

export function formatEntry(entry: AuditEntry, options: FormatOptions): string {
  const hide = options.logRaw ? (value: string) => value : (value: string) => auditHash(options.salt, value);
  const { request, response } = entry;
  const { caller } = request;
  const names = caller && tokenNames(caller, options, hide);
  const line: JsonObject = {
    time: rfc3339(entry.timeMs),
    type: entry.kind,
    auth: caller && names ? authOf(caller, names) : loginOf(response, options, hide),
    request: {
      id: request.id,
      operation: request.operation,
      mount_point: request.mountPoint,
      mount_type: request.mountType,
      mount_accessor: request.mountAccessor,
      ...(names && { client_token: names.client_token, client_token_accessor: names.accessor }),
      namespace: { id: 'root' },
      path: request.path,
      data: hideStrings(request.input, hide, request.clearRequestKeys),
      remote_address: request.remoteAddress,
      ...(request.wrapTtlSeconds > 0 ? { wrap_ttl: request.wrapTtlSeconds } : {}),
    },
  };
  if (response !== undefined) {
    const { mountPoint, mountType, mountAccessor } = request;
    line['response'] = {
      mount_point: mountPoint,
      mount_type: mountType,
      mount_accessor: mountAccessor,
      ...responseOf(response, entry, options, hide),
    };
  }
  if (entry.error !== '') line['error'] = entry.error;
  return `${options.prefix}${JSON.stringify(line)}\n`;
}

type Hide = (value: string) => string;

function authOf(caller: AuditedCaller, names: ReturnType<typeof tokenNames>): JsonObject {
  return {
    ...names,
    display_name: caller.displayName,
    policies: [...caller.policies],
    token_policies: [...caller.policies],
    metadata: { ...caller.metadata },
    entity_id: caller.entityId,
    token_type: caller.tokenType,
    ...(caller.ttlSeconds > 0 ? { token_ttl: caller.ttlSeconds } : {}),
    ...(caller.issuedAtMs === undefined ? {} : { token_issue_time: rfc3339(caller.issuedAtMs) }),
  };
}

/** Whoever logs in has no token before: the entry of the answer says whom it made. */
function loginOf(response: AuditedResponse | undefined, options: FormatOptions, hide: Hide): JsonObject {
  if (response?.auth === undefined) return {};
  const shown = hideMembers(response.auth, options, hide);
  const names = [
    'client_token',
    'accessor',
    'policies',
    'token_policies',
    'metadata',
    'entity_id',
    'token_type',
  ];
  const known = names.flatMap((name) => (name in shown ? [[name, shown[name]] as const] : []));
  const { lease_duration: ttl } = shown;
  return { ...Object.fromEntries(known), ...(ttl === undefined ? {} : { token_ttl: ttl }) } as JsonObject;
}

function tokenNames(caller: AuditedCaller, options: FormatOptions, hide: Hide) {
  return {
    client_token: hide(caller.token),
    accessor: options.hmacAccessor ? hide(caller.accessor) : caller.accessor,
  };
}

function responseOf(
  response: AuditedResponse,
  { request }: AuditEntry,
  options: FormatOptions,
  hide: Hide,
): JsonObject {
  const shown: JsonObject = {};
  const elide = request.operation === 'list' && options.elideListResponses;
  if (response.data !== undefined) {
    const data = elide ? elided(response.data) : response.data;
    shown['data'] = hideStrings(data, hide, request.clearResponseKeys);
  }
  if (response.auth !== undefined) shown['auth'] = hideMembers(response.auth, options, hide);
  if (response.leaseId !== '') shown['secret'] = { lease_id: response.leaseId };
  if (response.wrapInfo !== undefined) shown['wrap_info'] = hideMembers(response.wrapInfo, options, hide);
  return shown;
}

/** Only what names a token is hidden in `auth` and `wrap_info`: policies and times are what an auditor reads. */
function hideMembers(members: JsonObject, options: FormatOptions, hide: Hide): JsonObject {
  const secret = ['client_token', 'token'];
  const accessors = options.hmacAccessor ? ['accessor', 'wrapped_accessor'] : [];
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => {
      const hidden = secret.includes(name) || accessors.includes(name);
      return [name, hidden && typeof value === 'string' && value !== '' ? hide(value) : value];
    }),
  );
}

function elided(data: JsonValue): JsonValue {
  if (!isObject(data)) return data;
  const { keys, key_info: info } = data;
  return {
    ...data,
    ...(Array.isArray(keys) ? { keys: keys.length } : {}),
    ...(isObject(info) ? { key_info: Object.keys(info).length } : {}),
  };
}

/** Every string value at every depth, but for members named in `clear`; names of members stay readable, as in Vault. */
function hideStrings(value: JsonValue, hide: Hide, clear: readonly string[]): JsonValue {
  if (typeof value === 'string') return hide(value);
  if (Array.isArray(value)) return value.map((item) => hideStrings(item, hide, clear));
  if (!isObject(value) || JSON.isRawJSON(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    clear.includes(name) ? member : hideStrings(member, hide, clear),
  ]);
  return Object.fromEntries(members);
}
