// What every engine keeps to, and the bench to try one on: a view in memory and a dispatcher like the pipeline's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { silentLogger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { RouteTable } from '../mount/route-match.ts';
import type { Engine, EngineType, Operation, Request, Response, View, ViewChange } from './engine.ts';
import type { TtlLimits } from './lifetime.ts';

/** A clock that a test moves; it starts at a moment that is easy to recognise. */
export class HandClock implements Clock {
  #now = Date.UTC(2026, 0, 1);

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Takes no time, but lets others run: what sleeps between attempts must not hold up the test. */
  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    this.advance(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Keeps records in a map that tests may look into, and counts what is asked of it. */
export class MemoryView implements View {
  readonly records: Map<string, Uint8Array>;
  readonly batches: (readonly ViewChange[])[];
  gets = 0;
  readonly #prefix: string;
  /** Called before each batch; throws to let it fail, as a crash or a lost lead would. */
  beforeWrite: () => void = () => {};

  constructor(records = new Map<string, Uint8Array>(), prefix = '', batches: (readonly ViewChange[])[] = []) {
    this.records = records;
    this.batches = batches;
    this.#prefix = prefix;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    assertPath(path);
    this.gets += 1;
    return this.records.get(this.#prefix + path)?.slice();
  }

  async list(prefix: string, options: { after?: string; limit?: number } = {}): Promise<string[]> {
    const start = this.#prefix + prefix;
    const names = new Set<string>();
    for (const key of this.records.keys()) {
      if (!key.startsWith(start)) continue;
      const [name = '', ...below] = key.slice(start.length).split('/');
      names.add(below.length > 0 ? `${name}/` : name);
    }
    const sorted = [...names].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    const { after } = options;
    const rest =
      after === undefined
        ? sorted
        : sorted.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0);
    return rest.slice(0, options.limit);
  }

  put(path: string, value: Uint8Array): Promise<void> {
    return this.write([{ kind: 'put', path, value }]);
  }

  delete(path: string): Promise<void> {
    return this.write([{ kind: 'delete', path }]);
  }

  async write(changes: readonly ViewChange[]): Promise<void> {
    this.beforeWrite();
    for (const change of changes) assertPath(change.path);
    this.batches.push(changes);
    for (const change of changes) {
      if (change.kind === 'put') this.records.set(this.#prefix + change.path, change.value.slice());
      else this.records.delete(this.#prefix + change.path);
    }
  }

  sub(prefix: string): View {
    return new MemoryView(this.records, this.#prefix + prefix, this.batches);
  }
}

function assertPath(path: string): void {
  const fine = path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  if (!fine) throw new LatchkeyError('bad_request', 'the path is not a valid storage path');
}

export interface EngineBench extends AsyncDisposable {
  readonly engine: Engine;
  readonly clock: HandClock;
  /** As the pipeline does: finds the route, tells create from update, calls the handler; `from` is the client's address. */
  ask(operation: Operation, path: string, input?: JsonObject, from?: string): Promise<Response>;
}

export async function openEngine(
  type: EngineType,
  view: View,
  options: Readonly<Record<string, string>> = {},
  leaseTtl: TtlLimits = { defaultSeconds: 2_764_800, maxSeconds: 2_764_800 },
): Promise<EngineBench> {
  const clock = new HandClock();
  const engine = await type.open({
    view,
    clock,
    random: systemRandom,
    log: silentLogger,
    options,
    mountPath: 'test/',
    leaseTtl: () => leaseTtl,
  });
  const routes = new RouteTable(engine.routes);
  const ask: EngineBench['ask'] = async (operation, path, input = {}, from = '127.0.0.1') => {
    const match = routes.match(path);
    if (match === undefined) throw new LatchkeyError('unsupported_path', 'unsupported path');
    const request = { ...requestFor(operation, path, match.params, input), remoteAddress: from };
    const isNew = operation === 'update' && match.route.exists && !(await match.route.exists(request));
    const { operations } = match.route;
    const handler = isNew ? (operations.create ?? operations.update) : operations[operation];
    if (handler === undefined) throw new LatchkeyError('unsupported_operation', 'unsupported operation');
    return handler(isNew ? { ...request, operation: 'create' } : request);
  };
  return { engine, clock, ask, [Symbol.asyncDispose]: async () => engine[Symbol.asyncDispose]?.() };
}

function requestFor(
  operation: Operation,
  path: string,
  params: Readonly<Record<string, string>>,
  input: JsonObject,
): Request {
  return {
    id: systemRandom.uuid(),
    operation,
    path: path.replace(/\/$/, ''),
    params,
    input,
    caller: undefined,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
  };
}

/** Asserts that `ask` is refused with this code, and gives the error for a look at its words. */
export async function refusal(
  promise: Promise<unknown>,
  code: LatchkeyError['code'],
): Promise<LatchkeyError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LatchkeyError, `expected a refusal, got ${String(error)}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** `open` gives an engine that nothing was asked of yet. */
export function engineContract(name: string, open: () => Promise<Engine>): void {
  test(`${name}: every route is reachable, explained and open to somebody`, async () => {
    const engine = await open();
    const table = new RouteTable(engine.routes);
    for (const route of engine.routes) {
      const sample = route.pattern.replace(/\{\w+\*\}/, 'a/b').replaceAll(/\{\w+\}/g, 'a');
      assert.equal(
        table.match(sample)?.route.pattern,
        route.pattern,
        'a route before it answers in its place',
      );
      assert.ok(route.help.length > 10, `${route.pattern} has no help`);
      assert.ok(Object.keys(route.operations).length > 0, `${route.pattern} has no operation`);
    }
    await engine[Symbol.asyncDispose]?.();
  });

  test(`${name}: a declared field says what it is for`, async () => {
    const engine = await open();
    const mute = engine.routes.flatMap((route) =>
      Object.entries(route.fields ?? {})
        .filter(([, field]) => field.help === '')
        .map(([field]) => `${route.pattern} ${field}`),
    );
    assert.deepEqual(mute, []);
    await engine[Symbol.asyncDispose]?.();
  });
}
