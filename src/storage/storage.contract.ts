import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import { STORAGE_LIST_ENTRIES_MAX } from '../base/limits.ts';
import type { Election } from './election.ts';
import type { Change, ListOptions, Storage } from './storage.ts';
import { unfenced } from './storage.ts';

// What every storage must do; each adapter's test calls `storageContract` with a way to open an empty one.

export interface StorageUnderTest {
  readonly storage: Storage;
  /** On the same data, so that fences can be granted. */
  readonly election: Election;
  /** Another node on the same data, in another process if the adapter serves several. */
  second(): Promise<Storage>;
  /** Closes all of the above and removes the data. */
  cleanUp(): Promise<void>;
}

export interface StorageContractOptions {
  /** Random op logs to replay; each costs up to 30 writes. */
  readonly logs: number;
}

export function storageContract(
  name: string,
  open: () => Promise<StorageUnderTest>,
  options: StorageContractOptions,
): void {
  describe(`storage contract: ${name}`, () => {
    let bench: StorageUnderTest;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.cleanUp());

    valueTests(() => bench);
    listTests(() => bench);
    refusalTests(() => bench);
    fenceTests(() => bench);
    closeTests(() => bench);

    test('random logs leave what a plain map would hold', async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(opLog, async (log) => {
          run += 1;
          await replay(bench.storage, `run-${run}/`, log);
        }),
        { numRuns: options.logs },
      );
    });
  });
}

const put = (key: string, value: string | Uint8Array = key): Change => ({
  kind: 'put',
  key,
  value: typeof value === 'string' ? utf8(value) : value,
});
const remove = (key: string): Change => ({ kind: 'delete', key });
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString();
const advert = { nodeId: 'n', apiAddress: 'https://n:8200', clusterAddress: 'https://n:8201' };

function valueTests(bench: () => StorageUnderTest): void {
  test('a value reads back; an absent key is undefined; a deleted one is absent', async () => {
    const { storage } = bench();
    assert.equal(await storage.get('a/b'), undefined);
    await storage.write([put('a/b', 'one')], unfenced);
    assert.equal(text(await storage.get('a/b')), 'one');
    assert.equal(await storage.get('a'), undefined);
    await storage.write([remove('a/b'), remove('never/there')], unfenced);
    assert.equal(await storage.get('a/b'), undefined);
  });

  test('an empty value is a value', async () => {
    const { storage } = bench();
    await storage.write([put('empty', '')], unfenced);
    assert.equal((await storage.get('empty'))?.byteLength, 0);
  });

  test('of several changes to one key in a batch the last wins', async () => {
    const { storage } = bench();
    await storage.write(
      [put('k', '1'), remove('k'), put('k', '2'), put('gone', 'x'), remove('gone')],
      unfenced,
    );
    assert.equal(text(await storage.get('k')), '2');
    assert.equal(await storage.get('gone'), undefined);
  });

  test('what get returns is a copy', async () => {
    const { storage } = bench();
    await storage.write([put('k', 'value')], unfenced);
    (await storage.get('k'))?.fill(0);
    assert.equal(text(await storage.get('k')), 'value');
  });

  test('values of all sizes up to the limit keep every byte', async () => {
    const { storage } = bench();
    const sizes = [1, 4_095, 4_096, 70_000, storage.limits.valueBytesMax];
    const values = sizes.map((size) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 0xff));
    await storage.write(
      values.map((value) => put(`size/${value.byteLength}`, value.slice())),
      unfenced,
    );
    for (const value of values) {
      assert.deepEqual(
        Buffer.from((await storage.get(`size/${value.byteLength}`)) ?? []),
        Buffer.from(value),
      );
    }
  });

  test('an acknowledged write is what another node reads next', async () => {
    const { storage, second } = bench();
    const other = await second();
    for (let turn = 0; turn < 50; turn += 1) {
      const [writer, reader] = turn % 2 === 0 ? [storage, other] : [other, storage];
      await writer.write([put('turn', String(turn))], unfenced);
      assert.equal(text(await reader.get('turn')), String(turn));
    }
    assert.deepEqual(await other.list(''), ['turn']);
  });
}

function listTests(bench: () => StorageUnderTest): void {
  test('list gives names directly under the prefix, folders with a slash, and both if both exist', async () => {
    const { storage } = bench();
    const keys = ['a', 'a/x', 'a/y/z', 'a-', 'a0', 'b/c/d', 'c'];
    await storage.write(
      keys.map((key) => put(key)),
      unfenced,
    );
    assert.deepEqual(await storage.list(''), ['a', 'a-', 'a/', 'a0', 'b/', 'c']);
    assert.deepEqual(await storage.list('a/'), ['x', 'y/']);
    assert.deepEqual(await storage.list('b/'), ['c/']);
    assert.deepEqual(await storage.list('c/'), []);
    await storage.write([remove('a/x'), remove('a/y/z')], unfenced);
    assert.deepEqual(await storage.list(''), ['a', 'a-', 'a0', 'b/', 'c'], 'an emptied folder is gone');
  });

  test('names sort by UTF-8 bytes, not by UTF-16 units', async () => {
    const { storage } = bench();
    const sorted = ['Z', 'a', 'é', '\u{fffd}', '\u{1f600}'];
    await storage.write(
      sorted.toReversed().map((key) => put(`u/${key}`)),
      unfenced,
    );
    assert.deepEqual(await storage.list('u/'), sorted);
  });

  test('after and limit page through every name once', async () => {
    const { storage } = bench();
    const keys = ['a', 'a/1', 'a/2', 'a-', 'b/1', 'b/2', 'c', '\u{1f600}/x'];
    await storage.write(
      keys.map((key) => put(`p/${key}`)),
      unfenced,
    );
    const all = await storage.list('p/');
    for (let limit = 1; limit <= all.length + 1; limit += 1) {
      const seen: string[] = [];
      for (;;) {
        const after = seen.at(-1);
        const page = await storage.list('p/', after === undefined ? { limit } : { limit, after });
        assert.ok(page.length <= limit);
        if (page.length === 0) break;
        seen.push(...page);
      }
      assert.deepEqual(seen, all, `limit ${limit}`);
    }
    assert.deepEqual(await storage.list('p/', { after: 'a/no/name' }), ['b/', 'c', '\u{1f600}/']);
    assert.deepEqual(await storage.list('p/', { after: 'a/1/0', limit: 1 }), ['b/']);
    assert.deepEqual(await storage.list('p/', { after: 'zzz' }), ['\u{1f600}/']);
    assert.deepEqual(await storage.list('p/', { limit: STORAGE_LIST_ENTRIES_MAX + 1 }), all);
  });
}

function refusalTests(bench: () => StorageUnderTest): void {
  const longest = (storage: Storage) => 'k'.repeat(storage.limits.keyBytesMax);

  test('invalid keys and prefixes are refused and not quoted', async () => {
    const { storage } = bench();
    const bad = [
      '',
      '/a',
      'a/',
      'a//b',
      '.',
      'a/../b',
      './a',
      'a\nb',
      'a\u0000b',
      'a\u007f',
      '\ud800',
      `${longest(storage)}k`,
    ];
    for (const key of bad) {
      const refused = (error: unknown) =>
        hasCode(error, 'bad_request') && (key.length < 3 || !error.message.includes(key));
      await assert.rejects(storage.get(key), refused, `get ${JSON.stringify(key)}`);
      await assert.rejects(storage.write([put(key)], unfenced), refused, `put ${JSON.stringify(key)}`);
      await assert.rejects(storage.write([put('good'), remove(key)], unfenced), refused);
      if (key !== '' && key !== 'a/')
        await assert.rejects(storage.list(key), refused, `list ${JSON.stringify(key)}`);
    }
    await assert.rejects(storage.list('a'), code('bad_request'), 'a prefix without its slash');
    await assert.rejects(storage.list('a//'), code('bad_request'));
    assert.deepEqual(await storage.list(''), []);
  });

  test('the longest key, of multi-byte characters too, is accepted', async () => {
    const { storage } = bench();
    const euros = '€'.repeat(Math.floor(storage.limits.keyBytesMax / 3));
    await storage.write([put(longest(storage), '1'), put(euros, '2')], unfenced);
    assert.equal(text(await storage.get(longest(storage))), '1');
    assert.equal(text(await storage.get(euros)), '2');
    await assert.rejects(storage.get(`${euros}€`), code('bad_request'), 'limits count bytes');
  });

  test('a value or a batch over its limit writes nothing', async () => {
    const { storage } = bench();
    const { valueBytesMax, batchChangesMax } = storage.limits;
    await assert.rejects(
      storage.write([put('a'), put('b', new Uint8Array(valueBytesMax + 1))], unfenced),
      code('bad_request'),
    );
    const changes = Array.from({ length: batchChangesMax + 1 }, (_, at) => put(`k/${at}`));
    await assert.rejects(storage.write(changes, unfenced), code('bad_request'));
    assert.deepEqual(await storage.list(''), []);
    await storage.write(changes.slice(1), unfenced);
    assert.equal((await storage.list('k/')).length, batchChangesMax);
  });

  test('a list limit that is no whole number from 1 is refused', async () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      await assert.rejects(bench().storage.list('', { limit }), code('bad_request'));
    }
  });
}

function fenceTests(bench: () => StorageUnderTest): void {
  test('the newest epoch writes; an older, a future and a resigned one write nothing', async () => {
    const { storage, election, second } = bench();
    const first = await election.tryCampaign(advert);
    assert.ok(first);
    await storage.write([put('k', 'first')], first.fence);
    await first.resign();
    await assert.rejects(storage.write([put('k', 'resigned')], first.fence), code('fenced'));

    const newer = await election.tryCampaign(advert);
    assert.ok(newer);
    const other = await second();
    for (const storageOfNode of [storage, other]) {
      await assert.rejects(storageOfNode.write([put('x'), put('k', 'stale')], first.fence), code('fenced'));
      await assert.rejects(
        storageOfNode.write([], first.fence),
        code('fenced'),
        'an empty batch proves leadership',
      );
      await assert.rejects(
        storageOfNode.write([put('x')], { epoch: newer.fence.epoch + 1 }),
        code('fenced'),
        'an epoch that was never granted',
      );
    }
    assert.equal(text(await storage.get('k')), 'first');
    assert.equal(await storage.get('x'), undefined);
    await other.write([put('k', 'newer')], newer.fence);
    await storage.write([], newer.fence);
    assert.equal(text(await storage.get('k')), 'newer');
  });

  test('a fence that is no epoch is refused', async () => {
    for (const epoch of [0, -1, 0.5, Number.NaN]) {
      await assert.rejects(bench().storage.write([put('k')], { epoch }), code('bad_request'));
    }
  });

  test('stale and current writes side by side: every stale one is refused, every current one kept', async () => {
    const { storage, election } = bench();
    const stale = await election.tryCampaign(advert);
    await stale?.resign();
    const current = await election.tryCampaign(advert);
    assert.ok(stale && current);
    const writes = Array.from({ length: 60 }, (_, at) => {
      const fence = at % 2 === 0 ? stale.fence : current.fence;
      return storage.write([put(`w/${at}/a`), put(`w/${at}/b`)], fence);
    });
    const results = await Promise.allSettled(writes);
    for (const [at, result] of results.entries()) {
      assert.equal(result.status, at % 2 === 0 ? 'rejected' : 'fulfilled');
      assert.deepEqual(await storage.list(`w/${at}/`), at % 2 === 0 ? [] : ['a', 'b']);
    }
  });
}

function closeTests(bench: () => StorageUnderTest): void {
  test('close waits for writes under way, may be called twice, and ends all use', async () => {
    const { storage, second } = bench();
    const other = await second();
    const write = storage.write([put('last')], unfenced);
    await Promise.all([storage.close(), storage.close()]);
    await write;
    assert.equal(text(await other.get('last')), 'last');
    await assert.rejects(storage.get('k'), code('storage_unavailable'));
    await assert.rejects(storage.list(''), code('storage_unavailable'));
    await assert.rejects(storage.write([put('k')], unfenced), code('storage_unavailable'));
  });
}

type Op =
  | {
      readonly kind: 'write';
      readonly changes: readonly { readonly key: string; readonly value: string | null }[];
    }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'list'; readonly prefix: string; readonly options: ListOptions };

// Few segments, so that keys collide and folders coincide with values; `!` sorts before the slash, `0` after it.
const segment = fc.constantFrom('a', 'b', 'a!', 'a0', 'é', '\u{fffd}', '\u{1f600}');
const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
const change = fc.record({ key, value: fc.option(fc.string({ maxLength: 8 })) });
const listOptions = fc.record(
  {
    after: fc.oneof(
      segment,
      segment.map((name) => `${name}/`),
      key,
    ),
    limit: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);
const opLog: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('write'), changes: fc.array(change, { maxLength: 5 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('get'), key }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('list'),
        prefix: fc.oneof(
          fc.constant(''),
          key.map((name) => `${name}/`),
        ),
        options: listOptions,
      }),
    },
  ),
  { maxLength: 30 },
);

async function replay(storage: Storage, root: string, log: readonly Op[]): Promise<void> {
  const model = new Map<string, string>();
  for (const op of log) {
    if (op.kind === 'write') {
      const changes = op.changes.map(({ key, value }) =>
        value === null ? remove(root + key) : put(root + key, value),
      );
      await storage.write(changes, unfenced);
      for (const { key, value } of op.changes) value === null ? model.delete(key) : model.set(key, value);
    } else if (op.kind === 'get') {
      assert.equal(text(await storage.get(root + op.key)), model.get(op.key));
    } else {
      assert.deepEqual(
        await storage.list(root + op.prefix, op.options),
        modelList(model, op.prefix, op.options),
      );
    }
  }
  for (const [key, value] of model) assert.equal(text(await storage.get(root + key)), value);
}

/** The docstring of `Storage.list`, word for word, without regard for speed. */
function modelList(
  model: ReadonlyMap<string, string>,
  prefix: string,
  { after, limit }: ListOptions,
): string[] {
  const names = new Set<string>();
  for (const key of model.keys()) {
    if (!key.startsWith(prefix)) continue;
    const [head = '', ...more] = key.slice(prefix.length).split('/');
    names.add(more.length === 0 ? head : `${head}/`);
  }
  const order = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));
  const sorted = [...names].sort(order).filter((name) => after === undefined || order(name, after) > 0);
  return sorted.slice(0, limit);
}

function code(expected: 'bad_request' | 'fenced' | 'storage_unavailable'): (error: unknown) => boolean {
  return (error) => hasCode(error, expected);
}
