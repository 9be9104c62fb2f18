// Mounts, and the two versions of kv. What node-vault has no word for is sent by its read, write, list and delete.

import assert from 'node:assert/strict';
import { at, type Cluster, expectMissing, refused, until, works } from './row.ts';

export async function mounts({ active }: Cluster): Promise<void> {
  const enable = (mount_point: string, further: Record<string, unknown>) =>
    active.mount({ mount_point, type: 'kv', ...further });
  await works('mounts.enable', async () => {
    await enable('kv1', { description: 'first', options: { version: '1' } });
    await enable('kv2', { type: 'kv-v2' });
  });
  await works('mounts.list', async () => {
    const found: unknown = await active.mounts();
    assert.deepEqual([at(found, 'kv1/', 'type'), at(found, 'kv1/', 'description')], ['kv', 'first']);
    assert.equal(at(found, 'data', 'kv2/', 'options', 'version'), '2');
  });
  await refused('mounts.enable-again', 400, 'path is already in use at kv1/', () => enable('kv1', {}));
  await refused('mounts.enable-unknown', 400, 'no-such-type', () =>
    enable('other', { type: 'no-such-type' }),
  );
  await works('mounts.tune', async () => {
    await active.write('sys/mounts/kv1/tune', {
      description: 'tuned',
      default_lease_ttl: '1h',
      max_lease_ttl: '2h',
    });
    const found = at(await active.read('sys/mounts/kv1/tune'), 'data');
    assert.deepEqual([at(found, 'default_lease_ttl'), at(found, 'max_lease_ttl')], [3_600, 7_200]);
  });
  await works('mounts.move', async () => {
    await enable('before', {});
    await active.remount({ from: 'before', to: 'after' });
    // The server answers at once and moves afterwards.
    await until('after/', async () => at(await active.mounts(), 'after/') !== undefined);
    assert.equal(at(await active.mounts(), 'before/'), undefined);
  });
  await works('mounts.disable', async () => {
    await active.unmount({ mount_point: 'after' });
    assert.equal(at(await active.mounts(), 'after/'), undefined);
  });
}

export async function kv1({ active }: Cluster): Promise<void> {
  const secret = { message: 'wörld', number: 900_719_925 };
  await works('kv1.put', async () => {
    await active.write('kv1/kept', { message: 'kept' });
    await active.write('kv1/folder/gone', secret);
  });
  await works('kv1.get', async () => {
    const found: unknown = await active.read('kv1/folder/gone');
    assert.deepEqual([at(found, 'data'), at(found, 'lease_duration')], [secret, 3_600]);
  });
  await works('kv1.list', async () => {
    assert.deepEqual(at(await active.list('kv1'), 'data', 'keys'), ['folder/', 'kept']);
  });
  await works('kv1.delete', async () => {
    await active.delete('kv1/folder/gone');
    await expectMissing(active.read('kv1/folder/gone'));
  });
}

export async function kv2({ active }: Cluster): Promise<void> {
  const put = async (data: object, options: object = {}): Promise<unknown> =>
    at(await active.write('kv2/data/one', { data, options }), 'data', 'version');
  const read = async (query = ''): Promise<unknown> => at(await active.read(`kv2/data/one${query}`), 'data');
  await works('kv2.put', async () => {
    assert.equal(await put({ a: '1', b: '2' }), 1);
  });
  await works('kv2.get', async () => {
    assert.deepEqual(at(await read(), 'data'), { a: '1', b: '2' });
  });
  await works('kv2.cas', async () => {
    assert.equal(await put({ a: '2', b: '2' }, { cas: 1 }), 2);
  });
  const mismatch = 'check-and-set parameter did not match the current version';
  await refused('kv2.cas-mismatch', 400, mismatch, () => put({ a: '3' }, { cas: 1 }));
  await works('kv2.get-version', async () => {
    const found = await read('?version=1');
    assert.deepEqual([at(found, 'data', 'a'), at(found, 'metadata', 'version')], ['1', 1]);
  });
  await works('kv2.patch', async () => {
    await active.update('kv2/data/one', { data: { b: null, c: '3' } });
    assert.deepEqual(at(await read(), 'data'), { a: '2', c: '3' });
  });
  await works('kv2.rollback', async () => {
    assert.equal(await put(at(await read('?version=1'), 'data') as object, { cas: 3 }), 4);
  });
}

/** Versions that go, and may come back. There are four of "one" by now. */
export async function kv2Ends({ active }: Cluster): Promise<void> {
  await works('kv2.delete', async () => {
    await active.delete('kv2/data/one');
    await active.write('kv2/delete/one', { versions: [1] });
  });
  await works('kv2.get-deleted', () => expectMissing(active.read('kv2/data/one')));
  await works('kv2.undelete', async () => {
    await active.write('kv2/undelete/one', { versions: [1, 4] });
    await active.read('kv2/data/one');
  });
  await works('kv2.destroy', async () => {
    await active.destroySecretVersions({ mount_point: 'kv2', path: 'one', versions: [2] });
    const versions = at(await active.read('kv2/metadata/one'), 'data', 'versions');
    assert.deepEqual([at(versions, '1', 'destroyed'), at(versions, '2', 'destroyed')], [false, true]);
  });
  await works('kv2.get-missing', () => expectMissing(active.read('kv2/data/never')));
}

export async function kv2Metadata({ active }: Cluster): Promise<void> {
  await works('kv2.metadata', async () => {
    await active.write('kv2/metadata/one', { max_versions: 7, custom_metadata: { owner: 'me' } });
    const found = at(await active.read('kv2/metadata/one'), 'data');
    assert.deepEqual([at(found, 'current_version'), at(found, 'max_versions')], [4, 7]);
    assert.deepEqual(at(found, 'custom_metadata'), { owner: 'me' });
  });
  await works('kv2.subkeys', async () => {
    assert.deepEqual(at(await active.read('kv2/subkeys/one'), 'data', 'subkeys'), { a: null, b: null });
  });
  await works('kv2.list', async () => {
    await active.write('kv2/data/folder/two', { data: { a: '1' } });
    assert.deepEqual(at(await active.list('kv2/metadata'), 'data', 'keys'), ['folder/', 'one']);
  });
  await works('kv2.list-missing', () => expectMissing(active.list('kv2/metadata/never')));
  await works('kv2.config', async () => {
    await active.write('kv2/config', { max_versions: 5 });
    assert.equal(at(await active.read('kv2/config'), 'data', 'max_versions'), 5);
  });
  await works('kv2.delete-metadata', async () => {
    await active.delete('kv2/metadata/folder/two');
    await expectMissing(active.list('kv2/metadata/folder'));
  });
  await works('kv2.wrong-path', async () => {
    // Refused with 404, and the words come as a warning beside it.
    await assert.rejects(active.write('kv2/one', { a: '1' }), (error) => {
      const warnings = String(at(error, 'response', 'body', 'warnings'));
      return warnings.includes('Invalid path for a versioned K/V secrets engine');
    });
  });
}
