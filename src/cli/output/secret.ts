// An ordinary answer, as a table or as JSON.

import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Secret } from '../../client/answers.ts';
import { flagOf, numberOf, textOf, textsOf } from '../../client/fields.ts';
import type { Row } from './table.ts';
import { keyValueTable, rowsOf, show, showQuoted, showSeconds, sortedEntries } from './value.ts';

/** The rows of the table, in Vault's order: lease, token, wrapping, then data by name. */
export function secretTable(secret: Secret): string {
  return keyValueTable([
    ...leaseRows(secret),
    ...(secret.auth === undefined ? [] : tokenRows(secret.auth)),
    ...(secret.wrapInfo === undefined ? [] : wrapRows(secret.wrapInfo)),
    ...rowsOf(secret.data ?? {}),
  ]);
}

function leaseRows(secret: Secret): Row[] {
  if (secret.leaseDuration <= 0) return [];
  const duration = showSeconds(secret.leaseDuration);
  // Without a lease id the duration is kv version 1's advice on when to read again.
  if (secret.leaseId === '') return [['refresh_interval', duration]];
  return [
    ['lease_id', secret.leaseId],
    ['lease_duration', duration],
    ['lease_renewable', String(secret.renewable)],
  ];
}

function tokenRows(auth: JsonObject): Row[] {
  const seconds = numberOf(auth, 'lease_duration');
  const metadata = auth['metadata'];
  const named = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? metadata : {};
  return [
    ['token', textOf(auth, 'client_token')],
    ['token_accessor', textOf(auth, 'accessor')],
    ['token_duration', seconds === 0 ? '∞' : showSeconds(seconds)],
    ['token_renewable', String(flagOf(auth, 'renewable'))],
    ['token_policies', showQuoted(textsOf(auth, 'token_policies'))],
    ['identity_policies', showQuoted(textsOf(auth, 'identity_policies'))],
    ['policies', showQuoted(textsOf(auth, 'policies'))],
    ...sortedEntries(named).map(([name, value]): Row => [`token_meta_${name}`, show(value)]),
  ];
}

function wrapRows(wrap: JsonObject): Row[] {
  const accessor = textOf(wrap, 'wrapped_accessor');
  return [
    ['wrapping_token:', textOf(wrap, 'token')],
    ['wrapping_accessor:', textOf(wrap, 'accessor')],
    ['wrapping_token_ttl:', showSeconds(numberOf(wrap, 'ttl'))],
    ['wrapping_token_creation_time:', textOf(wrap, 'creation_time')],
    ['wrapping_token_creation_path:', textOf(wrap, 'creation_path')],
    ...(accessor === '' ? [] : [['wrapped_accessor:', accessor]]),
  ];
}

/** The members and their order of Vault's `-format=json`. */
export function secretJson(secret: Secret): JsonObject {
  return {
    request_id: secret.requestId,
    lease_id: secret.leaseId,
    lease_duration: secret.leaseDuration,
    renewable: secret.renewable,
    data: secret.data === undefined ? null : sorted(secret.data),
    warnings: secret.warnings.length === 0 ? null : [...secret.warnings],
    ...(secret.auth === undefined ? {} : { auth: secret.auth }),
    ...(secret.wrapInfo === undefined ? {} : { wrap_info: secret.wrapInfo }),
    ...(secret.mountType === '' ? {} : { mount_type: secret.mountType }),
  };
}

/** What `-field` means, by the names of the table. Undefined if there is no such field. */
export function secretField(secret: Secret, field: string): JsonValue | undefined {
  const special = secret.auth
    ? tokenField(secret.auth, field)
    : secret.wrapInfo
      ? wrapField(secret.wrapInfo, field)
      : plainField(secret, field);
  const value = special ?? secret.data?.[field];
  return value === null ? undefined : value;
}

function tokenField(auth: JsonObject, field: string): JsonValue | undefined {
  const names: Readonly<Record<string, string>> = {
    token: 'client_token',
    token_accessor: 'accessor',
    token_duration: 'lease_duration',
    token_renewable: 'renewable',
    token_policies: 'token_policies',
    identity_policies: 'identity_policies',
    policies: 'policies',
  };
  const name = names[field];
  return name === undefined ? undefined : auth[name];
}

function wrapField(wrap: JsonObject, field: string): JsonValue | undefined {
  if (field === 'wrapped_accessor') return wrap[field];
  return field.startsWith('wrapping_') ? wrap[field.replace(/^wrapping_(token_)?/, '')] : undefined;
}

function plainField(secret: Secret, field: string): JsonValue | undefined {
  switch (field) {
    case 'lease_id':
      return secret.leaseId;
    case 'lease_duration':
    case 'refresh_interval':
      return secret.leaseDuration;
    case 'request_id':
      return secret.requestId;
    case 'renewable':
      return secret.renewable;
    case 'data':
      return secret.data?.['data'] ?? secret.data;
    default:
      return undefined;
  }
}

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(sortedEntries(object));
}
