import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STORAGE_BATCH_CHANGES_MAX } from '../base/limits.ts';
import { MemoryView } from './engine.contract.ts';
import { deleteAll, namesIn, PAGE, pathsBelow } from './pages.ts';

/** `d/0` to `d/<count - 1>`, with a record and a folder of the same name among them. */
function filled(count: number): MemoryView {
  const view = new MemoryView();
  for (let at = 0; at < count; at += 1) view.records.set(`d/${at}`, new Uint8Array([1]));
  for (const path of ['d/7/e/f', 'other', 'z/d/1']) view.records.set(path, new Uint8Array([1]));
  return view;
}

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}

test('every name of a folder comes once, however many pages it takes', async () => {
  for (const count of [0, 1, PAGE - 2, PAGE - 1, PAGE, 2 * PAGE + 3]) {
    const view = filled(count);
    const names = await all(namesIn(view, 'd/'));
    assert.equal(names.length, count + 1);
    assert.equal(new Set(names).size, names.length);
  }
});

test('what comes and goes meanwhile neither repeats nor hides the rest', async () => {
  const view = filled(2 * PAGE);
  const seen: string[] = [];
  for await (const name of namesIn(view, 'd/')) {
    seen.push(name);
    view.records.delete(`d/${name}`);
  }
  assert.equal(new Set(seen).size, 2 * PAGE + 1);
});

test('paths are told relative to the folder, and however deep', async () => {
  const view = filled(9);
  const below = await all(pathsBelow(view, 'd/'));
  assert.deepEqual(below.sort(), ['0', '1', '2', '3', '4', '5', '6', '7', '7/e/f', '8']);
  assert.deepEqual(await all(pathsBelow(view, 'd/7/')), ['e/f']);
  assert.deepEqual(await all(pathsBelow(view, 'nothing/')), []);
});

test('all of a view goes, in batches that the storage takes, and nothing beside it', async () => {
  const view = filled(2 * PAGE + 3);
  await deleteAll(view.sub('d/'));
  assert.deepEqual([...view.records.keys()], ['other', 'z/d/1']);
  assert.equal(view.batches.length, Math.ceil((2 * PAGE + 4) / STORAGE_BATCH_CHANGES_MAX));
  assert.ok(view.batches.every((batch) => batch.length <= STORAGE_BATCH_CHANGES_MAX));
  await deleteAll(view.sub('d/'));
  assert.equal(
    view.batches.length,
    Math.ceil((2 * PAGE + 4) / STORAGE_BATCH_CHANGES_MAX),
    'nothing to write',
  );
});
