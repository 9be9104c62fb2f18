// What is known of a token: its stored form, and how it shows itself.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { rfc3339 } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';

/** A token, format 2. Times in milliseconds since the epoch, 0 for never; lengths of time in seconds, 0 for none. */
export interface TokenEntry {
  readonly format: 2;
  readonly type: 'service' | 'batch';
  /** Empty for a batch token. */
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly displayName: string;
  /** The path that made it, e.g. `auth/token/create`; its lease lies below. */
  readonly path: string;
  readonly createdAt: number;
  /** As it was made; 0 is for ever. */
  readonly ttlSeconds: number;
  /** Moves with each renewal. */
  readonly expiresAt: number;
  readonly renewedAt: number;
  readonly renewable: boolean;
  readonly explicitMaxTtlSeconds: number;
  /** The auth method's own limit, beside the mount's. */
  readonly maxTtlSeconds: number;
  readonly periodSeconds: number;
  /** Uses that are left; 0 is without limit, `SPENT` that the last one was taken. */
  readonly numUses: number;
  /** Id of the token that made it, with which it ends; empty for an orphan. */
  readonly parent: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly boundCidrs: readonly string[];
  readonly role: string;
  readonly cubbyhole: string;
  /** Given back to the auth method when the token is renewed; undefined for a token that no login made. */
  readonly renewData?: JsonObject;
}

/** Where a token is known by: the HMAC of its text, for a batch token empty. */
export interface KnownToken {
  readonly id: string;
  readonly entry: TokenEntry;
}

export const SPENT = -1;

/** The one policy of wrapping tokens; nobody else may have it. */
export const WRAPPING_POLICY = 'response-wrapping';

export function isWrapping(entry: TokenEntry): boolean {
  return entry.policies.includes(WRAPPING_POLICY);
}

export function isRoot(entry: TokenEntry): boolean {
  return entry.policies.includes('root');
}

/** Empty for a token without end, which has no lease. */
export function leaseIdOf({ id, entry }: KnownToken): string {
  return entry.expiresAt === 0 || id === '' ? '' : `${entry.path}/h${id}`;
}

/** What a login found out. A token made by another token has metadata that its maker chose, and they prove nothing. */
export function loginMetadataOf(entry: TokenEntry): TokenEntry['metadata'] {
  return entry.path.startsWith('auth/token/') ? {} : entry.metadata;
}

export function encodeEntry(entry: TokenEntry): Uint8Array {
  return utf8(JSON.stringify(entry));
}

/**
 * @param cubbyhole names the cubbyhole of a token of format 1, which had none.
 * @throws LatchkeyError storage_corrupt
 */
export function parseEntry(bytes: Uint8Array, cubbyhole: () => string): TokenEntry {
  let value: unknown;
  try {
    value = parseJson(fromUtf8(bytes));
  } catch (cause) {
    throw foreign(cause);
  }
  if (!isObject(value) || !Array.isArray(value['policies'])) throw foreign();
  if (value['format'] === 2) return value as unknown as TokenEntry;
  if (value['format'] !== 1) throw foreign();
  return fromFormat1(value, cubbyhole());
}

/** Format 1 knew root tokens alone: without end, parent or limits. */
function fromFormat1(value: JsonObject, cubbyhole: string): TokenEntry {
  const { accessor, policies, displayName, path, createdAt, metadata } = value as unknown as TokenEntry;
  return {
    format: 2,
    type: 'service',
    ...{ accessor, policies, displayName, path, createdAt, metadata, cubbyhole },
    ...UNLIMITED,
  };
}

/** The members of a token that lives for ever and depends on nothing. */
export const UNLIMITED = {
  ttlSeconds: 0,
  expiresAt: 0,
  renewedAt: 0,
  renewable: false,
  explicitMaxTtlSeconds: 0,
  maxTtlSeconds: 0,
  periodSeconds: 0,
  numUses: 0,
  parent: '',
  boundCidrs: [],
  role: '',
} as const;

/** Members as Vault's `auth/token/lookup` gives them. `token` is empty when it was asked for by accessor. */
export function describeEntry(token: string, entry: TokenEntry, now: number): JsonObject {
  return {
    accessor: entry.accessor,
    creation_time: Math.floor(entry.createdAt / 1_000),
    creation_ttl: entry.ttlSeconds,
    display_name: entry.displayName,
    entity_id: '',
    expire_time: entry.expiresAt === 0 ? null : rfc3339(entry.expiresAt),
    explicit_max_ttl: entry.explicitMaxTtlSeconds,
    id: token,
    ...(entry.expiresAt === 0 ? {} : { issue_time: rfc3339(entry.createdAt) }),
    ...(entry.renewedAt === 0
      ? {}
      : { last_renewal: rfc3339(entry.renewedAt), last_renewal_time: Math.floor(entry.renewedAt / 1_000) }),
    meta: Object.keys(entry.metadata).length === 0 ? null : { ...entry.metadata },
    num_uses: entry.numUses,
    orphan: entry.parent === '',
    path: entry.path,
    ...(entry.periodSeconds === 0 ? {} : { period: entry.periodSeconds }),
    policies: [...entry.policies],
    ...(entry.expiresAt === 0 ? {} : { renewable: entry.renewable }),
    ...(entry.role === '' ? {} : { role: entry.role }),
    ...(entry.boundCidrs.length === 0 ? {} : { bound_cidrs: [...entry.boundCidrs] }),
    ttl: secondsLeft(entry, now),
    type: entry.type,
  };
}

/** Whole seconds, never negative; 0 also for a token without end. */
export function secondsLeft(entry: TokenEntry, now: number): number {
  return entry.expiresAt === 0 ? 0 : Math.max(0, Math.ceil((entry.expiresAt - now) / 1_000));
}

function foreign(cause?: unknown): LatchkeyError {
  const message = 'a token entry has a format that this version does not know';
  return new LatchkeyError('storage_corrupt', message, { cause });
}
