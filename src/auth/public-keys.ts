// Public keys that sign JWTs: out of PEM, and out of a JSON Web Key Set (RFC 7517).

import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';

export interface VerificationKey {
  readonly key: KeyObject;
  /** Undefined for keys out of PEM and for those of a key set that have none. */
  readonly kid: string | undefined;
  /** The only algorithm that the key set allows the key; undefined: any that fits it. */
  readonly alg: string | undefined;
}

/** Most keys of one source; more would make a token without `kid` dear to check. */
export const KEYS_MAX = 100;
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 16_384;
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** One key a text: of what stands behind the first in a text, nothing is read. */
export function pemsOf(given: readonly string[] = []): readonly string[] {
  return given.map((pem) => pem.trim()).filter((pem) => pem !== '');
}

/** A key (RFC 7468 `PUBLIC KEY` or PKCS #1) or the key of a certificate. Undefined if it is neither, or too weak. */
export function publicKeyOfPem(pem: string): VerificationKey | undefined {
  // A private key would be taken too, and its public half used: it has no business being here.
  if (/PRIVATE KEY/.test(pem)) return undefined;
  return usable(() => {
    return /-----BEGIN CERTIFICATE-----/.test(pem)
      ? new X509Certificate(pem).publicKey
      : createPublicKey({ key: pem, format: 'pem' });
  });
}

/**
 * The keys of a set that can check signatures; others (for encryption, symmetric, of kinds that we do not know) are
 * left out, as RFC 7517 section 5 asks for. Undefined if it is no key set or has more than KEYS_MAX keys.
 */
export function keysOfSet(set: JsonValue): readonly VerificationKey[] | undefined {
  const keys = isObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) return undefined;
  return keys.flatMap((jwk) => {
    const key = isObject(jwk) ? keyOfJwk(jwk) : undefined;
    return key === undefined ? [] : [key];
  });
}

function keyOfJwk(jwk: JsonObject): VerificationKey | undefined {
  const { use, key_ops: operations, kid, alg } = jwk;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  const found = usable(() => {
    // Public members alone: whoever publishes a private key by mistake does not make us hold it.
    const { kty, n, e, crv, x, y } = jwk;
    const members = Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => typeof value === 'string');
    return createPublicKey({ key: Object.fromEntries(members), format: 'jwk' });
  });
  if (found === undefined) return undefined;
  return {
    key: found.key,
    kid: typeof kid === 'string' ? kid : undefined,
    alg: typeof alg === 'string' ? alg : undefined,
  };
}

function usable(read: () => KeyObject): VerificationKey | undefined {
  try {
    const key = read();
    return isStrong(key) ? { key, kid: undefined, alg: undefined } : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7518 section 3.3: RSA keys of 2048 bits or more. */
function isStrong(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX;
    case 'ec':
      return CURVES.includes(namedCurve);
    default:
      return key.asymmetricKeyType === 'ed25519';
  }
}

/** Whether `key` can have made a signature of this algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1). */
export function fits(found: VerificationKey, alg: string): boolean {
  if (found.alg !== undefined && found.alg !== alg) return false;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = found.key;
  if (alg === 'EdDSA') return type === 'ed25519';
  if (/^(RS|PS)(256|384|512)$/.test(alg)) return type === 'rsa';
  const curve = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }[alg];
  return curve !== undefined && type === 'ec' && details?.namedCurve === curve;
}

/** True if every certificate of `pem` can be read, and there is one. */
export function isCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.byteLength > 0;
  } catch {
    return false;
  }
}
