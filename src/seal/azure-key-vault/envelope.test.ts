// The envelope of the key variant: its golden blob, what it is bound to, and shapes that are refused.

import assert from 'node:assert/strict';
import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromHex, SecretBytes, toHex } from '../../base/bytes.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import {
  fillBox,
  fingerprintOfKey,
  generateDataKey,
  joinEnvelope,
  openBox,
  splitEnvelope,
} from './envelope.ts';

interface Vector {
  readonly context: { readonly clusterId: string; readonly sealName: string; readonly generation: number };
  readonly root_key: string;
  readonly modulus: string;
  readonly exponent: string;
  readonly private_key_pkcs8: string;
  readonly fingerprint: string;
  readonly blob: string;
}

const VECTORS = join(import.meta.dirname, '..', '..', '..', 'test', 'vectors', 'seal');
const golden = JSON.parse(readFileSync(join(VECTORS, 'azure-key-envelope-2.json'), 'utf8')) as Vector;
const { context, fingerprint } = golden;

const fromBase64Url = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'));

/** Counts up, so that the golden box can be made again. */
const counting: Random = {
  ...systemRandom,
  fill(target) {
    for (let at = 0; at < target.byteLength; at += 1) target[at] = at;
  },
};

/** What Key Vault does, with a private key that this test has. */
function unwrapKey(wrapped: Uint8Array): SecretBytes {
  const der = Buffer.from(golden.private_key_pkcs8, 'base64');
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return SecretBytes.take(privateDecrypt({ key, padding, oaepHash: 'sha256' }, wrapped));
}

describe('an envelope', () => {
  test('of format 2 is what it was and opens for ever', () => {
    assert.equal(
      fingerprintOfKey(fromBase64Url(golden.modulus), fromBase64Url(golden.exponent)),
      fingerprint,
    );
    const envelope = splitEnvelope(fromHex(golden.blob) ?? new Uint8Array());
    assert.ok(envelope !== undefined);
    using dataKey = unwrapKey(envelope.wrappedKey);
    using opened = openBox(dataKey, envelope.box, context, fingerprint);
    assert.equal(opened && toHex(opened.expose()), golden.root_key);
    using root = SecretBytes.take(fromHex(golden.root_key) ?? new Uint8Array());
    const box = fillBox(dataKey, root, context, fingerprint, counting);
    assert.equal(toHex(joinEnvelope({ wrappedKey: envelope.wrappedKey, box })), golden.blob);
  });

  test('opens for its own data key, context and fingerprint alone, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.integer({ min: 256, max: 1024 }),
        fc.nat(),
        (plain, wrappedBytes, flip) => {
          using dataKey = generateDataKey(systemRandom);
          using other = generateDataKey(systemRandom);
          using secret = SecretBytes.copyOf(plain);
          const wrappedKey = new Uint8Array(wrappedBytes);
          const made = fillBox(dataKey, secret, context, fingerprint, systemRandom);
          const split = splitEnvelope(joinEnvelope({ wrappedKey, box: made }));
          assert.ok(split !== undefined && split.wrappedKey.byteLength === wrappedBytes);
          const box = Uint8Array.from(split.box);
          using opened = openBox(dataKey, box, context, fingerprint);
          assert.ok(opened?.equals(secret));
          assert.equal(openBox(other, box, context, fingerprint), undefined);
          assert.equal(openBox(dataKey, box, { ...context, generation: 2 }, fingerprint), undefined);
          assert.equal(openBox(dataKey, box, { ...context, clusterId: 'c2' }, fingerprint), undefined);
          assert.equal(openBox(dataKey, box, context, '0'.repeat(64)), undefined);
          const at = flip % box.byteLength;
          box[at] = (box[at] ?? 0) ^ 0x80;
          assert.equal(openBox(dataKey, box, context, fingerprint), undefined);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('is refused by its shape before anybody is asked', () => {
    const blob = (first: number, wrappedBytes: number, rest: number) => {
      const bytes = new Uint8Array(3 + rest);
      bytes[0] = first;
      new DataView(bytes.buffer).setUint16(1, wrappedBytes);
      return bytes;
    };
    const odd = [
      new Uint8Array(0),
      Uint8Array.of(2),
      blob(1, 256, 256 + 60),
      blob(3, 256, 256 + 60),
      blob(2, 255, 255 + 60),
      blob(2, 1025, 1025 + 60),
      blob(2, 256, 256 + 28),
      blob(2, 256, 256 + 28 + 65),
      blob(2, 65_535, 300),
    ];
    for (const [index, bytes] of odd.entries()) assert.equal(splitEnvelope(bytes), undefined, String(index));
    assert.ok(splitEnvelope(blob(2, 256, 256 + 60)) !== undefined);
    // Part of a larger buffer, as storage may give it.
    const larger = new Uint8Array(500);
    larger.set(blob(2, 256, 256 + 60), 7);
    assert.ok(splitEnvelope(larger.subarray(7, 7 + 3 + 256 + 60)) !== undefined);
  });
});

test('a fingerprint is of the public key as it is in a SubjectPublicKeyInfo, and leading zeros do not count', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const plain = fingerprintOfKey(fromBase64Url(n), fromBase64Url(e));
  assert.match(plain, /^[0-9a-f]{64}$/);
  assert.equal(fingerprintOfKey(Uint8Array.of(0, ...fromBase64Url(n)), fromBase64Url(e)), plain);
});
