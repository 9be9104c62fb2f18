import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretBytes } from '../base/bytes.ts';
import { systemRandom } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import { createRecoveryKey, verifyRecoveryShares } from './recovery.ts';

/** One record is all that recovery keeps. */
function oneRecord(): View {
  let stored: Uint8Array | undefined;
  const refuse = () => Promise.reject(new Error('not expected here'));
  return {
    get: async () => stored?.slice(),
    put: async (_path, value) => {
      stored = value.slice();
    },
    list: refuse,
    delete: refuse,
    write: refuse,
    sub: () => {
      throw new Error('not expected here');
    },
  };
}

test('any threshold of the shares is accepted; fewer, foreign and twice the same are not', async () => {
  const view = oneRecord();
  const shares = await createRecoveryKey(view, systemRandom, 5, 3);
  assert.deepEqual(
    shares.map((share) => share.size),
    [33, 33, 33, 33, 33],
  );
  const [a, b, c, d, e] = shares as [SecretBytes, SecretBytes, SecretBytes, SecretBytes, SecretBytes];
  assert.equal(await verifyRecoveryShares(view, [a, b, c]), true);
  assert.equal(await verifyRecoveryShares(view, [e, d, c]), true);
  assert.equal(await verifyRecoveryShares(view, [a, b]), false);
  assert.equal(await verifyRecoveryShares(view, [a, a, b]), false);
  assert.equal(await verifyRecoveryShares(view, []), false);
  const foreign = await createRecoveryKey(oneRecord(), systemRandom, 5, 3);
  assert.equal(await verifyRecoveryShares(view, foreign.slice(0, 3)), false);
});

test('one share is the key itself', async () => {
  const view = oneRecord();
  const [key] = await createRecoveryKey(view, systemRandom, 1, 1);
  assert.ok(key);
  assert.equal(key.size, 32);
  assert.equal(await verifyRecoveryShares(view, [key]), true);
  const other = SecretBytes.take(new Uint8Array(32).fill(1));
  assert.equal(await verifyRecoveryShares(view, [other]), false);
});
