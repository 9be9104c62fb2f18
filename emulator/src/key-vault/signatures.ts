// RSA signatures over digests that the client has made: node:crypto signs messages, so the encodings of RFC 8017 9.1 and
// 9.2 are written out here over its bare RSA.

import {
  constants,
  createHash,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

type Hash = 'sha256' | 'sha384' | 'sha512';

interface Scheme {
  hash: Hash;
  padding: 'pkcs1' | 'pss';
}

const SCHEMES: Record<string, Scheme> = {
  RS256: { hash: 'sha256', padding: 'pkcs1' },
  RS384: { hash: 'sha384', padding: 'pkcs1' },
  RS512: { hash: 'sha512', padding: 'pkcs1' },
  PS256: { hash: 'sha256', padding: 'pss' },
  PS384: { hash: 'sha384', padding: 'pss' },
  PS512: { hash: 'sha512', padding: 'pss' },
};

export const SIGNATURE_ALGORITHMS: readonly string[] = Object.keys(SCHEMES);

const DIGEST_BYTES: Record<Hash, number> = { sha256: 32, sha384: 48, sha512: 64 };
/** DigestInfo before the digest (RFC 8017 9.2, note 1). */
const DIGEST_INFO: Record<Hash, string> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};
const RAW = constants.RSA_NO_PADDING;

/** undefined: the digest is not as long as the algorithm's. */
export function signDigest(
  privateKey: KeyObject,
  size: number,
  algorithm: string,
  digest: Buffer,
): Buffer | undefined {
  const { hash, padding } = schemeOf(algorithm);
  if (digest.length !== DIGEST_BYTES[hash]) return undefined;
  const encoded =
    padding === 'pkcs1' ? encodePkcs1(hash, digest, size / 8) : encodePss(hash, digest, size / 8);
  // Bare RSA with the private exponent: that is what decrypting is.
  return privateDecrypt({ key: privateKey, padding: RAW }, encoded);
}

/** undefined: the digest is not as long as the algorithm's. */
export function verifyDigest(
  publicKey: KeyObject,
  size: number,
  algorithm: string,
  given: { digest: Buffer; signature: Buffer },
): boolean | undefined {
  const { hash, padding } = schemeOf(algorithm);
  const { digest, signature } = given;
  if (digest.length !== DIGEST_BYTES[hash]) return undefined;
  if (signature.length !== size / 8) return false;
  let encoded: Buffer;
  try {
    encoded = publicEncrypt({ key: publicKey, padding: RAW }, signature);
  } catch {
    // A number that is not below the modulus.
    return false;
  }
  return padding === 'pkcs1'
    ? timingSafeEqual(encoded, encodePkcs1(hash, digest, size / 8))
    : verifyPss(hash, digest, encoded);
}

function schemeOf(algorithm: string): Scheme {
  const scheme = SCHEMES[algorithm];
  if (!scheme) throw new Error(`no such algorithm: ${algorithm}`);
  return scheme;
}

/** 00 01 FF … FF 00 DigestInfo digest */
function encodePkcs1(hash: Hash, digest: Buffer, length: number): Buffer {
  const info = Buffer.concat([Buffer.from(DIGEST_INFO[hash], 'hex'), digest]);
  const filler = Buffer.alloc(length - info.length - 3, 0xff);
  return Buffer.concat([Buffer.from([0, 1]), filler, Buffer.from([0]), info]);
}

/** Salt as long as the digest, as JWA wants it (RFC 7518 3.5). Key lengths here are whole bytes, so one bit is cleared. */
function encodePss(hash: Hash, digest: Buffer, length: number): Buffer {
  const salt = randomBytes(digest.length);
  const seed = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const block = Buffer.concat([Buffer.alloc(length - seed.length - salt.length - 2), Buffer.from([1]), salt]);
  const masked = xor(block, mask(hash, seed, block.length));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return Buffer.concat([masked, seed, Buffer.from([0xbc])]);
}

function verifyPss(hash: Hash, digest: Buffer, encoded: Buffer): boolean {
  const bytes = digest.length;
  const masked = encoded.subarray(0, encoded.length - bytes - 1);
  const seed = encoded.subarray(masked.length, -1);
  if (encoded.at(-1) !== 0xbc || ((masked[0] ?? 0) & 0x80) !== 0) return false;
  const block = xor(masked, mask(hash, seed, masked.length));
  block[0] = (block[0] ?? 0) & 0x7f;
  const head = block.subarray(0, block.length - bytes - 1);
  if (head.some((byte) => byte !== 0) || block[head.length] !== 1) return false;
  const salt = block.subarray(head.length + 1);
  const wanted = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  return timingSafeEqual(wanted, seed);
}

/** MGF1 (RFC 8017 B.2.1). */
function mask(hash: Hash, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0; blocks.length * DIGEST_BYTES[hash] < length; counter++) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(seed).update(number).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));
}
