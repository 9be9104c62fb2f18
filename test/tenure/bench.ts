// A tenure on real rooms, on a storage in memory that can be killed at each of its calls, with a clock that a test
// moves, an engine that rents out secrets, and one that logs people in.

import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { Barrier } from '../../src/barrier/barrier.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { LatchkeyError } from '../../src/base/errors.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { silentLogger } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Call, Verb } from '../../src/core/call.ts';
import { initializeCluster } from '../../src/core/init.ts';
import { contextOf, parseRootKeys, ROOT_KEYS_PATH } from '../../src/core/root-keys.ts';
import { Tenure } from '../../src/core/tenure.ts';
import type { EngineType, LoginGrant, Response } from '../../src/engine/engine.ts';
import { ShamirSeal } from '../../src/seal/shamir/shamir-seal.ts';
import { cubbyholeEngine } from '../../src/secrets/cubbyhole/cubbyhole-engine.ts';
import { kvEngine } from '../../src/secrets/kv/kv-engine.ts';
import type { Leadership } from '../../src/storage/election.ts';
import { MemoryStore } from '../../src/storage/memory/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { systemRoom } from '../../src/system/system-engine.ts';

const ADVERT = { nodeId: 'n', apiAddress: 'http://127.0.0.1:1', clusterAddress: 'https://127.0.0.1:2' };
export const HOUR = 3_600;

export class Killed extends Error {}

/** Once armed, lets so many calls of the storage through, counted before and after each, and then kills. */
export class Life {
  #left = Number.POSITIVE_INFINITY;
  #act: (() => Promise<void>) | undefined;
  killed = false;

  arm(steps: number): void {
    this.#left = steps;
    this.#act = undefined;
  }

  /** Instead of a kill something else happens, once, while the call waits. */
  interrupt(steps: number, act: () => Promise<void>): void {
    this.#left = steps;
    this.#act = act;
  }

  async step<T>(act: () => Promise<T>): Promise<T> {
    await this.#tick();
    const result = await act();
    await this.#tick();
    return result;
  }

  async #tick(): Promise<void> {
    if (this.#left <= 0) {
      const act = this.#act;
      if (act !== undefined) {
        this.#left = Number.POSITIVE_INFINITY;
        await act();
        return;
      }
      this.killed = true;
      throw new Killed('killed');
    }
    this.#left -= 1;
  }
}

/** Moved by hand. Sleepers wake when their time has come. */
export class MovedClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { at: this.#now + milliseconds, wake };
      if (signal?.aborted) reject(signal.reason);
      else {
        this.#sleepers.add(sleeper);
        signal?.addEventListener('abort', abort, { once: true });
      }
    });
  }

  advance(seconds: number): void {
    this.#now += seconds * 1_000;
    for (const sleeper of [...this.#sleepers]) if (sleeper.at <= this.#now) sleeper.wake();
  }
}

export interface Asked {
  readonly token?: string;
  readonly wrapTtl?: string;
  readonly remoteAddress?: string;
}

export class Bench implements AsyncDisposable {
  readonly clock = new MovedClock();
  readonly rootToken: string;
  /** Secrets of the `rented` engine that are alive outside. */
  readonly rented = new Set<string>();
  /** What the next logins grant. */
  grant: LoginGrant = { policies: ['app'], displayName: 'ann', metadata: { user: 'ann' }, ttlSeconds: HOUR };
  /** Set: the engine refuses to end secrets. */
  refuses = false;
  /** Set: the engine never answers when it is asked to end or renew one. */
  hangs = false;
  life = new Life();
  tenure: Tenure;
  readonly #store: MemoryStore;
  readonly #seal: ShamirSeal;
  readonly #leadership: Leadership;
  #barrier: Barrier | undefined;

  private constructor(store: MemoryStore, seal: ShamirSeal, leadership: Leadership, rootToken: string) {
    this.#store = store;
    this.#seal = seal;
    this.#leadership = leadership;
    this.rootToken = rootToken;
    // Assigned by `start` before anybody sees it.
    this.tenure = undefined as unknown as Tenure;
  }

  static async start(): Promise<Bench> {
    const store = new MemoryStore();
    const seal = new ShamirSeal(systemRandom);
    await using undo = new AsyncDisposableStack();
    // On a clock that stands still the lead is never lost, however busy the machine is.
    const leadership = await store.openElection({ clock: new MovedClock() }).tryCampaign(ADVERT);
    assert.ok(leadership);
    // Kept, it would be renewed for ever, and the test run would not end.
    undo.defer(() => leadership.resign());
    const bench = new Bench(store, seal, leadership, await initialize(store, seal, leadership));
    await bench.reopen();
    undo.defer(() => bench.tenure[Symbol.asyncDispose]());
    await bench.ask('write', 'sys/mounts/rented', { type: 'rented' });
    await bench.ask('write', 'sys/auth/signin', { type: 'signin' });
    await bench.ask('write', 'sys/mounts/secret', { type: 'kv' });
    undo.move();
    return bench;
  }

  /** As the next leader does; what ran before is dead. */
  async reopen(): Promise<void> {
    const before = this.tenure;
    this.life.arm(0);
    await before?.[Symbol.asyncDispose]();
    this.life = new Life();
    const storage = mortal(this.#store.openStorage(), this.life);
    this.#barrier = await this.#unseal(storage);
    const unused = () => Promise.reject(new Error('not part of this bench'));
    this.tenure = await Tenure.open(
      {
        barrier: this.#barrier,
        leadership: this.#leadership,
        engines: new Map(
          [kvEngine, this.#rentedEngine(), this.#signinEngine()].map((type) => [type.type, type]),
        ),
        cubbyhole: cubbyholeEngine,
        leaseTtl: { defaultSeconds: 768 * HOUR, maxSeconds: 768 * HOUR },
        node: {
          process: {
            metrics: { prometheus: unused, json: () => ({}) },
            log: { levels: () => new Map(), setAll: () => {}, setRoom: () => false },
            config: () => ({}),
            hostInfo: unused,
          },
          inFlight: () => [],
          sealView: unused,
          leader: unused,
          initialize: unused,
          submitShare: unused,
          resetShares: () => {},
          sealByOperator: unused,
        },
        system: systemRoom,
        auditSinks: new Map(),
        auditConfig: () => ({ devices: [], apiCreation: true }),
        members: () => [],
        metrics: noMetrics,
        usagePeriodMs: 0,
        clock: this.clock,
        random: systemRandom,
        log: silentLogger,
      },
      () => {},
    );
  }

  async ask(verb: Verb, path: string, input: JsonObject = {}, asked: Asked = {}): Promise<Response> {
    const call: Call = {
      id: systemRandom.uuid(),
      verb,
      path,
      input,
      // Empty: without one.
      token: (asked.token ?? this.rootToken) || undefined,
      wrapTtl: asked.wrapTtl,
      help: false,
      mayForward: false,
      remoteAddress: asked.remoteAddress ?? '127.0.0.1',
      listener: { loopback: true, sealDetail: true },
      signal: new AbortController().signal,
    };
    const answer = await this.tenure.run(call);
    assert.equal(answer.kind, 'response');
    return answer.kind === 'response' ? answer.response : {};
  }

  /** A new token; `input` as for auth/token/create. */
  async create(input: JsonObject = {}, token = this.rootToken): Promise<string> {
    const { auth } = await this.ask('write', 'auth/token/create', { policies: ['app'], ...input }, { token });
    assert.ok(auth);
    return auth.client_token;
  }

  /** Looks the token up, without taking a use. */
  async isAlive(token: string): Promise<boolean> {
    try {
      await this.ask('write', 'auth/token/lookup', { token });
      return true;
    } catch (error) {
      if (error instanceof LatchkeyError && error.message === 'bad token') return false;
      throw error;
    }
  }

  /** Lays a record somewhere, as a request that was late might have done. */
  async stray(path: string): Promise<void> {
    assert.ok(this.#barrier);
    await this.#barrier.view('', this.#leadership.fence).put(path, utf8('{"format":1}'));
  }

  /** Keys of the storage below a prefix, all of them. */
  async keys(prefix: string): Promise<string[]> {
    const storage = this.#store.openStorage();
    const walk = async (folder: string): Promise<string[]> => {
      const found: string[] = [];
      for (const name of await storage.list(folder)) {
        found.push(...(name.endsWith('/') ? await walk(`${folder}${name}`) : [`${folder}${name}`]));
      }
      return found;
    };
    return walk(prefix);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.life.arm(0);
    await this.tenure[Symbol.asyncDispose]();
    await this.#leadership.resign();
  }

  async #unseal(storage: Storage): Promise<Barrier> {
    const bytes = await storage.get(ROOT_KEYS_PATH);
    assert.ok(bytes);
    const { record } = parseRootKeys(bytes);
    const [copy] = record.copies;
    assert.ok(copy);
    using root = await this.#seal.unwrap(copy.wrapped, contextOf(record, copy), new AbortController().signal);
    const barrier = new Barrier({ storage, clock: systemClock, random: systemRandom });
    await barrier.unseal(root);
    return barrier;
  }

  #rentedEngine(): EngineType {
    return {
      type: 'rented',
      kind: 'secret',
      open: async () => ({
        routes: [
          {
            pattern: 'creds',
            operations: {
              read: async () => {
                const id = systemRandom.uuid();
                this.rented.add(id);
                return { data: { id }, lease: { ttlSeconds: HOUR, renewable: true, internal: { id } } };
              },
            },
            help: 'Rents out a secret.',
          },
        ],
        renew: async () => (this.hangs ? new Promise(() => {}) : {}),
        revoke: async ({ id }) => {
          if (this.hangs) await new Promise(() => {});
          if (this.refuses) throw new LatchkeyError('cannot_comply', 'the database is away');
          this.rented.delete(String(id));
        },
      }),
    };
  }

  #signinEngine(): EngineType {
    return {
      type: 'signin',
      kind: 'auth',
      open: async () => ({
        routes: [
          {
            pattern: 'login',
            access: 'open',
            operations: { update: async () => ({ login: this.grant }) },
            help: 'Logs somebody in.',
          },
        ],
        renewLogin: async ({ allowed }) => {
          if (allowed === false) throw new LatchkeyError('bad_request', 'the account is gone');
          return {};
        },
      }),
    };
  }
}

/** Nothing here is outside the process, so a turn of the event loop is all that there is to wait for. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, `waited in vain for: ${what}`);
    await setImmediate();
  }
}

/** `storage` with every call a step of a life, which may end there. */
export function mortal(storage: Storage, life: Pick<Life, 'step'>): Storage {
  return {
    type: storage.type,
    limits: storage.limits,
    get: (key) => life.step(() => storage.get(key)),
    list: (prefix, options) => life.step(() => storage.list(prefix, options)),
    write: (changes, fence) => life.step(() => storage.write(changes, fence)),
    close: () => storage.close(),
  };
}

/** Returns the root token, and leaves the KEK with the seal, so that it can open the storage again. */
async function initialize(store: MemoryStore, seal: ShamirSeal, leadership: Leadership): Promise<string> {
  const parts = { clock: systemClock, random: systemRandom, storage: store.openStorage() };
  const { keyShares, rootToken } = await initializeCluster(
    {
      ...parts,
      log: silentLogger,
      seal,
      barrier: new Barrier(parts),
      clusterName: undefined,
      clusterId: undefined,
      rootToken: undefined,
    },
    { shares: 1, threshold: 1 },
    leadership.fence,
    new AbortController().signal,
  );
  const [kek] = keyShares;
  assert.ok(kek);
  seal.manual.offer(kek);
  return rootToken;
}
