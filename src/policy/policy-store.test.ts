// Policies in the storage: names, what is reserved, and that memory never says other than the storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { MemoryView } from '../engine/engine.contract.ts';
import { DEFAULT_POLICY } from './built-in-policies.ts';
import { parsePolicy } from './parse-policy.ts';
import { PolicyStore } from './policy-store.ts';

const READ = 'path "a" { capabilities = ["read"] }';
const LIST = 'path "a" { capabilities = ["list"] }';

async function capabilities(store: PolicyStore, name: string): Promise<readonly string[]> {
  const { policy } = await store.load(name);
  return policy.rules.flatMap(({ grant }) => [...grant.capabilities]);
}

test('default is written once, may be changed, and is then left alone', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  assert.equal((await store.read('default'))?.text, DEFAULT_POLICY);
  assert.equal(view.batches.length, 1);
  await store.write('default', READ);
  assert.equal((await (await PolicyStore.open(view)).read('default'))?.text, READ);
  assert.equal(view.batches.length, 2);
});

test('the built-in policies are policies, without warnings', () => {
  assert.deepEqual(parsePolicy(DEFAULT_POLICY).warnings, []);
});

test('names are kept in lower case, may hold anything printable, and are listed in order', async () => {
  const store = await PolicyStore.open(new MemoryView());
  for (const name of [' Team/A ', '..', '.', 'a b', 'ü%2E', '*', 'x.y']) await store.write(name, READ);
  assert.deepEqual(await store.list(), ['*', '.', '..', 'a b', 'default', 'root', 'team/a', 'x.y', 'ü%2e']);
  assert.deepEqual(await store.read('TEAM/a'), { name: 'team/a', text: READ });
  assert.deepEqual(await store.write('TEAM/a', LIST), { name: 'team/a', warnings: [] });
  await store.delete('Team/A');
  await store.delete('Team/A');
  assert.equal(await store.read('team/a'), undefined);
  for (const name of ['', '  ', 'a\nb', 'x'.repeat(513), '\ud800']) {
    await assert.rejects(store.write(name, READ), { code: 'bad_request' }, JSON.stringify(name));
  }
});

test('the longest name fits a storage key', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  await store.write('ü'.repeat(256), READ);
  const longest = Math.max(...[...view.records.keys()].map((key) => Buffer.byteLength(key)));
  assert.ok(longest <= 1_600, `${longest} bytes`);
});

test('reserved names cannot be written or removed; response-wrapping is fixed and not listed', async () => {
  const store = await PolicyStore.open(new MemoryView());
  for (const name of ['root', 'Response-Wrapping', 'control-group']) {
    await assert.rejects(store.write(name, READ), { code: 'bad_request', message: /^cannot update "/ });
    await assert.rejects(store.delete(name), { code: 'bad_request', message: /^cannot delete "/ });
  }
  await assert.rejects(store.delete('default'), { message: 'cannot delete default policy' });
  assert.deepEqual(await store.read('root'), { name: 'root', text: '' });
  assert.deepEqual(await capabilities(store, 'response-wrapping'), ['create', 'read', 'update']);
  assert.deepEqual(await store.list(), ['default', 'root']);
});

test('a policy is read from the storage and parsed once, until it is written', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  await store.write('p', READ);
  const before = view.gets;
  const first = await store.load('p');
  assert.equal(await store.load('p'), first);
  assert.equal(view.gets, before + 1);
  await store.load('absent');
  await store.load('absent');
  assert.equal(view.gets, before + 2);
  await store.write('p', LIST);
  assert.deepEqual(await capabilities(store, 'p'), ['list']);
  assert.notEqual((await store.load('p')).version, first.version);
  await store.delete('p');
  assert.deepEqual(await capabilities(store, 'p'), []);
});

test('a write that fails leaves what the storage has, whichever that is', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  await store.write('p', READ);
  await store.load('p');
  view.beforeWrite = () => {
    // As if the batch had arrived and the answer had been lost.
    view.records.set('p', utf8(JSON.stringify({ format: 1, text: LIST })));
    throw new LatchkeyError('storage_unavailable', 'the answer was lost');
  };
  await assert.rejects(store.write('p', LIST), { code: 'storage_unavailable' });
  assert.deepEqual(await capabilities(store, 'p'), ['list']);
});

test('loads that race with writes never leave an old policy in memory', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  for (let turn = 0; turn < 200; turn += 1) {
    const text = turn % 2 === 0 ? READ : LIST;
    await Promise.all([store.load('p'), store.write('p', text), store.load('p'), store.load('p')]);
    assert.deepEqual(await capabilities(store, 'p'), [turn % 2 === 0 ? 'read' : 'list']);
  }
});

test('a stored policy that cannot be read stops its bearers: a deny in it would be lost', async () => {
  const view = new MemoryView();
  const store = await PolicyStore.open(view);
  view.records.set('p', utf8(JSON.stringify({ format: 1, text: 'path "a" {' })));
  await assert.rejects(async () => store.load('p'), { code: 'storage_corrupt' });
  view.records.set('p', utf8('{"format":2}'));
  await assert.rejects(async () => store.load('p'), { code: 'storage_corrupt' });
  await store.write('p', READ);
  assert.deepEqual(await capabilities(store, 'p'), ['read']);
});
