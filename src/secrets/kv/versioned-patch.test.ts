import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import { kvEngine } from './kv-engine.ts';

const open = () => openEngine(kvEngine, new MemoryView(), { version: '2' });
const dataOf = (response: { data?: unknown }) => (response.data as { data: JsonObject }).data;

test('a patch makes a new version of the newest', async () => {
  const { ask } = await open();
  await ask('update', 'data/a', { data: { keep: 1, change: 'old', drop: true, deep: { x: 1, y: 2 } } });
  const patched = await ask('patch', 'data/a', {
    data: { change: 'new', drop: null, deep: { y: null, z: 3 } },
  });
  assert.equal((patched.data as JsonObject)['version'], 2);
  assert.deepEqual(dataOf(await ask('read', 'data/a')), { keep: 1, change: 'new', deep: { x: 1, z: 3 } });
  assert.deepEqual(dataOf(await ask('read', 'data/a', { version: 1 }))['change'], 'old');
});

test('a patch wants something to patch, data, and the right version', async () => {
  const { ask } = await open();
  await refusal(ask('patch', 'data/none', { data: { a: 1 } }), 'not_found');
  await ask('update', 'data/a', { data: { a: 1 } });
  await refusal(ask('patch', 'data/a', {}), 'bad_request');
  await refusal(ask('patch', 'data/a', { data: { a: 2 }, options: { cas: 7 } }), 'bad_request');
  await ask('patch', 'data/a', { data: { a: 2 }, options: { cas: 1 } });
  await ask('delete', 'data/a');
  const gone = await ask('patch', 'data/a', { data: { a: 3 } });
  assert.deepEqual([gone.outcome, (gone.data as JsonObject)['version']], ['absent', 2]);
  // Whose version is wrong learns that first.
  await refusal(ask('patch', 'data/a', { data: { a: 3 }, options: { cas: 1 } }), 'bad_request');
});

test('subkeys show the names of a version; of a deleted one, nothing', async () => {
  const { ask } = await open();
  await ask('update', 'data/a', { data: { a: { b: 'secret' } } });
  await ask('update', 'data/a', { data: { c: 1 } });
  const subkeysOf = (response: { data?: unknown }) =>
    (response.data as { subkeys: JsonObject | null }).subkeys;
  assert.deepEqual(subkeysOf(await ask('read', 'subkeys/a')), { c: null });
  assert.deepEqual(subkeysOf(await ask('read', 'subkeys/a', { version: 1 })), { a: { b: null } });
  assert.deepEqual(subkeysOf(await ask('read', 'subkeys/a', { version: '1', depth: '1' })), { a: null });
  await ask('delete', 'data/a');
  const gone = await ask('read', 'subkeys/a');
  assert.deepEqual([gone.outcome, subkeysOf(gone)], ['absent', null]);
  await refusal(ask('read', 'subkeys/none'), 'not_found');
});

test("a patch of the metadata merges the secret's own words and leaves its versions alone", async () => {
  const { ask } = await open();
  await refusal(ask('patch', 'metadata/a', { custom_metadata: { owner: 'x' } }), 'not_found');
  await ask('update', 'data/a', { data: { a: 1 } });
  await ask('update', 'metadata/a', { custom_metadata: { owner: 'x', team: 'y' }, max_versions: 3 });
  await ask('patch', 'metadata/a', { custom_metadata: { owner: null, stage: 'z' } });
  const metadata = (await ask('read', 'metadata/a')).data as JsonObject;
  assert.deepEqual(metadata['custom_metadata'], { team: 'y', stage: 'z' });
  assert.deepEqual([metadata['max_versions'], metadata['current_version']], [3, 1]);
});

test('null in a patch of the metadata puts a setting back', async () => {
  const { ask } = await open();
  await ask('update', 'metadata/a', { max_versions: 3, cas_required: true, delete_version_after: '1h' });
  const settings = async () => {
    const found = (await ask('read', 'metadata/a')).data as JsonObject;
    return [found['max_versions'], found['cas_required'], found['delete_version_after']];
  };
  await ask('patch', 'metadata/a', { max_versions: null });
  assert.deepEqual(await settings(), [0, true, '1h0m0s']);
  await ask('patch', 'metadata/a', { cas_required: null, delete_version_after: null });
  assert.deepEqual(await settings(), [0, false, '0s']);
});

test('custom metadata that are empty are none, and null in a patch takes them away', async () => {
  const { ask } = await open();
  const custom = async () => ((await ask('read', 'metadata/a')).data as JsonObject)['custom_metadata'];
  await ask('update', 'metadata/a', { custom_metadata: { owner: 'x' } });
  await ask('update', 'metadata/a', { custom_metadata: {} });
  assert.equal(await custom(), null);
  await ask('patch', 'metadata/a', { custom_metadata: { owner: 'x' } });
  await ask('patch', 'metadata/a', { max_versions: 2 });
  assert.deepEqual(await custom(), { owner: 'x' });
  await ask('patch', 'metadata/a', { custom_metadata: null });
  assert.equal(await custom(), null);
});
