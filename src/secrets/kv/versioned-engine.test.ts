import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import { engineContract, MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import type { Response } from '../../engine/engine.ts';
import { kvEngine } from './kv-engine.ts';
import { SECRET_BYTES_MAX } from './records.ts';

const START = '2026-01-01T00:00:00.000Z';
const open = (view = new MemoryView()) => openEngine(kvEngine, view, { version: '2' });
const metadataOf = (response: Response) => (response.data as { metadata: JsonObject }).metadata;

engineContract('kv version 2', async () => (await open()).engine);

test('a write answers its version, a read gives the newest or the one asked for', async () => {
  const { ask, clock } = await open();
  const version = (number: number, created: string) => ({
    created_time: created,
    custom_metadata: null,
    deletion_time: '',
    destroyed: false,
    version: number,
  });
  assert.deepEqual(await ask('update', 'data/app/db', { data: { foo: 'bar' } }), { data: version(1, START) });
  clock.advance(1_500);
  const later = '2026-01-01T00:00:01.500Z';
  assert.deepEqual(await ask('update', 'data/app/db', { data: { foo: 'baz' } }), { data: version(2, later) });
  const second = { data: { data: { foo: 'baz' }, metadata: version(2, later) } };
  assert.deepEqual(await ask('read', 'data/app/db'), second);
  assert.deepEqual(await ask('read', 'data/app/db', { version: '2' }), second);
  assert.deepEqual(await ask('read', 'data/app/db', { version: 0 }), second);
  assert.deepEqual(await ask('read', 'data/app/db', { version: '1' }), {
    data: { data: { foo: 'bar' }, metadata: version(1, START) },
  });
  await refusal(ask('read', 'data/app/db', { version: 3 }), 'not_found');
  await refusal(ask('read', 'data/app'), 'not_found');
});

test('a read touches the storage twice, once for the metadata and once for the version', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  await ask('update', 'data/a', { data: { b: 1 } });
  view.gets = 0;
  await ask('read', 'data/a');
  assert.equal(view.gets, 2);
});

test('metadata and data of a write change in one batch', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  await ask('update', 'data/a', { data: { b: 1 } });
  assert.deepEqual(
    view.batches.map((batch) => batch.length),
    [2],
  );
  view.beforeWrite = () => {
    throw new Error('the power is gone');
  };
  await assert.rejects(ask('update', 'data/a', { data: { b: 2 } }));
  view.beforeWrite = () => {};
  assert.equal(metadataOf(await ask('read', 'data/a'))['version'], 1);
});

test('a write without data or with a wrong shape is refused', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  const messageOf = async (path: string, input: JsonObject) =>
    (await refusal(ask('update', path, input), 'bad_request')).message;
  assert.equal(await messageOf('data/a', {}), 'no data provided');
  assert.equal(await messageOf('data/a', { foo: 'bar' }), 'no data provided');
  assert.equal(await messageOf('data/a', { data: null }), 'no data provided');
  assert.equal(await messageOf('data/a', { data: 'text' }), "field 'data' must be an object");
  assert.equal(await messageOf('data/a', { data: {}, options: 'x' }), "field 'options' must be an object");
  assert.equal(
    await messageOf('data/a', { data: {}, options: { cas: 'x' } }),
    "field 'cas' must be a whole number",
  );
  assert.equal(await messageOf('data', { data: {} }), 'missing path');
  assert.match(await messageOf('data/a', { data: { a: 'x'.repeat(SECRET_BYTES_MAX) } }), /limit is 1044480/);
  assert.match(await messageOf(`data/${'p'.repeat(1_701)}`, { data: {} }), /limit is 1700 bytes/);
  assert.equal(view.records.size, 0);
  await ask('update', 'data/a', { data: {} });
  assert.deepEqual((await ask('read', 'data/a')).data, {
    data: {},
    metadata: metadataOf(await ask('read', 'data/a')),
  });
});

test('check-and-set holds a write to the version it replaces', async () => {
  const { ask } = await open();
  const write = (cas: number | string) => ask('update', 'data/a', { data: { cas }, options: { cas } });
  const mismatch = 'check-and-set parameter did not match the current version';
  assert.equal((await refusal(write(1), 'bad_request')).message, mismatch);
  await write(0);
  assert.equal((await refusal(write(0), 'bad_request')).message, mismatch);
  await write('1');
  assert.equal((await refusal(write(1), 'bad_request')).message, mismatch);
  await ask('delete', 'data/a');
  assert.equal((await refusal(write(0), 'bad_request')).message, mismatch, 'a deleted version counts');
  await write(2);
  assert.equal((await refusal(write(-1), 'bad_request')).message, mismatch);
});

test('of many writes with the same check-and-set exactly one wins', async () => {
  const { ask } = await open();
  const writes = Array.from({ length: 20 }, (_, writer) =>
    ask('update', 'data/a', { data: { writer }, options: { cas: 0 } }),
  );
  const settled = await Promise.allSettled(writes);
  assert.equal(settled.filter((result) => result.status === 'fulfilled').length, 1);
});

test('mount and secret can each require check-and-set', async () => {
  const { ask } = await open();
  const write = () => ask('update', 'data/a', { data: {} });
  const required = 'check-and-set parameter required for this call';
  await ask('update', 'config', { cas_required: true });
  assert.equal((await refusal(write(), 'bad_request')).message, required);
  const response = await ask('update', 'metadata/a', { cas_required: false });
  assert.match(response.warnings?.[0] ?? '', /cas_required/);
  assert.equal((await refusal(write(), 'bad_request')).message, required);
  await ask('update', 'config', { cas_required: false });
  await write();
  assert.deepEqual(await ask('update', 'metadata/a', { cas_required: true }), {});
  assert.equal((await refusal(write(), 'bad_request')).message, required);
});

test('config: what was not sent stays, what is out of range is refused', async () => {
  const { ask } = await open();
  assert.deepEqual(await ask('read', 'config'), {
    data: { cas_required: false, delete_version_after: '0s', max_versions: 0 },
  });
  assert.deepEqual(await ask('update', 'config', { max_versions: 5, delete_version_after: '3h25m19s' }), {});
  await ask('update', 'config', { cas_required: true });
  assert.deepEqual(await ask('read', 'config'), {
    data: { cas_required: true, delete_version_after: '3h25m19s', max_versions: 5 },
  });
  for (const input of [{ max_versions: -1 }, { max_versions: 1_001 }, { max_versions: 'many' }]) {
    assert.match((await refusal(ask('update', 'config', input), 'bad_request')).message, /max_versions/);
  }
});

test('the window of versions moves, and what it passed is gone from the storage', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  const write = () => ask('update', 'data/a', { data: {} });
  const state = async () => {
    const { oldest_version, versions } = (await ask('read', 'metadata/a')).data as JsonObject;
    return [oldest_version, Object.keys(versions as JsonObject).join()];
  };
  for (let count = 0; count < 9; count += 1) await write();
  assert.deepEqual(await state(), [0, '1,2,3,4,5,6,7,8,9']);
  await write();
  assert.deepEqual(await state(), [1, '1,2,3,4,5,6,7,8,9,10']);
  await write();
  assert.deepEqual(await state(), [2, '2,3,4,5,6,7,8,9,10,11']);
  await refusal(ask('read', 'data/a', { version: 1 }), 'not_found');
  assert.equal(view.records.size, 1 + 10);
  await ask('update', 'metadata/a', { max_versions: 2 });
  await ask('update', 'config', { max_versions: 3 });
  await write();
  assert.deepEqual(await state(), [10, '10,11,12'], 'the larger limit counts');
  assert.equal(view.records.size, 2 + 3);
});

test('more versions than fit into a batch go in portions, and a failure between them loses nothing promised', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  await ask('update', 'config', { max_versions: 250 });
  for (let count = 0; count < 250; count += 1) await ask('update', 'data/a', { data: { count } });
  await ask('update', 'config', { max_versions: 2 });
  view.batches.length = 0;
  view.beforeWrite = () => {
    if (view.batches.length === 1) throw new Error('killed');
  };
  await assert.rejects(ask('update', 'data/a', { data: {} }));
  await assertNothingDangles(view, ask);
  view.beforeWrite = () => {};
  await ask('update', 'data/a', { data: {} });
  assert.ok(view.batches.every((batch) => batch.length <= 100));
  assert.equal(view.records.size, 2 + 2);
  await assertNothingDangles(view, ask);
});

async function assertNothingDangles(
  view: MemoryView,
  ask: Awaited<ReturnType<typeof open>>['ask'],
): Promise<void> {
  const { versions, current_version } = (await ask('read', 'metadata/a')).data as JsonObject;
  const numbers = Object.keys(versions as JsonObject);
  assert.ok(numbers.includes(String(current_version)));
  for (const version of numbers) assert.equal((await ask('read', 'data/a', { version })).outcome, undefined);
  const kept = [...view.records.keys()].filter((path) => path.startsWith('versions/'));
  assert.equal(kept.length, numbers.length);
}

test('a deleted newest version is absent with its metadata, and can be brought back', async () => {
  const { ask, clock } = await open();
  await ask('update', 'data/a', { data: { b: 1 } });
  clock.advance(1_000);
  assert.deepEqual(await ask('delete', 'data/a'), {});
  clock.advance(1_000);
  const deleted = {
    outcome: 'absent',
    data: {
      data: null,
      metadata: {
        created_time: START,
        custom_metadata: null,
        deletion_time: '2026-01-01T00:00:01.000Z',
        destroyed: false,
        version: 1,
      },
    },
  };
  assert.deepEqual(await ask('read', 'data/a'), deleted);
  assert.deepEqual(await ask('delete', 'data/a'), {});
  assert.deepEqual(await ask('read', 'data/a'), deleted, 'a second delete changes nothing');
  assert.deepEqual(await ask('update', 'undelete/a', { versions: [1] }), {});
  assert.deepEqual((await ask('read', 'data/a')).data, {
    data: { b: 1 },
    metadata: { ...deleted.data.metadata, deletion_time: '' },
  });
  assert.deepEqual(await ask('delete', 'data/nothing'), {});
});

test('chosen versions are deleted, brought back and destroyed', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  for (const value of [1, 2, 3]) await ask('update', 'data/a', { data: { value } });
  const states = async () => {
    const reads = [1, 2, 3].map((version) => ask('read', 'data/a', { version }));
    return (await Promise.all(reads)).map((response) => (response.outcome === 'absent' ? '-' : '+')).join('');
  };
  await ask('update', 'delete/a', { versions: [1, '3', 9] });
  assert.equal(await states(), '-+-');
  await ask('update', 'destroy/a', { versions: '2, 3' });
  assert.equal(await states(), '---');
  await ask('update', 'undelete/a', { versions: [1, 2, 3] });
  assert.equal(await states(), '+--');
  assert.equal(metadataOf(await ask('read', 'data/a'))['destroyed'], true);
  assert.equal([...view.records.keys()].filter((path) => path.startsWith('versions/')).length, 1);
  await ask('update', 'delete/a', { versions: 1 });
  assert.equal(await states(), '---');
});

test('versions must be named, and be numbers; a secret that is not there is no error', async () => {
  const { ask } = await open();
  for (const verb of ['delete', 'undelete', 'destroy']) {
    const message = async (input: JsonObject) =>
      (await refusal(ask('update', `${verb}/a`, input), 'bad_request')).message;
    assert.equal(await message({}), 'No version number provided');
    assert.equal(await message({ versions: [] }), 'No version number provided');
    for (const versions of [['x'], [1.5], [-1], 'a,b', true, {}])
      assert.match(await message({ versions }), /whole numbers/);
    assert.deepEqual(await ask('update', `${verb}/a`, { versions: [1] }), {});
  }
});

test('a version with a time to live is deleted when it is over', async () => {
  const { ask, clock } = await open();
  await ask('update', 'config', { delete_version_after: '1h' });
  await ask('update', 'metadata/a', { delete_version_after: '30m' });
  const written = (await ask('update', 'data/a', { data: {} })).data as JsonObject;
  assert.equal(written['deletion_time'], '2026-01-01T00:30:00.000Z', 'the shorter life counts');
  clock.advance(30 * 60_000 - 1);
  assert.equal((await ask('read', 'data/a')).outcome, undefined);
  clock.advance(1);
  assert.equal((await ask('read', 'data/a')).outcome, 'absent');
  await ask('update', 'undelete/a', { versions: [1] });
  assert.equal((await ask('read', 'data/a')).outcome, undefined);
  assert.equal(metadataOf(await ask('read', 'data/a'))['deletion_time'], '2026-01-01T01:00:00.000Z');
});

test('metadata: read, change, and what a change leaves alone', async () => {
  const { ask, clock } = await open();
  await refusal(ask('read', 'metadata/a'), 'not_found');
  assert.deepEqual(await ask('update', 'metadata/a', {}), {});
  await refusal(ask('read', 'metadata/a'), 'not_found');
  await ask('update', 'data/a', { data: {} });
  clock.advance(1_000);
  await ask('update', 'metadata/a', { max_versions: 4, custom_metadata: { owner: 'jdoe', level: 3 } });
  assert.deepEqual(await ask('read', 'metadata/a'), {
    data: {
      cas_required: false,
      created_time: START,
      current_version: 1,
      custom_metadata: { owner: 'jdoe', level: '3' },
      delete_version_after: '0s',
      max_versions: 4,
      oldest_version: 0,
      updated_time: '2026-01-01T00:00:01.000Z',
      versions: { 1: { created_time: START, deletion_time: '', destroyed: false } },
    },
  });
  assert.deepEqual(metadataOf(await ask('read', 'data/a'))['custom_metadata'], { owner: 'jdoe', level: '3' });
  await ask('update', 'metadata/fresh', { max_versions: 1 });
  await refusal(ask('read', 'data/fresh'), 'not_found');
  assert.equal(((await ask('read', 'metadata/fresh')).data as JsonObject)['current_version'], 0);
  await ask('update', 'data/fresh', { data: {}, options: { cas: 0 } });
});

test('custom metadata beyond the limits are refused without their values', async () => {
  const { ask } = await open();
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`n${at}`, 'v']));
  const wrong: JsonObject[] = [
    many,
    { '': 'v' },
    { ['n'.repeat(129)]: 'v' },
    { n: '' },
    { n: 'v'.repeat(513) },
    { n: { secret: 'hidden-value' } },
    { n: 'hidden-value\u0000' },
    { 'n\u0007': 'v' },
  ];
  for (const custom_metadata of wrong) {
    const { message } = await refusal(ask('update', 'metadata/a', { custom_metadata }), 'bad_request');
    assert.match(message, /^custom_metadata validation failed: /);
    assert.doesNotMatch(message, /hidden-value/);
  }
  await refusal(ask('read', 'metadata/a'), 'not_found');
});

test('deleting the metadata leaves nothing in the storage, however many versions there were', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  await ask('update', 'config', { max_versions: 300 });
  for (let count = 0; count < 205; count += 1) await ask('update', 'data/a', { data: {} });
  assert.deepEqual(await ask('delete', 'metadata/a'), {});
  assert.deepEqual([...view.records.keys()], ['config']);
  assert.ok(view.batches.every((batch) => batch.length <= 100));
  assert.deepEqual(await ask('delete', 'metadata/a'), {});
  const again = (await ask('update', 'data/a', { data: {}, options: { cas: 0 } })).data as JsonObject;
  assert.equal(again['version'], 1);
});

test('secrets whose paths look like versions or records of others do not meet', async () => {
  const { ask } = await open();
  const paths = [
    'a',
    'a/1',
    'a/1/2',
    'a/versions/1',
    'versions/a/1',
    'metadata/a',
    'config',
    'data/a',
    'a/metadata',
  ];
  for (const path of paths) {
    await ask('update', `data/${path}`, { data: { path } });
    await ask('update', `data/${path}`, { data: { path } });
  }
  for (const path of paths) {
    assert.deepEqual(((await ask('read', `data/${path}`)).data as JsonObject)['data'], { path });
  }
  assert.deepEqual(await ask('list', 'metadata'), {
    data: { keys: ['a', 'a/', 'config', 'data/', 'metadata/', 'versions/'] },
  });
  assert.deepEqual(await ask('list', 'metadata/a'), { data: { keys: ['1', '1/', 'metadata', 'versions/'] } });
  await ask('delete', 'metadata/a');
  assert.deepEqual(await ask('list', 'metadata/a/'), {
    data: { keys: ['1', '1/', 'metadata', 'versions/'] },
  });
  await refusal(ask('list', 'metadata/config'), 'not_found');
});

test("version 1's paths are answered with a hint", async () => {
  const { ask } = await open();
  for (const [operation, command] of [
    ['read', 'get'],
    ['update', 'put'],
    ['list', 'list'],
    ['delete', 'delete'],
  ] as const) {
    const response = await ask(operation, 'app/db', { a: 1 });
    assert.equal(response.outcome, 'absent');
    assert.match(response.warnings?.[0] ?? '', new RegExp(`versioned.*'vault kv ${command}'`));
  }
});

test('a broken record is reported as that', async () => {
  const view = new MemoryView();
  const { ask } = await open(view);
  await ask('update', 'data/a', { data: { b: 'hidden-value' } });
  const [versionPath = ''] = [...view.records.keys()].filter((path) => path.startsWith('versions/'));
  view.records.delete(versionPath);
  assert.match((await refusal(ask('read', 'data/a'), 'storage_corrupt')).detail ?? '', /not there/);
  const good = new TextDecoder().decode(view.records.get('metadata/a'));
  const broken = [
    good.replace('"format":1', '"format":2'),
    good.replace('"current":1', '"current":-1'),
    good.replace('"current":1', '"current":"1"'),
    good.replace(/"id":"\w+"/, '"id":"../x"'),
    good.replace('[[1,', '[["1",'),
    good.replace('false]]', '0]]'),
    good.replace('"custom":null', '"custom":{"a":1}'),
    good.slice(0, -1),
  ];
  for (const text of broken) {
    assert.notEqual(text, good);
    view.records.set('metadata/a', Buffer.from(text));
    await refusal(ask('read', 'metadata/a'), 'storage_corrupt');
  }
});

test('a read whose version is dropped between metadata and data is answered from the newer metadata', async () => {
  let between: () => Promise<unknown> = async () => {};
  class SlowView extends MemoryView {
    override async get(path: string): Promise<Uint8Array | undefined> {
      const act = between;
      if (path.startsWith('versions/')) {
        between = async () => {};
        await act();
      }
      return super.get(path);
    }
  }
  const { ask } = await open(new SlowView());
  await ask('update', 'data/a', { data: { b: 1 } });
  between = () => ask('update', 'destroy/a', { versions: [1] });
  const destroyed = await ask('read', 'data/a');
  assert.equal(destroyed.outcome, 'absent');
  assert.equal(metadataOf(destroyed)['destroyed'], true);
  await ask('update', 'data/a', { data: { b: 2 } });
  between = () => ask('delete', 'metadata/a');
  await refusal(ask('read', 'data/a'), 'not_found');
});

test('the roots of data and metadata are read as what is not there, with a hint', async () => {
  const { ask } = await open();
  for (const path of ['data', 'metadata']) {
    const { outcome, warnings } = await ask('read', path);
    assert.equal(outcome, 'absent');
    assert.match(warnings?.[0] ?? '', /Non-listing operations on the root/);
  }
});
