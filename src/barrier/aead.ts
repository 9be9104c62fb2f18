// The stored form of a secret record: AES-256-GCM with its header and its storage key bound in.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { SecretBytes } from '../base/bytes.ts';
import { utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';

const RECORD_FORMAT = 1;
const HEADER_BYTES = 5;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Bytes that a record is longer than its plain text. */
export const RECORD_OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/** Size of every key of this room, bytes. */
export const KEY_BYTES = 32;

/**
 * Encryptions under one term before it should be rotated: nine tenths of 2^32, after which the odds of a repeated
 * random 96-bit nonce pass 2^-32 (NIST SP 800-38D, 8.3). Vault rotates by itself at the same count.
 */
export const TERM_ENCRYPTIONS_MAX = 3_865_470_566;

/**
 * Makes a record: format byte 1, term (u32, big endian), nonce (12), ciphertext, tag (16).
 * Associated data is format byte, term and `storageKey` in UTF-8: the first two have a fixed size, so that no two
 * triples share an encoding, and a record opens neither under another key nor with another header.
 */
export function encryptRecord(
  key: SecretBytes,
  term: number,
  storageKey: string,
  plaintext: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(new ArrayBuffer(RECORD_OVERHEAD_BYTES + plaintext.byteLength));
  const view = new DataView(record.buffer);
  view.setUint8(0, RECORD_FORMAT);
  view.setUint32(1, term);
  const nonce = record.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  random.fill(nonce);
  const cipher = createCipheriv('aes-256-gcm', key.expose(), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(record, storageKey));
  record.set(cipher.update(plaintext), HEADER_BYTES + NONCE_BYTES);
  cipher.final();
  record.set(cipher.getAuthTag(), record.byteLength - TAG_BYTES);
  return record;
}

/**
 * The term that a record names; not yet authenticated.
 * @throws LatchkeyError storage_corrupt if the record is too short or of a format that this version does not know.
 */
export function termOf(storageKey: string, record: Uint8Array): number {
  if (record.byteLength < RECORD_OVERHEAD_BYTES) throw corrupt(storageKey, 'shorter than an empty record');
  if (record[0] !== RECORD_FORMAT) throw corrupt(storageKey, `unknown record format ${record[0]}`);
  return new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(1);
}

/**
 * Opens a record in its own buffer, which the caller may keep, change and wipe.
 * @throws LatchkeyError storage_corrupt, naming the storage key and never the bytes.
 */
export function decryptRecord(
  key: SecretBytes,
  storageKey: string,
  record: Uint8Array,
): Uint8Array<ArrayBuffer> {
  termOf(storageKey, record);
  const nonce = record.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key.expose(), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(record, storageKey));
  decipher.setAuthTag(record.subarray(record.byteLength - TAG_BYTES));
  // GCM gives everything in `update`; nothing of it may be used before `final` has checked the tag.
  const plaintext = decipher.update(
    record.subarray(HEADER_BYTES + NONCE_BYTES, record.byteLength - TAG_BYTES),
  );
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw corrupt(storageKey, 'does not authenticate');
  }
  return new Uint8Array(plaintext.buffer as ArrayBuffer, plaintext.byteOffset, plaintext.byteLength);
}

/** The error of every record that cannot be trusted; `why` is for the log alone. */
export function corrupt(storageKey: string, why: string): LatchkeyError {
  return new LatchkeyError('storage_corrupt', `the stored record '${storageKey}' cannot be read`, {
    detail: why,
  });
}

function associatedData(record: Uint8Array, storageKey: string): Uint8Array {
  const name = utf8(storageKey);
  const data = new Uint8Array(HEADER_BYTES + name.byteLength);
  data.set(record.subarray(0, HEADER_BYTES));
  data.set(name, HEADER_BYTES);
  return data;
}
