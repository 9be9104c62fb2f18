import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { decryptRecord, encryptRecord, RECORD_OVERHEAD_BYTES, termOf } from './aead.ts';

const vector = JSON.parse(
  readFileSync(new URL('../../test/vectors/barrier/record-1.json', import.meta.url), 'utf8'),
) as { key: string; storageKey: string; term: number; plaintext: string; record: string };

const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => SecretBytes.copyOf(bytes));
const anyTerm = fc.integer({ min: 0, max: 0xffff_ffff });
const anyPath = fc.string({ minLength: 1, unit: 'grapheme' });
const isCorrupt = (error: unknown) => hasCode(error, 'storage_corrupt');

function unhex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(text);
  assert.ok(bytes);
  return bytes;
}

test('the golden record of format 1 opens', () => {
  const record = unhex(vector.record);
  assert.equal(termOf(vector.storageKey, record), vector.term);
  const opened = decryptRecord(SecretBytes.take(unhex(vector.key)), vector.storageKey, record);
  assert.equal(toHex(opened), vector.plaintext);
});

test('the golden record opens by the documented layout alone, with WebCrypto', async () => {
  const record = unhex(vector.record);
  const key = await webcrypto.subtle.importKey('raw', unhex(vector.key), 'AES-GCM', false, ['decrypt']);
  const additionalData = Buffer.concat([record.subarray(0, 5), utf8(vector.storageKey)]);
  const algorithm = { name: 'AES-GCM', iv: record.subarray(5, 17), additionalData };
  const opened = await webcrypto.subtle.decrypt(algorithm, key, record.subarray(17));
  assert.equal(toHex(new Uint8Array(opened)), vector.plaintext);
});

test('what was encrypted opens under the same key, term and storage key', () => {
  fc.assert(
    fc.property(anyKey, anyTerm, anyPath, fc.uint8Array({ maxLength: 300 }), (key, term, path, plaintext) => {
      const record = encryptRecord(key, term, path, plaintext, systemRandom);
      assert.equal(record.byteLength, plaintext.byteLength + RECORD_OVERHEAD_BYTES);
      assert.equal(termOf(path, record), term);
      assert.deepEqual(decryptRecord(key, path, record), plaintext);
    }),
  );
});

test('a record with any bit flipped is refused', () => {
  const key = SecretBytes.fill(32, (target) => systemRandom.fill(target));
  const record = encryptRecord(key, 3, 'a/b', utf8('value'), systemRandom);
  for (let bit = 0; bit < record.byteLength * 8; bit += 1) {
    const changed = record.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => decryptRecord(key, 'a/b', changed), isCorrupt, `bit ${bit}`);
  }
});

test('a record cut anywhere, or lengthened, is refused', () => {
  const key = SecretBytes.fill(32, (target) => systemRandom.fill(target));
  const record = encryptRecord(key, 3, 'a/b', utf8('value'), systemRandom);
  for (let size = 0; size < record.byteLength; size += 1) {
    assert.throws(() => decryptRecord(key, 'a/b', record.subarray(0, size)), isCorrupt, `${size} bytes`);
  }
  assert.throws(() => decryptRecord(key, 'a/b', Buffer.concat([record, new Uint8Array(1)])), isCorrupt);
});

test('a record moved to another storage key, or under another key, is refused', () => {
  fc.assert(
    fc.property(anyKey, anyKey, anyPath, anyPath, (key, otherKey, path, otherPath) => {
      fc.pre(path !== otherPath && !key.equals(otherKey));
      const record = encryptRecord(key, 1, path, utf8('value'), systemRandom);
      assert.throws(() => decryptRecord(key, otherPath, record), isCorrupt);
      assert.throws(() => decryptRecord(otherKey, path, record), isCorrupt);
    }),
  );
});

test('two records of the same value differ in nonce and ciphertext', () => {
  const key = SecretBytes.fill(32, (target) => systemRandom.fill(target));
  const [first, second] = [1, 2].map(() => toHex(encryptRecord(key, 1, 'a', utf8('value'), systemRandom)));
  assert.notEqual(first?.slice(10, 34), second?.slice(10, 34));
  assert.notEqual(first?.slice(34), second?.slice(34));
});

test('the error names the storage key and holds none of the bytes', () => {
  const key = SecretBytes.fill(32, (target) => systemRandom.fill(target));
  const record = encryptRecord(key, 1, 'a/b', utf8('value'), systemRandom);
  assert.throws(
    () => decryptRecord(key, 'a/c', record),
    (error) => {
      assert.ok(hasCode(error, 'storage_corrupt'));
      assert.match(error.message, /'a\/c'/);
      const said = `${error.message} ${error.detail} ${error.stack}`;
      return !said.includes(toHex(record)) && !said.includes(toHex(key.expose())) && !said.includes('value');
    },
  );
});
