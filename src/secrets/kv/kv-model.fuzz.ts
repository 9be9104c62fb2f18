// Random requests against the kv engine and against a plain model of it; after each one, all that can be read must
// agree. Invariants: a refused or failed write changes nothing; another tenure reads the same; no data are kept
// that no metadata name; no batch is larger than a storage takes.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ErrorCode, LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { type EngineBench, openEngine } from '../../engine/engine.contract.ts';
import type { Response, View, ViewChange } from '../../engine/engine.ts';
import { kvEngine } from './kv-engine.ts';

/** Names that are also those of folders, of version numbers, and of the engine's own records. */
const PATHS = ['a', 'a/1', 'a/1/2', 'config', 'versions/a/1', 'ä b'] as const;

const anyPath = fc.constantFrom(...PATHS);
const anySecret = fc
  .dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'ttl', 'data')),
    fc.jsonValue({ maxDepth: 3 }),
    {
      maxKeys: 4,
    },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const anyNumbers = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 });

type Step =
  | {
      readonly do: 'write';
      readonly path: string;
      readonly data: JsonObject;
      readonly cas: number | undefined;
    }
  | { readonly do: 'remove' | 'forget'; readonly path: string }
  | { readonly do: 'delete' | 'undelete' | 'destroy'; readonly path: string; readonly versions: number[] }
  | { readonly do: 'limit'; readonly path: string | undefined; readonly max: number }
  | { readonly do: 'reopen' | 'crash' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      path: anyPath,
      data: anySecret,
      cas: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'forget' as const), path: anyPath }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'undelete' as const, 'destroy' as const),
      path: anyPath,
      versions: anyNumbers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      path: fc.option(anyPath, { nil: undefined }),
      max: fc.integer({ min: 0, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reopen' as const, 'crash' as const) }) },
);

/** Runs `runs` random stories, each on a fresh view. */
export async function fuzzVersioned(freshView: () => Promise<View>, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40, size: 'large' }), async (steps) => {
      const story = await Story.begin(new FaultyView(await freshView()), '2');
      const model = new VersionedModel();
      for (const step of steps) {
        await story.play(
          step,
          (bench) => askVersioned(bench, step),
          () => model.take(step),
        );
        for (const path of PATHS) await compareVersioned(story.bench, model, path);
      }
      await assertNoStrays(story.view, model);
    }),
    { numRuns: runs },
  );
}

export async function fuzzPlain(freshView: () => Promise<View>, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40, size: 'large' }), async (steps) => {
      const story = await Story.begin(new FaultyView(await freshView()), '1');
      const model = new Map<string, JsonObject>();
      for (const step of steps) {
        await story.play(
          step,
          (bench) => askPlain(bench, step),
          () => takePlain(model, step),
        );
        for (const path of PATHS) {
          const read = await outcomeOf(story.bench.ask('read', path));
          assert.deepEqual(typeof read === 'string' ? read : read.data, model.get(path) ?? 'not_found');
        }
        await compareList(story.bench, '', [...model.keys()]);
      }
    }),
    { numRuns: runs },
  );
}

/** Fails the next write as a whole when told to. */
class FaultyView implements View {
  readonly #inner: View;
  failsNext = false;

  constructor(inner: View) {
    this.#inner = inner;
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#inner.get(path);
  }

  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<string[]> {
    return this.#inner.list(prefix, options);
  }

  put(path: string, value: Uint8Array): Promise<void> {
    return this.write([{ kind: 'put', path, value }]);
  }

  delete(path: string): Promise<void> {
    return this.write([{ kind: 'delete', path }]);
  }

  async write(changes: readonly ViewChange[]): Promise<void> {
    assert.ok(changes.length <= 100);
    if (this.failsNext) throw new LatchkeyError('storage_unavailable', 'down');
    await this.#inner.write(changes);
  }

  sub(prefix: string): View {
    return this.#inner.sub(prefix);
  }
}

class Story {
  readonly view: FaultyView;
  readonly #version: string;
  bench: EngineBench;

  private constructor(view: FaultyView, version: string, bench: EngineBench) {
    this.view = view;
    this.#version = version;
    this.bench = bench;
  }

  static async begin(view: FaultyView, version: string): Promise<Story> {
    return new Story(view, version, await openEngine(kvEngine, view, { version }));
  }

  /** Asks, and asks the model, which says what code the refusal must have. */
  async play(
    step: Step,
    ask: (bench: EngineBench) => Promise<Response>,
    take: () => ErrorCode | undefined,
  ): Promise<void> {
    if (step.do === 'reopen') {
      await this.bench[Symbol.asyncDispose]();
      this.bench = await openEngine(kvEngine, this.view, { version: this.#version });
    } else if (step.do === 'crash') this.view.failsNext = true;
    else if (this.view.failsNext) {
      const outcome = await outcomeOf(ask(this.bench));
      this.view.failsNext = false;
      // A refusal, or nothing to do, may come before the write that fails. Then the model must see no change either.
      if (outcome !== 'storage_unavailable')
        assert.equal(take() ?? 'ok', typeof outcome === 'string' ? outcome : 'ok');
    } else {
      const outcome = await outcomeOf(ask(this.bench));
      assert.equal(typeof outcome === 'string' ? outcome : undefined, take());
    }
  }
}

async function outcomeOf(promise: Promise<Response>): Promise<Response | ErrorCode> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code;
    throw error;
  }
}

async function askVersioned({ ask }: EngineBench, step: Step): Promise<Response> {
  switch (step.do) {
    case 'write': {
      const options: JsonObject = step.cas === undefined ? {} : { options: { cas: step.cas } };
      return ask('update', `data/${step.path}`, { data: step.data, ...options });
    }
    case 'remove':
      return ask('delete', `data/${step.path}`);
    case 'forget':
      return ask('delete', `metadata/${step.path}`);
    case 'delete':
    case 'undelete':
    case 'destroy':
      return ask('update', `${step.do}/${step.path}`, { versions: step.versions });
    case 'limit':
      return ask('update', step.path === undefined ? 'config' : `metadata/${step.path}`, {
        max_versions: step.max,
      });
    default:
      return {};
  }
}

interface ModelVersion {
  data: JsonObject;
  deleted: boolean;
  destroyed: boolean;
}

interface ModelSecret {
  current: number;
  max: number;
  readonly versions: Map<number, ModelVersion>;
}

class VersionedModel {
  readonly secrets = new Map<string, ModelSecret>();
  #mountMax = 0;

  take(step: Step): ErrorCode | undefined {
    if (step.do === 'write') return this.#write(step.path, step.data, step.cas);
    if (step.do === 'forget') this.secrets.delete(step.path);
    else if (step.do === 'limit') this.#limit(step.path, step.max);
    else if (step.do === 'remove')
      this.#mark('delete', step.path, [this.secrets.get(step.path)?.current ?? 0]);
    else if ('versions' in step) this.#mark(step.do, step.path, step.versions);
    return undefined;
  }

  #write(path: string, data: JsonObject, cas: number | undefined): ErrorCode | undefined {
    const secret = this.secrets.get(path) ?? { current: 0, max: 0, versions: new Map() };
    if (cas !== undefined && cas !== secret.current) return 'bad_request';
    secret.current += 1;
    secret.versions.set(secret.current, { data, deleted: false, destroyed: false });
    const kept = Math.max(secret.max, this.#mountMax) || 10;
    for (const number of secret.versions.keys()) {
      if (secret.current - number >= kept) secret.versions.delete(number);
    }
    this.secrets.set(path, secret);
    return undefined;
  }

  #limit(path: string | undefined, max: number): void {
    if (path === undefined) this.#mountMax = max;
    else {
      const secret = this.secrets.get(path) ?? { current: 0, max: 0, versions: new Map() };
      this.secrets.set(path, { ...secret, max });
    }
  }

  #mark(verb: 'delete' | 'undelete' | 'destroy', path: string, numbers: readonly number[]): void {
    for (const number of numbers) {
      const version = this.secrets.get(path)?.versions.get(number);
      if (version === undefined || version.destroyed) continue;
      if (verb === 'destroy') version.destroyed = true;
      else version.deleted = verb === 'delete';
    }
  }
}

async function compareVersioned({ ask }: EngineBench, model: VersionedModel, path: string): Promise<void> {
  const secret = model.secrets.get(path);
  const metadata = await outcomeOf(ask('read', `metadata/${path}`));
  if (secret === undefined) {
    assert.equal(metadata, 'not_found');
    assert.equal(await outcomeOf(ask('read', `data/${path}`)), 'not_found');
    return;
  }
  assert.ok(typeof metadata !== 'string');
  const { versions, current_version, max_versions } = metadata.data as JsonObject;
  assert.deepEqual(Object.keys(versions as JsonObject).map(Number), [...secret.versions.keys()]);
  assert.deepEqual([current_version, max_versions], [secret.current, secret.max]);
  for (let number = 0; number <= secret.current + 1; number += 1) {
    const expected: ModelVersion | undefined = secret.versions.get(number === 0 ? secret.current : number);
    const read = await outcomeOf(ask('read', `data/${path}`, { version: number }));
    if (expected === undefined) assert.equal(read, 'not_found');
    else {
      assert.ok(typeof read !== 'string', `reading version ${number} of ${path} said ${String(read)}`);
      const gone: boolean = expected.deleted || expected.destroyed;
      assert.equal(read.outcome, gone ? 'absent' : undefined);
      assert.deepEqual((read.data as JsonObject)['data'], gone ? null : expected.data);
    }
  }
}

/** Each version that can still be read has its record, and no other record is left. */
async function assertNoStrays(view: View, model: VersionedModel): Promise<void> {
  const ids = await view.list('versions/');
  const records = await Promise.all(ids.map((id) => view.list(`versions/${id}`)));
  const kept = [...model.secrets.values()].flatMap((secret) => [...secret.versions.values()]);
  assert.equal(records.flat().length, kept.filter((version) => !version.destroyed).length);
}

async function askPlain({ ask }: EngineBench, step: Step): Promise<Response> {
  if (step.do === 'write') return ask('update', step.path, step.data);
  return step.do === 'remove' || step.do === 'forget' ? ask('delete', step.path) : {};
}

function takePlain(model: Map<string, JsonObject>, step: Step): ErrorCode | undefined {
  if (step.do === 'write' && Object.keys(step.data).length === 0) return 'bad_request';
  if (step.do === 'write') model.set(step.path, step.data);
  else if (step.do === 'remove' || step.do === 'forget') model.delete(step.path);
  return undefined;
}

async function compareList({ ask }: EngineBench, folder: string, paths: readonly string[]): Promise<void> {
  const names = new Set(paths.map((path) => path.replace(/\/.*/, '/')));
  const listed = await outcomeOf(ask('list', folder));
  const keys = typeof listed === 'string' ? listed : (listed.data as JsonObject)['keys'];
  const expected = [...names].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  assert.deepEqual(keys, names.size === 0 ? 'not_found' : expected);
}
