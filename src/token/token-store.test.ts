import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemRandom } from '../base/random.ts';
import { MemoryView, refusal } from '../engine/engine.contract.ts';
import { type TokenEntry, UNLIMITED } from './token-entry.ts';
import { TokenRoles } from './token-roles.ts';
import { newAccessor, newTokenText, TokenStore } from './token-store.ts';

function entry(more: Partial<TokenEntry> = {}): TokenEntry {
  return {
    ...UNLIMITED,
    format: 2,
    type: 'service',
    accessor: newAccessor(systemRandom),
    policies: ['app'],
    displayName: 'token',
    path: 'auth/token/create',
    createdAt: 1,
    metadata: {},
    cubbyhole: systemRandom.uuid(),
    ...more,
  };
}

test('neither token nor accessor is ever in a path of the storage, and the same salt finds them again', async () => {
  const view = new MemoryView();
  using store = await TokenStore.create(view, systemRandom);
  const token = newTokenText(systemRandom);
  const { accessor } = (await store.add(token, entry())).entry;
  for (const path of view.records.keys()) assert.ok(!path.includes(token) && !path.includes(accessor), path);
  using again = await TokenStore.open(view);
  assert.equal((await again.lookup(token))?.entry.accessor, accessor);
  assert.equal((await again.lookupAccessor(accessor))?.id, again.idOf(token));
  using elsewhere = await TokenStore.create(new MemoryView(), systemRandom);
  assert.notEqual(elsewhere.idOf(token), store.idOf(token));
});

test('a text that is taken is not given twice', async () => {
  using store = await TokenStore.create(new MemoryView(), systemRandom);
  await store.add('chosen', entry());
  const error = await refusal(store.add('chosen', entry()), 'bad_request');
  assert.equal(error.message, 'cannot create a token with a duplicate ID');
});

test('a token is one batch when it comes and one when it goes, and leaves nothing', async () => {
  const view = new MemoryView();
  using store = await TokenStore.create(view, systemRandom);
  const before = new Set(view.records.keys());
  const parent = await store.add('parent', entry());
  const batches = view.batches.length;
  const child = await store.add('child', entry({ parent: parent.id }));
  assert.deepEqual(await store.firstChildren(parent.id), [child.id]);
  await store.putEnding(child, 'tree');
  assert.deepEqual([...(await store.endings())], [[child.id, 'tree']]);
  await store.remove(child);
  assert.equal(view.batches.length, batches + 3);
  await store.remove(parent);
  assert.deepEqual(new Set(view.records.keys()), before);
});

test('indexes without a token are found and dropped, others stay', async () => {
  const view = new MemoryView();
  using store = await TokenStore.create(view, systemRandom);
  const parent = await store.add('parent', entry());
  await store.add('child', entry({ parent: parent.id }));
  await view.put(`accessor/${store.idOf('lost')}`, new TextEncoder().encode('{"format":1,"id":"gone"}'));
  await view.put(`parent/${parent.id}/gone`, new TextEncoder().encode('{"format":1}'));
  assert.equal(await store.dropDangling(), 2);
  assert.equal(await store.dropDangling(), 0);
  const found: string[] = [];
  for await (const accessor of store.accessors()) found.push(accessor);
  assert.equal(found.length, 2);
});

test('a store without a salt, or with half of one, does not open', async () => {
  const view = new MemoryView();
  await refusal(TokenStore.open(view), 'storage_corrupt');
  await view.put('salt', new Uint8Array(16));
  await refusal(TokenStore.open(view), 'storage_corrupt');
});

test('after its end the store knows nobody, and says so', async () => {
  const store = await TokenStore.create(new MemoryView(), systemRandom);
  store[Symbol.dispose]();
  assert.throws(() => store.idOf('anything'), /after they were wiped/);
});

test('a role as it was once written is read for ever; another format is refused', async () => {
  const view = new MemoryView();
  const roles = new TokenRoles(view);
  const file = new URL('../../test/vectors/token/role-1.json', import.meta.url);
  await view.put('ci', new Uint8Array(readFileSync(file)));
  const role = await roles.find('ci');
  assert.deepEqual(
    [role?.allowedPoliciesGlob, role?.tokenType, role?.periodSeconds],
    [['team-*'], 'default-service', 3_600],
  );
  await view.put('new', new TextEncoder().encode('{"format":2}'));
  await refusal(roles.find('new'), 'storage_corrupt');
});
