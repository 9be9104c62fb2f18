// AES-256-GCM as both variants use it (NIST SP 800-38D): a box is a 12-byte nonce, a ciphertext as long as the plaintext
// and a 16-byte tag.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { SecretBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** How much longer a box is than its plaintext. */
export const BOX_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;

/** @param key 32 bytes. */
export function encrypt(
  key: SecretBytes,
  secret: SecretBytes,
  associated: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  random.fill(nonce);
  const cipher = createCipheriv('aes-256-gcm', key.expose(), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  const body = cipher.update(secret.expose());
  cipher.final();
  const box = new Uint8Array(body.byteLength + BOX_OVERHEAD_BYTES);
  box.set(nonce);
  box.set(body, NONCE_BYTES);
  box.set(cipher.getAuthTag(), NONCE_BYTES + body.byteLength);
  return box;
}

/**
 * Undefined if the tag does not fit: another key, other associated data, or changed bytes.
 * @param box longer than 28 bytes.
 */
export function decrypt(key: SecretBytes, box: Uint8Array, associated: Uint8Array): SecretBytes | undefined {
  const tagAt = box.byteLength - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key.expose(), box.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associated);
  decipher.setAuthTag(box.subarray(tagAt));
  const plain = decipher.update(box.subarray(NONCE_BYTES, tagAt));
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
