// RSA with node:crypto: key generation off the main thread, and the paddings that Key Vault offers.

import {
  constants,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  type RsaPrivateKey,
} from 'node:crypto';
import { promisify } from 'node:util';

export const RSA_KEY_SIZES = [2048, 3072, 4096] as const;
export type RsaKeySize = (typeof RSA_KEY_SIZES)[number];

export interface RsaPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

interface Padding {
  padding: RsaPrivateKey['padding'];
  oaepHash?: string;
  /** Bytes of a block that the padding itself takes (RFC 8017 7.1.1 and 7.2.1). */
  overhead: number;
}

/** Azure's algorithm names. */
const PADDINGS: Record<string, Padding> = {
  'RSA-OAEP-256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256', overhead: 66 },
  'RSA-OAEP': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1', overhead: 42 },
  RSA1_5: { padding: constants.RSA_PKCS1_PADDING, overhead: 11 },
};

export const RSA_ALGORITHMS: readonly string[] = Object.keys(PADDINGS);

const generate = promisify(generateKeyPair);

/** `size` in bits; public exponent 65537. A 4096-bit key can take seconds. */
export function generateRsaKey(size: RsaKeySize): Promise<RsaPair> {
  return generate('rsa', { modulusLength: size });
}

/** undefined: the plaintext is too long for this key and algorithm. */
export function rsaEncrypt(
  publicKey: KeyObject,
  size: RsaKeySize,
  algorithm: string,
  plaintext: Buffer,
): Buffer | undefined {
  const { overhead, ...padding } = paddingOf(algorithm);
  if (plaintext.length > size / 8 - overhead) return undefined;
  return publicEncrypt({ key: publicKey, ...padding }, plaintext);
}

/**
 * undefined: not a ciphertext of this key and algorithm. For RSA1_5 OpenSSL gives random bytes instead (implicit
 * rejection, against Bleichenbacher's attack), so there a wrong key shows only in the result.
 */
export function rsaDecrypt(
  privateKey: KeyObject,
  size: RsaKeySize,
  algorithm: string,
  ciphertext: Buffer,
): Buffer | undefined {
  const { overhead: _, ...padding } = paddingOf(algorithm);
  if (ciphertext.length !== size / 8) return undefined;
  try {
    return privateDecrypt({ key: privateKey, ...padding }, ciphertext);
  } catch {
    return undefined;
  }
}

function paddingOf(algorithm: string): Padding {
  const padding = PADDINGS[algorithm];
  if (!padding) throw new Error(`no such algorithm: ${algorithm}`);
  return padding;
}
