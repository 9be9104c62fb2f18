import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../../demo/conditions.ts';
import type { JsonObject } from '../../base/json.ts';
import { type EngineBench, MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import { kvEngine } from './kv-engine.ts';

const SECRETS: Readonly<Record<string, JsonObject>> = {
  a: { v: '1' },
  'a/b': { v: '2' },
  'a/b/c': { v: '3', n: 1 },
  d: { data: { data: 'x' } },
  'e/f': { v: '5' },
};

async function plain(): Promise<MemoryView> {
  const view = new MemoryView();
  await using bench = await openEngine(kvEngine, view, { version: '1' });
  for (const [path, data] of Object.entries(SECRETS)) await bench.ask('update', path, data);
  return view;
}

const openTwo = (view: MemoryView) => openEngine(kvEngine, view, { version: '2' });

async function settled(bench: EngineBench): Promise<void> {
  await until('the upgrade to end', async () => (await bench.ask('list', 'metadata')) && true);
}

async function assertUpgraded(bench: EngineBench, view: MemoryView): Promise<void> {
  for (const [path, data] of Object.entries(SECRETS)) {
    const read = (await bench.ask('read', `data/${path}`)).data as JsonObject;
    assert.deepEqual(read['data'], data, path);
    assert.equal((read['metadata'] as JsonObject)['version'], 1);
  }
  assert.deepEqual((await bench.ask('list', 'metadata')).data, { keys: ['a', 'a/', 'd', 'e/'] });
  const old = [...view.records.keys()].filter((key) => key.startsWith('plain/'));
  assert.deepEqual(old, []);
  const versions = [...view.records.keys()].filter((key) => key.startsWith('versions/'));
  assert.equal(versions.length, Object.keys(SECRETS).length, 'and no version lies about');
}

test('the secrets of version 1 become version 1 of each secret, and get a second', async () => {
  const view = await plain();
  await using bench = await openTwo(view);
  await settled(bench);
  await assertUpgraded(bench, view);
  await bench.ask('update', 'data/a', { data: { v: 'new' }, options: { cas: 1 } });
  const first = (await bench.ask('read', 'data/a', { version: 1 })).data as JsonObject;
  assert.deepEqual(first['data'], SECRETS['a']);
});

test('while it runs, nothing is read or written, in the words of Vault', async () => {
  const view = await plain();
  let mayWrite = false;
  view.beforeWrite = () => {
    if (!mayWrite) throw new Error('not yet');
  };
  await using bench = await openTwo(view);
  for (const [operation, path] of [
    ['read', 'data/a'],
    ['update', 'data/a'],
    ['list', 'metadata'],
    ['read', 'config'],
  ] as const) {
    const { message } = await refusal(bench.ask(operation, path, { data: {} }), 'bad_request');
    assert.match(
      message,
      /^Upgrading from non-versioned to versioned data\. This backend will be unavailable/,
    );
  }
  mayWrite = true;
  await settled(bench);
  await assertUpgraded(bench, view);
});

test('killed at each of its writes, it is finished by the next leader, and nothing is lost or doubled', async () => {
  const writes = Object.keys(SECRETS).length;
  for (let survives = 0; survives <= writes; survives += 1) {
    const view = await plain();
    let left = survives;
    view.beforeWrite = () => {
      if (left === 0) throw new Error('killed');
      left -= 1;
    };
    const killed = await openTwo(view);
    await until('the writes that it survives', async () => left === 0 || undefined);
    await killed[Symbol.asyncDispose]();
    view.beforeWrite = () => {};
    await using next = await openTwo(view);
    await settled(next);
    await assertUpgraded(next, view);
  }
});

class FlakyView extends MemoryView {
  isAway = true;

  override async list(...asked: Parameters<MemoryView['list']>): Promise<string[]> {
    if (this.isAway) throw new Error('the storage is away');
    return super.list(...asked);
  }
}

test('a storage that cannot be read is no empty one: it is looked at again', async () => {
  const view = new FlakyView((await plain()).records);
  await using bench = await openTwo(view);
  await assert.rejects(bench.ask('read', 'data/a'), /the storage is away/);
  view.isAway = false;
  await refusal(bench.ask('read', 'data/a'), 'bad_request');
  await settled(bench);
  await assertUpgraded(bench, view);
});

test('a mount that was always version 2 has nothing to wait for', async () => {
  const view = new MemoryView();
  await using bench = await openTwo(view);
  await bench.ask('update', 'data/a', { data: { v: 1 } });
});
