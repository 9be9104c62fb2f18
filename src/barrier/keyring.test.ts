import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { encryptRecord } from './aead.ts';
import { decryptKeyring, deriveMacKey, encryptKeyring, KEYRING_KEY, Keyring } from './keyring.ts';

interface KeyringVector {
  readonly root: string;
  readonly terms: readonly { readonly term: number; readonly installedAt: number; readonly key: string }[];
  readonly plaintext: string;
  readonly record: string;
}
const vector = JSON.parse(
  readFileSync(new URL('../../test/vectors/barrier/keyring-1.json', import.meta.url), 'utf8'),
) as KeyringVector;

const isCorrupt = (error: unknown) => hasCode(error, 'storage_corrupt');
const freshRoot = () => SecretBytes.fill(32, (target) => systemRandom.fill(target));

function unhex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(text);
  assert.ok(bytes);
  return bytes;
}

test('the golden keyring of format 1 opens with each of its terms', () => {
  const keyring = decryptKeyring(unhex(vector.record), SecretBytes.take(unhex(vector.root)));
  assert.equal(keyring.size, vector.terms.length);
  for (const { term, installedAt, key } of vector.terms) {
    const found = keyring.find(term);
    assert.ok(found);
    assert.equal(found.installedAt, installedAt);
    assert.equal(toHex(found.key.expose()), key);
  }
  assert.equal(keyring.newest.term, 2);
  assert.equal(toHex(keyring.serialize().expose()), vector.plaintext);
});

test('a keyring of any number of rotations comes back whole, and rotation keeps every key', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 8.64e15 }), (rotations, now) => {
      const keyrings = [Keyring.create(systemRandom, now)];
      for (let done = 0; done < rotations; done += 1) {
        const last = keyrings.at(-1);
        assert.ok(last);
        keyrings.push(last.rotated(systemRandom, now));
      }
      const last = keyrings.at(-1);
      assert.ok(last);
      const root = freshRoot();
      const back = decryptKeyring(encryptKeyring(last, root, systemRandom), root);
      assert.equal(back.size, rotations + 1);
      for (const earlier of keyrings) {
        const { term, key } = earlier.newest;
        assert.ok(back.find(term)?.key.equals(key));
        assert.equal(back.find(term)?.installedAt, now);
      }
    }),
    { numRuns: 30 },
  );
});

test('parse refuses every byte too few or too many, and nonsense in any field', () => {
  const good = unhex(vector.plaintext);
  const changed = (change: (view: DataView) => void) => {
    const bytes = good.slice();
    change(new DataView(bytes.buffer));
    return bytes;
  };
  Keyring.parse(good).wipe();
  const bad: Record<string, Uint8Array> = {
    'unknown format': changed((view) => view.setUint8(0, 2)),
    'count of nought': changed((view) => view.setUint16(1, 0)),
    'count too small': changed((view) => view.setUint16(1, 1)),
    'count too large': changed((view) => view.setUint16(1, 3)),
    'term nought': changed((view) => view.setUint32(3, 0)),
    'term twice': changed((view) => view.setUint32(47, 1)),
    'terms falling': changed((view) => view.setUint32(3, 9)),
    'time beyond Date': changed((view) => view.setBigUint64(7, 8_640_000_000_000_001n)),
    'empty header and no term': new Uint8Array([1, 0, 0]),
    'too many terms': Buffer.concat([new Uint8Array([1, 0xff, 0xff]), new Uint8Array(0xffff * 44)]),
    'one byte more': Buffer.concat([good, new Uint8Array(1)]),
  };
  for (const [name, bytes] of Object.entries(bad)) assert.throws(() => Keyring.parse(bytes), isCorrupt, name);
  for (let size = 0; size < good.byteLength; size += 1) {
    assert.throws(() => Keyring.parse(good.subarray(0, size)), isCorrupt, `${size} bytes`);
  }
});

test('parse never throws anything but storage_corrupt', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        Keyring.parse(bytes).wipe();
      } catch (error) {
        assert.ok(isCorrupt(error));
      }
    }),
  );
});

test('another root key opens nothing, and a data record does not pass for a keyring', () => {
  const root = freshRoot();
  const keyring = Keyring.create(systemRandom, 0);
  const record = encryptKeyring(keyring, root, systemRandom);
  assert.throws(() => decryptKeyring(record, freshRoot()), isCorrupt);
  using plaintext = keyring.serialize();
  const asData = encryptRecord(root, 1, KEYRING_KEY, plaintext.expose(), systemRandom);
  assert.throws(() => decryptKeyring(asData, root), isCorrupt);
});

test('a wiped keyring has no key left, and a rotated one has its own', () => {
  const first = Keyring.create(systemRandom, 0);
  const second = first.rotated(systemRandom, 1);
  first.wipe();
  assert.throws(() => first.newest.key.expose(), /wiped/);
  assert.equal(
    second
      .find(1)
      ?.key.expose()
      .some((byte) => byte !== 0),
    true,
  );
});

test('the MAC key is HKDF-SHA256 as RFC 5869 writes it, and each label has its own', () => {
  const root = freshRoot();
  const hmac = (key: Uint8Array, ...data: Uint8Array[]) => {
    const mac = createHmac('sha256', key);
    for (const part of data) mac.update(part);
    return mac.digest();
  };
  // Extract with the salt of 32 zeros that stands for none, then the first block of expand.
  const byHand = hmac(hmac(new Uint8Array(32), root.expose()), utf8('label'), new Uint8Array([1]));
  assert.equal(toHex(deriveMacKey(root, 'label').expose()), toHex(byHand));
  assert.ok(!deriveMacKey(root, 'label').equals(deriveMacKey(root, 'other')));
});
