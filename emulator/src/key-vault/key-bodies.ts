// Reads what clients send to the keys API, and refuses what Key Vault refuses: 400 BadParameter.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { asObject } from '../http/message.ts';
import { badParameter, readChange, readObject } from './bodies.ts';
import { RSA_ALGORITHMS, RSA_KEY_SIZES, type RsaKeySize, type RsaPair } from './key-crypto.ts';
import type { KeyChange, KeyType, NewKey } from './keys.ts';
import { SIGNATURE_ALGORITHMS } from './signatures.ts';

export interface KeyOperationRequest {
  algorithm: string;
  value: Buffer;
}

const KEY_OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey', 'import', 'export'];
/** The largest RSA block here is 512 bytes; the rest is room for a clear refusal. */
const VALUE_CHARS_MAX = 8192;

export function readNewKey(body: Buffer): NewKey {
  const object = readObject(body);
  const type = readType(object['kty']);
  const exponent = object['public_exponent'] ?? 65_537;
  if (exponent !== 65_537)
    throw badParameter('This emulator makes RSA keys with public_exponent 65537 only.');
  if ((object['release_policy'] ?? undefined) !== undefined) {
    throw badParameter('This emulator does not have release policies.');
  }
  return { type, size: readSize(object['key_size']), ...readKeyOps(object) };
}

export function readKeyChange(body: Buffer): KeyChange {
  return readKeyOps(readObject(body));
}

/** The private key and all that a new version says; only RSA is taken. */
export function readImport(body: Buffer): { request: NewKey; pair: RsaPair } {
  const object = readObject(body);
  const jwk = asObject(object['key']);
  if (!jwk) throw badParameter('The request must contain key.');
  const kty = readType(jwk['kty']);
  const type = kty === 'RSA-HSM' || object['Hsm'] === true ? 'RSA-HSM' : 'RSA';
  const pair = readPair(jwk);
  const size = readSize(pair.publicKey.asymmetricKeyDetails?.modulusLength);
  return { request: { type, size, ...readKeyOps({ ...object, key_ops: jwk['key_ops'] }) }, pair };
}

function readPair(jwk: Record<string, unknown>): RsaPair {
  const members: Record<string, string> = { kty: 'RSA' };
  for (const name of ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi']) {
    const value = jwk[name];
    if (typeof value !== 'string') throw badParameter(`key.${name} is missing.`);
    // Some clients fill up to whole groups of four.
    members[name] = value.replace(/=+$/, '');
  }
  try {
    const privateKey = createPrivateKey({ key: members, format: 'jwk' });
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch {
    throw badParameter('key is no RSA private key.');
  }
}

export interface SignRequest {
  algorithm: string;
  digest: Buffer;
  /** Present to verify. */
  signature: Buffer | undefined;
}

/** sign has the digest as `value`; verify has it as `digest`, and the signature as `value`. */
export function readSignature(body: Buffer, verb: 'sign' | 'verify'): SignRequest {
  const object = readObject(body);
  const { alg } = object;
  if (typeof alg !== 'string' || !SIGNATURE_ALGORITHMS.includes(alg)) {
    throw badParameter(
      `Key and algorithm are not compatible: alg must be one of ${SIGNATURE_ALGORITHMS.join(', ')}.`,
    );
  }
  return verb === 'sign'
    ? { algorithm: alg, digest: readBytes(object, 'value'), signature: undefined }
    : { algorithm: alg, digest: readBytes(object, 'digest'), signature: readBytes(object, 'value') };
}

/** rotate takes no body; some clients send an empty object. */
export function readNothing(body: Buffer): void {
  if (body.length > 0) readObject(body);
}

export function readKeyOperation(body: Buffer): KeyOperationRequest {
  const object = readObject(body);
  const { alg } = object;
  if (typeof alg !== 'string' || !RSA_ALGORITHMS.includes(alg)) {
    throw badParameter(
      `Key and algorithm are not compatible: alg must be one of ${RSA_ALGORITHMS.join(', ')}.`,
    );
  }
  for (const name of ['iv', 'aad', 'tag']) {
    if ((object[name] ?? undefined) !== undefined) throw badParameter(`${name} is not used with ${alg}.`);
  }
  return { algorithm: alg, value: readBytes(object, 'value') };
}

function readBytes(object: Record<string, unknown>, name: string): Buffer {
  const value = object[name];
  if (typeof value !== 'string' || value.length > VALUE_CHARS_MAX || !/^[\w-]+={0,2}$/.test(value)) {
    throw badParameter(`${name} must be base64url.`);
  }
  return Buffer.from(value, 'base64url');
}

function readType(kty: unknown): KeyType {
  if (typeof kty !== 'string') throw badParameter('The request must contain kty.');
  const type = (['RSA', 'RSA-HSM'] as const).find((known) => known === kty.toUpperCase());
  if (type) return type;
  if (/^oct(-HSM)?$/i.test(kty)) {
    throw badParameter(`kty ${kty} is not supported in a vault: symmetric keys need a Managed HSM.`);
  }
  if (/^EC(-HSM)?$/i.test(kty)) throw badParameter(`This emulator does not have ${kty} keys, only RSA.`);
  throw badParameter(`The kty ${JSON.stringify(kty.slice(0, 40))} is not known.`);
}

function readSize(given: unknown): RsaKeySize {
  if (given === undefined || given === null) return 2048;
  const size = RSA_KEY_SIZES.find((known) => known === given);
  if (size === undefined) throw badParameter('key_size of an RSA key must be 2048, 3072 or 4096.');
  return size;
}

function readKeyOps(object: Record<string, unknown>): KeyChange {
  const attributes = object['attributes'];
  if (typeof attributes === 'object' && attributes !== null && 'exportable' in attributes) {
    if (attributes.exportable === true) throw badParameter('This emulator does not have exportable keys.');
  }
  const { tags, attributes: read } = readChange(object);
  const given = object['key_ops'] ?? undefined;
  if (given === undefined) return { tags, attributes: read };
  if (!Array.isArray(given)) throw badParameter('key_ops must be a list.');
  const operations = given.map((name: unknown) => {
    const known = KEY_OPS.find((op) => typeof name === 'string' && op.toLowerCase() === name.toLowerCase());
    if (!known) throw badParameter(`key_ops holds an unknown operation; known are ${KEY_OPS.join(', ')}.`);
    return known;
  });
  return { tags, attributes: read, operations: [...new Set(operations)] };
}
