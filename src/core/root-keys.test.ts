import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import { parseRootKeys, type RootKeyRecord, serializeRootKeys } from './root-keys.ts';

const RECORD: RootKeyRecord = {
  clusterId: '6d1f7a52-7a04-4a0e-9c4f-1f8f5d1c2b3a',
  clusterName: 'test',
  generation: 1,
  recovery: { shares: 5, threshold: 3 },
  copies: [
    {
      sealName: 'azurekeyvault',
      sealKind: 'azurekeyvault',
      generation: 1,
      wrappedAt: 1_700_000_000_000,
      wrapped: {
        variant: 'secret',
        keyId: 'https://kv.vault.azure.net/secrets/vault-unseal-key/0123456789abcdef0123456789abcdef',
        fingerprint: 'ab'.repeat(32),
        blob: new Uint8Array([1, 2, 3]),
      },
    },
  ],
};

function rootOf(byte: number): SecretBytes {
  return SecretBytes.take(new Uint8Array(32).fill(byte));
}

test('a record comes back as it was written, and its MAC holds under the root key alone', () => {
  const stored = parseRootKeys(serializeRootKeys(RECORD, rootOf(7)));
  assert.deepEqual(stored.record, RECORD);
  assert.equal(stored.authenticates(rootOf(7)), true);
  assert.equal(stored.authenticates(rootOf(8)), false);
});

test('a change to any member of the record is noticed', () => {
  const text = fromUtf8(serializeRootKeys(RECORD, rootOf(7)));
  for (const [from, to] of [
    ['"shares":5', '"shares":4'],
    ['6d1f7a52', '6d1f7a53'],
    ['"generation":1', '"generation":2'],
    ['"kind":"azurekeyvault"', '"kind":"azurekeyvaulz"'],
    ['"blob":"AQID"', '"blob":"AQIE"'],
    ['"test"', '"tesd"'],
  ] as const) {
    assert.ok(text.includes(from), from);
    const altered = parseRootKeys(utf8(text.replace(from, to)));
    assert.equal(altered.authenticates(rootOf(7)), false, from);
  }
});

test('bytes that are no such record are refused as corrupt, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(
        () => parseRootKeys(bytes),
        (error) => hasCode(error, 'storage_corrupt'),
      );
    }),
  );
  const good = fromUtf8(serializeRootKeys(RECORD, rootOf(7)));
  for (const bad of [
    good.replace('"format":1', '"format":2'),
    good.replace('"AQID"', '"A"'),
    '{"format":1}',
    '[]',
  ]) {
    assert.throws(
      () => parseRootKeys(utf8(bad)),
      (error) => hasCode(error, 'storage_corrupt'),
    );
  }
});
