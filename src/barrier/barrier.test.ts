import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { fromUtf8, SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { type ErrorCode, hasCode, LatchkeyError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import type { Election, Leadership } from '../storage/election.ts';
import { memoryStorage } from '../storage/memory/memory.ts';
import {
  type Change,
  type Fence,
  type ListOptions,
  type Storage,
  type StorageLimits,
  type Unfenced,
  unfenced,
} from '../storage/storage.ts';
import { RECORD_OVERHEAD_BYTES } from './aead.ts';
import { Barrier } from './barrier.ts';
import { KEYRING_KEY } from './keyring.ts';

/** The memory storage, with a switch for each fault that the barrier must survive, and a way round the barrier. */
class TestStorage implements Storage {
  readonly #inner: Storage;
  readonly #election: Election;
  #leadership: Leadership | undefined;
  readonly type = 'test';
  readonly limits: StorageLimits;
  fault: 'none' | 'before' | 'after' = 'none';
  reading: Promise<void> = Promise.resolve();
  gets = 0;

  constructor() {
    const { storage: inner, election } = memoryStorage({ clock: systemClock });
    this.#inner = inner;
    this.#election = election;
    this.limits = inner.limits;
  }

  async get(key: string) {
    this.gets += 1;
    const value = await this.#inner.get(key);
    await this.reading;
    return value;
  }

  async list(prefix: string, options?: ListOptions) {
    await this.reading;
    return this.#inner.list(prefix, options);
  }

  async write(changes: readonly Change[], by: Fence | Unfenced) {
    const down = new LatchkeyError('storage_unavailable', 'the storage is down');
    if (this.fault === 'before') throw down;
    await this.#inner.write(changes, by);
    if (this.fault === 'after') throw down;
  }

  /** A new leadership; the fence before it is worth nothing any more. */
  async lead(): Promise<Fence> {
    await this.#leadership?.resign();
    this.#leadership = await this.#election.tryCampaign({
      nodeId: 'n',
      apiAddress: 'a',
      clusterAddress: 'c',
    });
    assert.ok(this.#leadership);
    return this.#leadership.fence;
  }

  raw(key: string): Promise<Uint8Array | undefined> {
    return this.#inner.get(key);
  }

  async rawBytes(key: string): Promise<Uint8Array> {
    const value = await this.raw(key);
    assert.ok(value);
    return value;
  }

  plant(key: string, value: Uint8Array | undefined): Promise<void> {
    const change: Change = value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value };
    return this.#inner.write([change], unfenced);
  }

  async close() {
    await this.#election.close();
    await this.#inner.close();
  }
}

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);
const freshRoot = () => SecretBytes.fill(32, (target) => systemRandom.fill(target));

let storage: TestStorage;
let fence: Fence;
let root: SecretBytes;
let barrier: Barrier;
const open = () => new Barrier({ storage, random: systemRandom, clock: systemClock });

beforeEach(async () => {
  storage = new TestStorage();
  fence = await storage.lead();
  root = freshRoot();
  barrier = open();
  await storage.write(barrier.initialize(root), fence);
});
afterEach(async () => {
  barrier.seal();
  await storage.close();
});

async function another(): Promise<Barrier> {
  const other = open();
  await other.unseal(root);
  return other;
}

test('initialize writes nothing, opens the barrier, and its batch opens a second one', async () => {
  await storage.plant(KEYRING_KEY, undefined);
  const first = open();
  const changes = first.initialize(root);
  const batch = [...changes, first.encrypt('sys/first', utf8('made at init'))];
  assert.deepEqual(await storage.list(''), []);
  assert.equal(first.isOpen, true);
  await storage.write(batch, fence);
  const second = await another();
  assert.equal(fromUtf8((await second.view('sys/').get('first')) ?? new Uint8Array()), 'made at init');
  assert.throws(() => first.initialize(root), code('already_initialized'));
});

test('unseal tells no keyring, a wrong root key and a silent storage apart', async () => {
  const other = open();
  await assert.rejects(other.unseal(freshRoot()), code('storage_corrupt'));
  assert.equal(other.isOpen, false);
  await storage.plant(KEYRING_KEY, undefined);
  await assert.rejects(other.unseal(root), code('not_initialized'));
  const { promise, reject } = Promise.withResolvers<void>();
  reject(new LatchkeyError('storage_unavailable', 'down'));
  storage.reading = promise;
  await assert.rejects(other.unseal(root), code('storage_unavailable'));
  assert.equal(other.isOpen, false);
});

test('the caller keeps and wipes its own root key', async () => {
  const other = await another();
  root.wipe();
  await other.view('a/', fence).put('b', utf8('still open'));
  await other.rotate(fence);
  assert.equal(other.keyStatus().term, 2);
});

test('every use of a sealed barrier says sealed', async () => {
  const view = barrier.view('a/', fence);
  await view.put('b', utf8('value'));
  const record = await storage.rawBytes('a/b');
  barrier.seal();
  assert.equal(barrier.isOpen, false);
  const uses: (() => unknown)[] = [
    () => view.get('b'),
    () => view.get('absent'),
    () => view.list(''),
    () => view.put('b', utf8('value')),
    () => view.delete('b'),
    () => view.sub('c/').get('d'),
    () => barrier.view('a/').put('b', utf8('value')),
    () => barrier.encrypt('a', utf8('value')),
    () => barrier.decrypt('a/b', record),
    () => barrier.rotate(fence),
    () => barrier.rekey(freshRoot(), fence, []),
    () => barrier.refresh(),
    () => barrier.keyStatus(),
  ];
  for (const use of uses) await assert.rejects(async () => use(), code('sealed'), use.toString());
});

test('a seal wins over whatever was waiting for the storage', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const other = open();
  const view = barrier.view('a/', fence);
  storage.reading = promise;
  const waiting = [
    other.unseal(root),
    barrier.refresh(),
    barrier.rotate(fence),
    view.get('b'),
    view.list(''),
  ];
  await new Promise((done) => setImmediate(done));
  other.seal();
  barrier.seal();
  resolve();
  const outcomes = await Promise.allSettled(waiting);
  for (const outcome of outcomes) {
    assert.ok(outcome.status === 'rejected' && hasCode(outcome.reason, 'sealed'));
  }
  assert.equal(other.isOpen, false);
  assert.equal(barrier.isOpen, false);
});

test('views encrypt, list, nest and delete, and another node reads the same', async () => {
  const view = barrier.view('logical/1/', fence);
  await view.write([
    { kind: 'put', path: 'a', value: utf8('one') },
    { kind: 'put', path: 'deep/b', value: utf8('two') },
  ]);
  const reader = (await another()).view('logical/').sub('1/');
  assert.deepEqual(await reader.list(''), ['a', 'deep/']);
  assert.deepEqual(await reader.list('deep/'), ['b']);
  assert.deepEqual(await reader.get('deep/b'), utf8('two'));
  assert.equal(await reader.get('absent'), undefined);
  await view.sub('deep/').delete('b');
  assert.equal(await reader.get('deep/b'), undefined);
  assert.equal(toHex(await storage.rawBytes('logical/1/a')).includes(toHex(utf8('one'))), false);
});

test('whatever is put comes back, under every term and from every node', async () => {
  const path = fc.stringMatching(/^[a-zäö0-9]{1,8}(\/[a-z]{1,8}){0,2}$/);
  const values = fc.dictionary(path, fc.uint8Array({ maxLength: 100 }), { minKeys: 1, maxKeys: 5 });
  await fc.assert(
    fc.asyncProperty(values, fc.nat({ max: 2 }), async (records, rotations) => {
      await barrier
        .view('p/', fence)
        .write(Object.entries(records).map(([at, value]) => ({ kind: 'put', path: at, value })));
      for (let done = 0; done < rotations; done += 1) await barrier.rotate(fence);
      const reader = (await another()).view('p/');
      for (const [at, value] of Object.entries(records)) assert.deepEqual(await reader.get(at), value);
    }),
    { numRuns: 30 },
  );
});

test('a record moved to another path, or changed where it lies, is refused', async () => {
  const view = barrier.view('a/', fence);
  await view.put('b', utf8('value'));
  await storage.plant('a/c', await storage.rawBytes('a/b'));
  await assert.rejects(view.get('c'), code('storage_corrupt'));
  await storage.plant('a/b', new Uint8Array(3));
  await assert.rejects(view.get('b'), code('storage_corrupt'));
});

test('a view without a fence reads and does not write; an older fence is refused by the storage', async () => {
  await barrier.view('a/', fence).put('b', utf8('value'));
  const reader = barrier.view('a/');
  assert.deepEqual(await reader.get('b'), utf8('value'));
  await assert.rejects(reader.put('b', utf8('other')), code('fenced'));
  await assert.rejects(reader.sub('c/').delete('b'), code('fenced'));
  await storage.lead();
  await assert.rejects(barrier.view('a/', fence).put('b', utf8('other')), code('fenced'));
  assert.deepEqual(await reader.get('b'), utf8('value'));
});

test('paths that are no storage paths, and folders that are none, are refused', async () => {
  const view = barrier.view('a/', fence);
  for (const path of ['', '/b', 'b/', 'b//c', '.', '..', 'b/../c', 'b/.', 'b\0', 'b\n', '\ud800']) {
    await assert.rejects(view.get(path), code('bad_request'), JSON.stringify(path));
    await assert.rejects(view.put(path, utf8('value')), code('bad_request'), JSON.stringify(path));
  }
  for (const folder of ['b', '/', '../', 'b//']) {
    assert.throws(() => view.sub(folder), code('bad_request'), folder);
    await assert.rejects(view.list(folder), code('bad_request'), folder);
  }
  for (const path of ['..b', 'b..', '.b/c', 'b.c', 'ü/😀']) await view.put(path, utf8('value'));
});

test('the largest value fits, one byte more is refused, and nothing of its batch is written', async () => {
  const view = barrier.view('a/', fence);
  const sizeMax = storage.limits.valueBytesMax - RECORD_OVERHEAD_BYTES;
  await view.put('fits', new Uint8Array(sizeMax));
  assert.equal((await storage.rawBytes('a/fits')).byteLength, storage.limits.valueBytesMax);
  const batch = ['small', 'large'].map((path) => {
    return { kind: 'put', path, value: new Uint8Array(path === 'large' ? sizeMax + 1 : 1) } as const;
  });
  await assert.rejects(view.write(batch), code('bad_request'));
  assert.equal(await storage.raw('a/small'), undefined);
});

test('no view overwrites the keyring', async () => {
  await assert.rejects(barrier.view('core/', fence).put('keyring', utf8('value')), code('internal'));
  await assert.rejects(barrier.view('core/', fence).delete('keyring'), code('internal'));
  await another();
});

test('after a rotation the new term encrypts and the count starts over', async () => {
  const view = barrier.view('a/', fence);
  await view.put('old', utf8('one'));
  assert.deepEqual({ ...barrier.keyStatus(), installedAt: 0 }, { term: 1, installedAt: 0, encryptions: 1 });
  const status = await barrier.rotate(fence);
  assert.deepEqual({ ...status, installedAt: 0 }, { term: 2, installedAt: 0, encryptions: 0 });
  await view.put('new', utf8('two'));
  assert.equal(barrier.keyStatus().encryptions, 1);
  assert.equal((await storage.rawBytes('a/new'))[4], 2);
  assert.deepEqual(await view.get('old'), utf8('one'));
  assert.deepEqual(await view.get('new'), utf8('two'));
});

test('a standby finds a rotated keyring by refresh, and by itself on meeting its term', async () => {
  const [asked, surprised] = [await another(), await another()];
  await barrier.rotate(fence);
  await barrier.view('a/', fence).put('b', utf8('value'));
  assert.equal(await asked.refresh(), true);
  assert.equal(await asked.refresh(), false);
  assert.equal(asked.keyStatus().term, 2);
  assert.deepEqual(await surprised.view('a/').get('b'), utf8('value'));
  assert.equal(surprised.keyStatus().term, 2);
});

test('a term that nobody has is a corrupt record, after one look at the keyring', async () => {
  await barrier.view('a/', fence).put('b', utf8('value'));
  const record = await storage.rawBytes('a/b');
  record[4] = 9;
  await storage.plant('a/b', record);
  storage.gets = 0;
  await assert.rejects(barrier.view('a/').get('b'), code('storage_corrupt'));
  assert.equal(storage.gets, 2);
});

test('two nodes that rotate in turn drop no term', async () => {
  const other = await another();
  await barrier.rotate(fence);
  await barrier.view('a/', fence).put('b', utf8('value'));
  await other.rotate(fence);
  assert.equal(other.keyStatus().term, 3);
  assert.deepEqual(await (await another()).view('a/').get('b'), utf8('value'));
});

test('rotations at once are done one after the other', async () => {
  await Promise.all([barrier.rotate(fence), barrier.rotate(fence), barrier.rotate(fence)]);
  assert.equal(barrier.keyStatus().term, 4);
  assert.equal((await another()).keyStatus().term, 4);
});

test('a rotation that failed leaves the old term in use', async () => {
  const stale = fence;
  fence = await storage.lead();
  await assert.rejects(barrier.rotate(stale), code('fenced'));
  assert.equal(barrier.keyStatus().term, 1);
  assert.equal((await barrier.rotate(fence)).term, 2);
});

test('after a rotation without a clear outcome data stays safe, and only a newer epoch may rotate', async () => {
  for (const fault of ['before', 'after'] as const) {
    const doubtful = await storage.lead();
    storage.fault = fault;
    await assert.rejects(barrier.rotate(doubtful), code('storage_unavailable'));
    storage.fault = 'none';
    await assert.rejects(barrier.rotate(doubtful), code('storage_unavailable'));
    await barrier.view('a/', doubtful).put(fault, utf8('value'));
    assert.deepEqual(await (await another()).view('a/').get(fault), utf8('value'));
    const clear = await storage.lead();
    await barrier.rotate(clear);
    await barrier.view('a/', clear).put(fault, utf8('newer'));
    assert.deepEqual(await (await another()).view('a/').get(fault), utf8('newer'));
  }
});

test('a rekey changes keyring and root-key record together, and the old root key opens nothing', async () => {
  const standby = await another();
  const next = freshRoot();
  await barrier.view('a/', fence).put('b', utf8('value'));
  await barrier.rekey(next, fence, [{ kind: 'put', key: 'core/root-keys', value: utf8('new copies') }]);
  assert.deepEqual(await storage.raw('core/root-keys'), utf8('new copies'));
  await barrier.rotate(fence);
  await assert.rejects(open().unseal(root), code('storage_corrupt'));
  await assert.rejects(standby.refresh(), code('storage_corrupt'));
  assert.deepEqual(await standby.view('a/').get('b'), utf8('value'));
  await standby.unseal(next);
  assert.equal(standby.keyStatus().term, 2);
});

test('a fenced rekey changes neither record, and the barrier keeps its root key', async () => {
  const before = await storage.raw(KEYRING_KEY);
  const stale = fence;
  fence = await storage.lead();
  const change: Change = { kind: 'put', key: 'core/root-keys', value: utf8('new copies') };
  await assert.rejects(barrier.rekey(freshRoot(), stale, [change]), code('fenced'));
  assert.deepEqual(await storage.raw(KEYRING_KEY), before);
  assert.equal(await storage.raw('core/root-keys'), undefined);
  await barrier.rotate(fence);
  await another();
});

test('nothing of a barrier shows when it is printed', async () => {
  const printed = inspect(barrier, { depth: 10, showHidden: true }) + JSON.stringify(barrier);
  assert.equal(printed.includes(toHex(root.expose())), false);
  assert.doesNotMatch(printed, /Uint8Array\(32\)/);
});
