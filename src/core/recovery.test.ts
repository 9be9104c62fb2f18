import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretBytes, toHex } from '../base/bytes.ts';
import { systemRandom } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import { combineShares, createRecoveryKey, splitKey, verifyRecoveryShares } from './recovery.ts';

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

/** Thresholds and numbers of shares as Vault takes them, a key, and which shares are brought together. */
const anySplit = fc
  .record({ shares: fc.integer({ min: 2, max: 255 }), key: fc.uint8Array({ minLength: 32, maxLength: 32 }) })
  .chain(({ shares, key }) =>
    fc.record({
      key: fc.constant(key),
      shares: fc.constant(shares),
      threshold: fc.integer({ min: 2, max: shares }),
      order: fc.shuffledSubarray(
        Array.from({ length: shares }, (_, at) => at),
        { minLength: shares, maxLength: shares },
      ),
      extra: fc.nat(shares),
    }),
  );

test('any threshold of any shares gives the key, in any order; one fewer never does, nor a share that was changed', async () => {
  await fc.assert(
    fc.asyncProperty(anySplit, async ({ key, shares, threshold, order, extra }) => {
      const made = await splitKey(SecretBytes.copyOf(key), shares, threshold);
      const chosen = order.map((at) => made[at]).filter((share) => share !== undefined);
      const gives = async (some: readonly SecretBytes[]) => {
        const combined = await combineShares(some);
        return combined !== undefined && toHex(combined.expose()) === toHex(key);
      };
      assert.equal(await gives(chosen.slice(0, Math.min(shares, threshold + extra))), true);
      assert.equal(await gives(chosen.slice(0, threshold - 1)), false);
      const [first, ...rest] = chosen.slice(0, threshold);
      const changed = SecretBytes.copyOf(first?.expose() ?? new Uint8Array());
      changed.expose()[extra % 32] = (changed.expose()[extra % 32] ?? 0) ^ 1;
      assert.equal(await gives([changed, ...rest]), false);
    }),
    { numRuns: 25 },
  );
});
