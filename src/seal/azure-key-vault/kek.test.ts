// The format of a wrapped blob, and that the KEK is taken from a strict text only.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fromHex, SecretBytes, toHex } from '../../base/bytes.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import {
  decodeKek,
  encodeKek,
  fingerprintMatches,
  fingerprintOf,
  generateKek,
  isWellFormed,
  openUnder,
  sealUnder,
} from './kek.ts';

const context = { clusterId: 'c1', sealName: 'azure', generation: 1 };
const kekOf = (byte: number) => SecretBytes.fill(32, (target) => target.fill(byte));

/** Counts up, so that a golden blob can be made again. */
const counting: Random = {
  ...systemRandom,
  fill(target) {
    for (let at = 0; at < target.byteLength; at += 1) target[at] = at;
  },
};

describe('a wrapped blob', () => {
  // Computed apart from this code, with Python's cryptography package.
  const GOLDEN =
    '01000102030405060708090a0b31c19431598117d6369af1bde68dd504eb83224a3757700d8bc29d5ddf62410c454dfaa33d76b7bbf54430675a2ca766';

  test('of format 1 is what it was and opens for ever', () => {
    using kek = kekOf(0x11);
    using root = kekOf(0x22);
    assert.equal(toHex(sealUnder(kek, root, context, counting)), GOLDEN);
    const blob = fromHex(GOLDEN);
    assert.ok(blob !== undefined && isWellFormed(blob));
    using opened = openUnder(kek, blob, context);
    assert.ok(opened?.equals(root));
  });

  test('opens for its own KEK and context alone, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (plain, flip) => {
        using kek = generateKek(systemRandom);
        using other = generateKek(systemRandom);
        using secret = SecretBytes.copyOf(plain);
        const blob = sealUnder(kek, secret, context, systemRandom);
        using opened = openUnder(kek, blob, context);
        assert.ok(opened?.equals(secret));
        assert.equal(openUnder(other, blob, context), undefined);
        assert.equal(openUnder(kek, blob, { ...context, generation: 2 }), undefined);
        const at = 1 + (flip % (blob.byteLength - 1));
        blob[at] = (blob[at] ?? 0) ^ 0x80;
        assert.equal(openUnder(kek, blob, context), undefined);
      }),
      { numRuns: 50 },
    );
  });

  test('is refused by its shape before any key is used', () => {
    for (const [first, size] of [
      [1, 29],
      [1, 94],
      [0, 61],
      [2, 61],
    ] as const) {
      const blob = new Uint8Array(size);
      blob[0] = first;
      assert.equal(isWellFormed(blob), false, `${first}, ${size}`);
    }
    assert.equal(isWellFormed(new Uint8Array(0)), false);
  });
});

describe('the text of a KEK', () => {
  test('is base64 of 32 bytes and nothing else', () => {
    using kek = kekOf(0xfb);
    const text = encodeKek(kek);
    using again = decodeKek(text);
    assert.ok(again?.equals(kek));
    const odd = [
      undefined,
      '',
      text.slice(0, -1),
      `${text}\n`,
      ` ${text}`,
      text.replaceAll('+', '-'),
      Buffer.alloc(31).toString('base64'),
      Buffer.alloc(33).toString('base64'),
      'x'.repeat(44),
    ];
    for (const bad of odd) assert.equal(decodeKek(bad), undefined);
  });

  test('a fingerprint tells two KEKs apart and is no plain digest', async () => {
    using one = kekOf(1);
    using two = kekOf(2);
    assert.ok(fingerprintMatches(one, fingerprintOf(one)));
    assert.ok(!fingerprintMatches(one, fingerprintOf(two)));
    for (const bad of ['', 'zz', '00'.repeat(31)]) assert.ok(!fingerprintMatches(one, bad));
    const { createHash } = await import('node:crypto');
    assert.notEqual(fingerprintOf(one), createHash('sha256').update(one.expose()).digest('hex'));
  });
});
