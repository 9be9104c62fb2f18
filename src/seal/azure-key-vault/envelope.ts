// The envelope of the key variant: a fresh data key encrypts the root key on this machine, and Key Vault wraps the data
// key. RSA-OAEP binds nothing to what it wraps, so the context is bound inside, as associated data of AES-256-GCM.

import { createHash, createPublicKey } from 'node:crypto';
import { SecretBytes, toBase64, utf8 } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { WrapContext } from '../seal.ts';
import { BOX_OVERHEAD_BYTES, decrypt, encrypt } from './gcm.ts';
import { WRAP_BYTES_MAX } from './kek.ts';

export const DATA_KEY_BYTES = 32;

/** Not 1: that is the secret variant's, and a blob says by itself what it is. */
const FORMAT = 2;
const HEAD_BYTES = 3;
/** RSA-2048 and RSA-8192; Key Vault has up to 4096. */
const WRAPPED_BYTES_MIN = 256;
const WRAPPED_BYTES_MAX = 1024;
const LABEL = 'latchkey azurekeyvault key envelope v1';

/** An envelope taken apart. */
export interface Envelope {
  /** The data key as Key Vault wrapped it: as long as the modulus. */
  readonly wrappedKey: Uint8Array;
  readonly box: Uint8Array;
}

export function generateDataKey(random: Random): SecretBytes {
  return SecretBytes.fill(DATA_KEY_BYTES, (target) => random.fill(target));
}

/**
 * Hex SHA-256 of the public key's SubjectPublicKeyInfo, DER (RFC 5280 4.1.2.7).
 * @throws Error unless the two make an RSA key.
 */
export function fingerprintOfKey(modulus: Uint8Array, exponent: Uint8Array): string {
  const jwk = { kty: 'RSA', n: toBase64Url(modulus), e: toBase64Url(exponent) };
  const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/** @param fingerprint of the key that wraps `dataKey`; bound in with the context. */
export function fillBox(
  dataKey: SecretBytes,
  secret: SecretBytes,
  context: WrapContext,
  fingerprint: string,
  random: Random,
): Uint8Array {
  return encrypt(dataKey, secret, associatedData(context, fingerprint), random);
}

/** Undefined if the tag does not fit. */
export function openBox(
  dataKey: SecretBytes,
  box: Uint8Array,
  context: WrapContext,
  fingerprint: string,
): SecretBytes | undefined {
  return decrypt(dataKey, box, associatedData(context, fingerprint));
}

/** Format 2: format byte, length of the wrapped data key (2 bytes, big-endian), wrapped data key, box as of gcm.ts. */
export function joinEnvelope({ wrappedKey, box }: Envelope): Uint8Array {
  const blob = new Uint8Array(HEAD_BYTES + wrappedKey.byteLength + box.byteLength);
  blob[0] = FORMAT;
  new DataView(blob.buffer).setUint16(1, wrappedKey.byteLength);
  blob.set(wrappedKey, HEAD_BYTES);
  blob.set(box, HEAD_BYTES + wrappedKey.byteLength);
  return blob;
}

/** Undefined unless `blob` has the outer shape; says nothing about whether it opens. */
export function splitEnvelope(blob: Uint8Array): Envelope | undefined {
  if (blob[0] !== FORMAT || blob.byteLength < HEAD_BYTES) return undefined;
  const wrappedBytes = new DataView(blob.buffer, blob.byteOffset).getUint16(1);
  const bodyBytes = blob.byteLength - HEAD_BYTES - wrappedBytes - BOX_OVERHEAD_BYTES;
  if (!isWrappedSize(wrappedBytes) || bodyBytes < 1 || bodyBytes > WRAP_BYTES_MAX) return undefined;
  return {
    wrappedKey: blob.subarray(HEAD_BYTES, HEAD_BYTES + wrappedBytes),
    box: blob.subarray(HEAD_BYTES + wrappedBytes),
  };
}

export function isWrappedSize(bytes: number): boolean {
  return bytes >= WRAPPED_BYTES_MIN && bytes <= WRAPPED_BYTES_MAX;
}

/** A JSON array is unambiguous: no two contexts give the same bytes. */
function associatedData(context: WrapContext, fingerprint: string): Uint8Array {
  const { clusterId, sealName, generation } = context;
  return utf8(JSON.stringify([LABEL, clusterId, sealName, generation, fingerprint]));
}

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
