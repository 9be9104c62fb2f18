import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemRandom } from '../base/random.ts';
import { MemoryView, refusal } from '../engine/engine.contract.ts';
import { MountTable, newMountEntry } from './mount-table.ts';

const entry = (path: string, type = 'kv') => newMountEntry(systemRandom, { path, type });

test('entries come, change, go, and are there for the next leader', async () => {
  const view = new MemoryView();
  const table = await MountTable.create(view);
  const [one, two] = [entry('a/'), entry('auth/b/', 'userpass')];
  await table.add(one);
  await table.add(two);
  await table.replace({ ...one, path: 'moved/', description: 'new' });
  await table.remove('auth/b/');
  const again = await MountTable.open(view);
  assert.deepEqual(again.entries, [{ ...one, path: 'moved/', description: 'new' }]);
  assert.match(two.accessor, /^auth_userpass_/);
});

test("the server's own mounts keep uuid and settings, and their paths are taken", async () => {
  const view = new MemoryView();
  const table = await MountTable.create(view);
  const own = await table.builtIn(entry('auth/token/', 'token'));
  await table.replace({ ...own, defaultLeaseTtlSeconds: 7 });
  const again = await MountTable.open(view);
  const kept = await again.builtIn(entry('auth/token/', 'token'));
  assert.deepEqual([kept.uuid, kept.defaultLeaseTtlSeconds], [own.uuid, 7]);
  assert.deepEqual(again.entries, []);
  assert.throws(() => again.check('auth/token/x/'), /path is already in use at token\//);
});

test('what no mount may be called, and what is taken', async () => {
  const table = await MountTable.create(new MemoryView());
  await table.add(entry('a/b/'));
  for (const path of [
    'sys/x/',
    'auth/',
    'cubbyhole/',
    'identity/a/',
    'a b/',
    'a//b/',
    'a',
    '/',
    `${'x'.repeat(300)}/`,
  ]) {
    assert.throws(() => table.check(path), { code: 'bad_request' }, path);
  }
  for (const path of ['a/', 'a/b/', 'a/b/c/']) {
    assert.throws(() => table.check(path), /path is already in use at a\/b\//, path);
  }
  table.check('a/c/');
  table.check('auth/a/');
});

test('a record of an earlier version is filled up, one of a later version is refused', async () => {
  const view = new MemoryView();
  const old = { path: 'secret/', type: 'kv', uuid: 'u', accessor: 'kv_u', description: '', options: {} };
  await view.put('mounts', Buffer.from(JSON.stringify({ format: 1, mounts: [old] })));
  const [found] = (await MountTable.open(view)).entries;
  assert.deepEqual([found?.ending, found?.tokenType, found?.auditNonHmacRequestKeys], [false, '', []]);
  await view.put('mounts', Buffer.from(JSON.stringify({ format: 2, mounts: [] })));
  await refusal(MountTable.open(view), 'storage_corrupt');
});

test('the table of format 1 opens for ever', async () => {
  const file = new URL('../../test/vectors/mount/table-1.json', import.meta.url);
  const view = new MemoryView();
  await view.put('mounts', readFileSync(file));
  const table = await MountTable.open(view);
  const [people] = table.entries;
  assert.deepEqual(
    [people?.path, people?.type, people?.tokenType, people?.auditNonHmacRequestKeys],
    ['auth/people/', 'userpass', 'batch', ['a']],
  );
  assert.ok(table.isBuiltIn('sys/'));
});
