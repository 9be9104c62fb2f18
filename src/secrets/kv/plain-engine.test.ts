import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineContract, MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import { kvEngine } from './kv-engine.ts';
import { PATH_BYTES_MAX } from './paths.ts';
import { SECRET_BYTES_MAX } from './records.ts';

const open = (view = new MemoryView()) => openEngine(kvEngine, view);

engineContract('kv version 1', async () => (await open()).engine);

test('a secret reads back as it was sent, and a write replaces all of it', async () => {
  const { ask } = await open();
  const secret = { foo: 'bar', nested: { list: [1, null, true] } };
  assert.deepEqual(await ask('update', 'app/db', secret), {});
  assert.deepEqual(await ask('read', 'app/db'), { data: secret, leaseSeconds: 2_764_800 });
  await ask('update', 'app/db', { other: 1 });
  assert.deepEqual((await ask('read', 'app/db')).data, { other: 1 });
});

test('ttl or lease in the data is advice when to read again', async () => {
  const { ask } = await open();
  const cases: [string | number | boolean, number][] = [
    ['1h', 3_600],
    [90, 90],
    ['90', 90],
    ['1h30m', 5_400],
    ['soon', 2_764_800],
    [true, 2_764_800],
  ];
  for (const [value, seconds] of cases) {
    await ask('update', 'a', { ttl: value });
    assert.equal((await ask('read', 'a')).leaseSeconds, seconds, `ttl ${value}`);
    await ask('update', 'a', { lease: value });
    assert.equal((await ask('read', 'a')).leaseSeconds, seconds, `lease ${value}`);
  }
  await ask('update', 'a', { ttl: '1s', lease: '2s' });
  assert.equal((await ask('read', 'a')).leaseSeconds, 1);
});

test('without advice the default lease of the mount is the advice', async () => {
  const ttl = { defaultSeconds: 60, maxSeconds: 120 };
  const { ask } = await openEngine(kvEngine, new MemoryView(), {}, ttl);
  await ask('update', 'a', { b: 1 });
  assert.equal((await ask('read', 'a')).leaseSeconds, 60);
});

test('a member named __proto__ is data like any other', async () => {
  const { ask } = await open();
  await ask('update', 'a', JSON.parse('{"__proto__": {"admin": true}, "b": 1}'));
  const { data } = await ask('read', 'a');
  assert.equal(JSON.stringify(data), '{"__proto__":{"admin":true},"b":1}');
});

test('what is not there is not found, and deleting it is no error', async () => {
  const { ask } = await open();
  await refusal(ask('read', 'a'), 'not_found');
  await refusal(ask('read', ''), 'not_found');
  await refusal(ask('list', ''), 'not_found');
  await refusal(ask('list', 'a/'), 'not_found');
  assert.deepEqual(await ask('delete', 'a'), {});
  await ask('update', 'a', { b: 1 });
  assert.deepEqual(await ask('delete', 'a'), {});
  await refusal(ask('read', 'a'), 'not_found');
});

test('a folder lists its names, and a secret may have the name of a folder', async () => {
  const { ask } = await open();
  for (const path of ['a', 'a/b', 'a/c/d', 'z']) await ask('update', path, { path });
  assert.deepEqual(await ask('list', ''), { data: { keys: ['a', 'a/', 'z'] } });
  assert.deepEqual(await ask('list', 'a/'), { data: { keys: ['b', 'c/'] } });
  assert.deepEqual(await ask('list', 'a/', { limit: 1 }), { data: { keys: ['b'] } });
  assert.deepEqual(await ask('list', 'a/', { after: 'b' }), { data: { keys: ['c/'] } });
  await refusal(ask('list', 'z/'), 'not_found');
});

test('a write without a path, without data, or beyond a limit is refused', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  assert.equal((await refusal(ask('update', '', { a: 1 }), 'bad_request')).message, 'missing path');
  assert.equal((await refusal(ask('update', 'a', {}), 'bad_request')).message, 'missing data fields');
  const long = await refusal(ask('update', 'é'.repeat(PATH_BYTES_MAX / 2 + 1), { a: 1 }), 'bad_request');
  assert.match(long.message, /path is too long.*1700 bytes/);
  const large = await refusal(ask('update', 'a', { a: 'x'.repeat(SECRET_BYTES_MAX) }), 'bad_request');
  assert.match(large.message, /too large.*limit is 1044480/);
  assert.equal(view.records.size, 0);
  await ask('update', 'a', { a: 'x'.repeat(SECRET_BYTES_MAX - 40) });
});

test('a record that is not one is reported, without a word of what is in it', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  for (const text of [
    '{"format":2,"data":{}}',
    'secret-word',
    '[]',
    '{"format":1,"data":"secret-word"}',
    '\xff',
  ]) {
    view.records.set('plain/a', Buffer.from(text, 'latin1'));
    const error = await refusal(ask('read', 'a'), 'storage_corrupt');
    assert.doesNotMatch(`${error.message} ${error.detail} ${error.cause}`, /secret-word/);
  }
});

test('another version than 1 and 2 is refused', async () => {
  const error = await refusal(openEngine(kvEngine, new MemoryView(), { version: '3' }), 'bad_request');
  assert.match(error.message, /'3'/);
});
