import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../base/random.ts';
import { refusal } from '../../engine/engine.contract.ts';
import { decodeHash, encodeHash, PasswordHasher } from './password.ts';

test('a hash is of its password alone, has a salt of its own, and survives being stored', async () => {
  const hasher = new PasswordHasher(systemRandom);
  const [one, two] = [await hasher.hash('pass wörd'), await hasher.hash('pass wörd')];
  assert.notDeepEqual(one.salt, two.salt);
  assert.notDeepEqual(one.tag, two.tag);
  const stored = decodeHash(JSON.parse(JSON.stringify(encodeHash(one))));
  assert.equal(await hasher.check('pass wörd', stored), true);
  assert.equal(await hasher.check('pass word', stored), false);
  assert.equal(await hasher.check('', undefined), false);
  await refusal(hasher.hash('x'.repeat(1_025)), 'bad_request');
});

test('a hash that is not whole is refused', async () => {
  const whole = encodeHash(await new PasswordHasher(systemRandom).hash('x'));
  for (const name of Object.keys(whole)) {
    for (const value of [null, 'x', { a: 1 }]) {
      assert.throws(() => decodeHash({ ...whole, [name]: value }), { code: 'storage_corrupt' }, name);
    }
  }
});

test('those who come when too many wait are told to come again, and the rest are served', async () => {
  const hasher = new PasswordHasher(systemRandom);
  const all = Array.from({ length: 2 + 256 + 3 }, () => hasher.check('x', CHEAP));
  const outcomes = await Promise.allSettled(all);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 3);
  for (const { reason } of refused) assert.equal(reason.code, 'rate_limited');
  assert.equal(await hasher.check('x', CHEAP), false);
});

/** The least that RFC 9106 allows, so that the test is quick. */
const CHEAP = { memoryKib: 8, passes: 1, lanes: 1, salt: new Uint8Array(16), tag: new Uint8Array(32) };
