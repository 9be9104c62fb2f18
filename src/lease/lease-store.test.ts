import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.ts';
import { MemoryView, refusal } from '../engine/engine.contract.ts';
import { type Lease, LeaseStore, parseLease } from './lease-store.ts';

const VECTOR = readFileSync(new URL('../../test/vectors/lease/lease-1.json', import.meta.url));
const LEASE = parseLease(VECTOR);

async function all(ids: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const id of ids) found.push(id);
  return found.sort();
}

test('a lease as it was once written is read for ever; another format is refused', () => {
  assert.deepEqual([LEASE.kind, LEASE.internal, LEASE.ending], ['secret', { user: 'v-app-1' }, false]);
  for (const text of ['{"format":2}', '[]', '{']) {
    assert.throws(() => parseLease(utf8(text)), { code: 'storage_corrupt' });
  }
});

test('a lease and the index of its token come and go in one batch each', async () => {
  const view = new MemoryView();
  const store = new LeaseStore(view);
  const own = { ...LEASE, id: 'auth/token/create/habc', kind: 'token' } satisfies Lease;
  await store.put(LEASE);
  await store.put(own);
  assert.equal(view.batches.length, 2);
  assert.deepEqual(
    await all(store.ofToken(LEASE.tokenId)),
    [LEASE.id],
    "a token's own lease is not lent to it",
  );
  assert.deepEqual(await all(store.below('')), [own.id, LEASE.id]);
  assert.deepEqual(await all(store.below('database/creds/')), [LEASE.id]);
  assert.deepEqual(await store.list('database/'), ['creds/']);
  await store.remove(LEASE);
  await store.remove(own);
  assert.deepEqual([view.batches.length, view.records.size], [4, 0]);
});

test('what is no path of the storage is found nowhere and kept nowhere', async () => {
  const store = new LeaseStore(new MemoryView());
  for (const id of ['', '/a', 'a/', 'a//b', 'a/../b', './a', 'a\nb', `a/${'ä'.repeat(1_000)}`]) {
    assert.equal(await store.find(id), undefined);
    await refusal(store.put({ ...LEASE, id }), 'bad_request');
  }
});
