// How often a read asks the storage: each time is a round trip where the storage is another machine's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from './bench.ts';

/** What the life of a bench counts for one call of the storage: before it and after it. */
const STEPS_PER_CALL = 2;

test('a read of kv version 2 with a token asks the storage three times: token, metadata, version', async () => {
  await using bench = await Bench.start();
  await bench.ask('write', 'sys/mounts/versioned', { type: 'kv', options: { version: '2' } });
  await bench.ask('write', 'sys/policies/acl/app', {
    policy: 'path "versioned/*" { capabilities = ["read"] }',
  });
  await bench.ask('write', 'versioned/data/a/b', { data: { key: 'value' } });
  const token = await bench.create();
  const read = () => bench.ask('read', 'versioned/data/a/b', {}, { token });
  // The first one also reads the policies, which are kept.
  await read();
  bench.life.arm(3 * STEPS_PER_CALL);
  assert.partialDeepStrictEqual(await read(), { data: { data: { key: 'value' } } });
  bench.life.arm(3 * STEPS_PER_CALL - 1);
  // So that the count means something: with one call less there is no answer.
  await assert.rejects(read());
});
