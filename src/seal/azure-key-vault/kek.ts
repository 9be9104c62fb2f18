// The KEK itself: 32 bytes that Key Vault keeps as base64 text, and what is done under them on this machine.

import { createHmac } from 'node:crypto';
import { equalConstantTime, fromBase64, fromHex, SecretBytes, toBase64, utf8 } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { WrapContext } from '../seal.ts';
import { BOX_OVERHEAD_BYTES, decrypt, encrypt } from './gcm.ts';

export const KEK_BYTES = 32;
/** Largest plaintext, bytes; the contract of `Seal.wrap`. */
export const WRAP_BYTES_MAX = 64;

const FORMAT = 1;
const FINGERPRINT_LABEL = 'latchkey azurekeyvault secret kek fingerprint v1';
const WRAP_LABEL = 'latchkey azurekeyvault secret wrap v1';

export function generateKek(random: Random): SecretBytes {
  return SecretBytes.fill(KEK_BYTES, (target) => random.fill(target));
}

/** The text that Key Vault keeps. A string cannot be wiped: it lives until the collector takes it. */
export function encodeKek(kek: SecretBytes): string {
  return toBase64(kek.expose());
}

/** Undefined unless `text` is standard base64, with padding, of exactly 32 bytes. */
export function decodeKek(text: string | undefined): SecretBytes | undefined {
  if (text === undefined || text.length !== 44) return undefined;
  const bytes = fromBase64(text);
  if (bytes === undefined) return undefined;
  if (bytes.byteLength === KEK_BYTES) return SecretBytes.take(bytes);
  bytes.fill(0);
  return undefined;
}

/** Hex HMAC-SHA256 of a fixed label under the KEK: tells two KEKs apart and says nothing about either. */
export function fingerprintOf(kek: SecretBytes): string {
  return createHmac('sha256', kek.expose()).update(FINGERPRINT_LABEL).digest('hex');
}

export function fingerprintMatches(kek: SecretBytes, fingerprint: string): boolean {
  const expected = fromHex(fingerprintOf(kek));
  const given = fromHex(fingerprint);
  return expected !== undefined && given !== undefined && equalConstantTime(expected, given);
}

/** Format 1: format byte, then a box as of gcm.ts with the context as associated data. */
export function sealUnder(
  kek: SecretBytes,
  secret: SecretBytes,
  context: WrapContext,
  random: Random,
): Uint8Array {
  const box = encrypt(kek, secret, associatedData(context), random);
  const blob = new Uint8Array(1 + box.byteLength);
  blob[0] = FORMAT;
  blob.set(box, 1);
  return blob;
}

/** True if `blob` has the outer shape of a wrapped copy; says nothing about whether it opens. */
export function isWellFormed(blob: Uint8Array): boolean {
  const bodyBytes = blob.byteLength - 1 - BOX_OVERHEAD_BYTES;
  return blob[0] === FORMAT && bodyBytes >= 1 && bodyBytes <= WRAP_BYTES_MAX;
}

/** Undefined if the tag does not fit: another KEK, another context, or changed bytes. */
export function openUnder(kek: SecretBytes, blob: Uint8Array, context: WrapContext): SecretBytes | undefined {
  return decrypt(kek, blob.subarray(1), associatedData(context));
}

/** A JSON array is unambiguous: no two contexts give the same bytes. */
function associatedData(context: WrapContext): Uint8Array {
  return utf8(JSON.stringify([WRAP_LABEL, context.clusterId, context.sealName, context.generation]));
}
