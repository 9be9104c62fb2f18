import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Barrier } from '../../barrier/barrier.ts';
import { SecretBytes } from '../../base/bytes.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { MemoryView } from '../../engine/engine.contract.ts';
import { MemoryStore } from '../../storage/memory/memory.ts';
import { fuzzPlain, fuzzVersioned } from './kv-model.fuzz.ts';

test('version 1 agrees with its model', () => fuzzPlain(async () => new MemoryView(), 40));

test('version 2 agrees with its model', () => fuzzVersioned(async () => new MemoryView(), 40));

test('both versions agree with their models on the real barrier and a real storage', async () => {
  await using cleanup = new AsyncDisposableStack();
  const store = new MemoryStore();
  const storage = store.openStorage();
  const election = store.openElection({ clock: systemClock });
  cleanup.defer(() => storage.close());
  cleanup.defer(() => election.close());
  const advert = { nodeId: 'a', apiAddress: 'https://a', clusterAddress: 'https://a:1' };
  const leadership = await election.tryCampaign(advert);
  assert.ok(leadership);
  cleanup.defer(() => leadership.resign());
  const barrier = new Barrier({ storage, random: systemRandom, clock: systemClock });
  using root = SecretBytes.fill(32, (target) => systemRandom.fill(target));
  await storage.write(barrier.initialize(root), leadership.fence);
  await barrier.unseal(root);
  cleanup.defer(() => barrier.seal());
  const freshView = async () => barrier.view(`logical/${systemRandom.uuid()}/`, leadership.fence);
  await fuzzPlain(freshView, 12);
  await fuzzVersioned(freshView, 12);
});
