import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { decode, encode } from './codec.ts';

test('keys and bytes come back as what they were', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const given = { list: [{ privateKey, publicKey }], bytes: Buffer.from([0, 255]), absent: undefined, $: 1 };
  const back = decode(encode(given)) as {
    list: { privateKey: KeyObject; publicKey: KeyObject }[];
    bytes: Buffer;
    $: number;
  };
  assert.ok(back.list[0]?.privateKey.equals(privateKey));
  assert.ok(back.list[0]?.publicKey.equals(publicKey));
  assert.deepEqual(back.bytes, Buffer.from([0, 255]));
  assert.ok(!('absent' in back));
  assert.equal(encode(back), encode(given));
});

test('what is no key is refused', () => {
  assert.throws(() => decode('{"key":{"$privateKey":"nonsense"}}'));
  assert.throws(() => decode('{'));
});
