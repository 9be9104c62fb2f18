// The record `core/root-keys`: the root key, wrapped once per seal. Plain JSON, format 1, readable by whoever reads
// the storage and useless without a KEK; a MAC under a key derived from the root key is checked right after opening.

import { createHmac } from 'node:crypto';
import { deriveMacKey } from '../barrier/keyring.ts';
import {
  equalConstantTime,
  fromBase64,
  fromHex,
  fromUtf8,
  type SecretBytes,
  toBase64,
  utf8,
} from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import type { WrapContext, WrappedCopy } from '../seal/seal.ts';

export const ROOT_KEYS_PATH = 'core/root-keys';

/** One wrapping of the root key. Any current copy opens the cluster. */
export interface RootKeyCopy {
  readonly sealName: string;
  readonly sealKind: string;
  /** Generation of the root key that is inside; older than the record's is stale and never tried. */
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly wrappedAt: number;
  readonly wrapped: WrappedCopy;
}

export interface RootKeyRecord {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly generation: number;
  /** How many recovery shares there are, and how many are needed. */
  readonly recovery: { readonly shares: number; readonly threshold: number };
  /** 1 to 8. */
  readonly copies: readonly RootKeyCopy[];
}

const FORMAT = 1;
const RECORD_BYTES_MAX = 128 * 1_024;
const COPIES_MAX = 8;
const MAC_LABEL = 'latchkey root-keys record 1';

/** What a seal binds into the copy it wraps. */
export function contextOf(
  record: RootKeyRecord,
  copy: Pick<RootKeyCopy, 'sealName' | 'generation'>,
): WrapContext {
  return { clusterId: record.clusterId, sealName: copy.sealName, generation: copy.generation };
}

/** `root` (32 bytes) authenticates the record. */
export function serializeRootKeys(record: RootKeyRecord, root: SecretBytes): Uint8Array {
  const body = bodyOf(record);
  return utf8(JSON.stringify({ ...body, mac: macOf(body, root) }));
}

export interface StoredRootKeys {
  readonly record: RootKeyRecord;
  /** Checks the MAC; call it with the opened root key before trusting any member. */
  authenticates(root: SecretBytes): boolean;
}

/** @throws LatchkeyError storage_corrupt if the bytes are not such a record of a known format. */
export function parseRootKeys(bytes: Uint8Array): StoredRootKeys {
  if (bytes.byteLength > RECORD_BYTES_MAX) throw corrupt('it is too large');
  let value: unknown;
  try {
    value = parseJson(fromUtf8(bytes), 8);
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
  if (!isObject(value) || value['format'] !== FORMAT) throw corrupt('its format is unknown to this version');
  const record = readRecord(value);
  const mac = typeof value['mac'] === 'string' ? fromHex(value['mac']) : undefined;
  if (mac === undefined) throw corrupt('it has no MAC');
  return {
    record,
    authenticates: (root) => {
      const expected = fromHex(macOf(bodyOf(record), root));
      return expected !== undefined && equalConstantTime(expected, mac);
    },
  };
}

function readRecord(value: JsonObject): RootKeyRecord {
  const recovery = value['recovery'];
  const copies = value['copies'];
  if (!isObject(recovery) || !Array.isArray(copies) || copies.length < 1 || copies.length > COPIES_MAX) {
    throw corrupt('a member is missing');
  }
  return {
    clusterId: text(value, 'cluster_id'),
    clusterName: text(value, 'cluster_name'),
    generation: count(value, 'generation'),
    recovery: { shares: count(recovery, 'shares'), threshold: count(recovery, 'threshold') },
    copies: copies.map(readCopy),
  };
}

function readCopy(value: unknown): RootKeyCopy {
  if (!isObject(value)) throw corrupt('a copy is not an object');
  const blob = fromBase64(text(value, 'blob'));
  if (blob === undefined) throw corrupt('a copy is not base64');
  return {
    sealName: text(value, 'seal'),
    sealKind: text(value, 'kind'),
    generation: count(value, 'generation'),
    wrappedAt: count(value, 'wrapped_at'),
    wrapped: {
      variant: text(value, 'variant'),
      keyId: text(value, 'key_id'),
      fingerprint: text(value, 'fingerprint'),
      blob,
    },
  };
}

function bodyOf(record: RootKeyRecord): JsonObject {
  return {
    format: FORMAT,
    cluster_id: record.clusterId,
    cluster_name: record.clusterName,
    generation: record.generation,
    recovery: { shares: record.recovery.shares, threshold: record.recovery.threshold },
    copies: record.copies.map((copy) => ({
      seal: copy.sealName,
      kind: copy.sealKind,
      variant: copy.wrapped.variant,
      key_id: copy.wrapped.keyId,
      fingerprint: copy.wrapped.fingerprint,
      generation: copy.generation,
      wrapped_at: copy.wrappedAt,
      blob: toBase64(copy.wrapped.blob),
    })),
  };
}

/** Over the JSON text of the body in the member order of `bodyOf`, which is part of the format. */
function macOf(body: JsonObject, root: SecretBytes): string {
  using key = deriveMacKey(root, MAC_LABEL);
  return createHmac('sha256', key.expose()).update(JSON.stringify(body)).digest('hex');
}

function text(value: JsonObject, name: string): string {
  const member = value[name];
  if (typeof member !== 'string') throw corrupt(`${name} is not a string`);
  return member;
}

function count(value: JsonObject, name: string): number {
  const member = value[name];
  if (typeof member !== 'number' || !Number.isSafeInteger(member) || member < 0) {
    throw corrupt(`${name} is not a whole number`);
  }
  return member;
}

function corrupt(why: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('storage_corrupt', `the record ${ROOT_KEYS_PATH} cannot be read: ${why}`, {
    cause,
  });
}
