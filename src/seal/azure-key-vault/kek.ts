// The KEK itself: 32 bytes that Key Vault keeps as base64 text, and what is done under them on this machine.

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { equalConstantTime, fromBase64, fromHex, SecretBytes, toBase64, utf8 } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { WrapContext } from '../seal.ts';

export const KEK_BYTES = 32;
/** Largest plaintext, bytes; the contract of `Seal.wrap`. */
export const WRAP_BYTES_MAX = 64;

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;
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

/**
 * AES-256-GCM with the context as associated data (NIST SP 800-38D).
 * Format 1: format byte, 12-byte nonce, ciphertext as long as the plaintext, 16-byte tag.
 */
export function sealUnder(
  kek: SecretBytes,
  secret: SecretBytes,
  context: WrapContext,
  random: Random,
): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  random.fill(nonce);
  const cipher = createCipheriv('aes-256-gcm', kek.expose(), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context));
  const body = cipher.update(secret.expose());
  cipher.final();
  const blob = new Uint8Array(HEAD_BYTES + body.byteLength + TAG_BYTES);
  blob[0] = FORMAT;
  blob.set(nonce, 1);
  blob.set(body, HEAD_BYTES);
  blob.set(cipher.getAuthTag(), HEAD_BYTES + body.byteLength);
  return blob;
}

/** True if `blob` has the outer shape of a wrapped copy; says nothing about whether it opens. */
export function isWellFormed(blob: Uint8Array): boolean {
  const bodyBytes = blob.byteLength - HEAD_BYTES - TAG_BYTES;
  return blob[0] === FORMAT && bodyBytes >= 1 && bodyBytes <= WRAP_BYTES_MAX;
}

/** Undefined if the tag does not fit: another KEK, another context, or changed bytes. */
export function openUnder(kek: SecretBytes, blob: Uint8Array, context: WrapContext): SecretBytes | undefined {
  const nonce = blob.subarray(1, HEAD_BYTES);
  const tag = blob.subarray(blob.byteLength - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', kek.expose(), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(tag);
  const plain = decipher.update(blob.subarray(HEAD_BYTES, blob.byteLength - TAG_BYTES));
  try {
    decipher.final();
    return SecretBytes.take(plain);
  } catch {
    return undefined;
  } finally {
    // Before the tag is checked, GCM has already given out the plaintext.
    plain.fill(0);
  }
}

/** A JSON array is unambiguous: no two contexts give the same bytes. */
function associatedData(context: WrapContext): Uint8Array {
  return utf8(JSON.stringify([WRAP_LABEL, context.clusterId, context.sealName, context.generation]));
}
