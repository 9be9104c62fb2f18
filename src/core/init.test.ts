// Initialisation dies at every step it has, and is then repeated. What must hold: the storage is uninitialised and a
// second try succeeds with the same KEK, or it is initialised and whole. There is nothing in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mortal } from '../../test/tenure/bench.ts';
import { Barrier } from '../barrier/barrier.ts';
import { SecretBytes } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import { silentLogger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { type Seal, SealFault } from '../seal/seal.ts';
import { ShamirSeal } from '../seal/shamir/shamir-seal.ts';
import { MemoryStore } from '../storage/memory/memory.ts';
import { TokenStore } from '../token/token-store.ts';
import { initializeCluster } from './init.ts';
import { CORE_PREFIX, INIT_INTENT_PATH, TOKEN_PREFIX } from './layout.ts';
import { verifyRecoveryShares } from './recovery.ts';
import { contextOf, parseRootKeys, ROOT_KEYS_PATH } from './root-keys.ts';

const RECOVERY = { shares: 3, threshold: 2 };
const ADVERT = { nodeId: 'n', apiAddress: 'http://127.0.0.1:1', clusterAddress: 'https://127.0.0.1:2' };

class Killed extends Error {}

/** Stands for a seal that opens by itself: it was lent a KEK once and for all. */
function heldSeal(): ShamirSeal {
  const seal = new ShamirSeal(systemRandom);
  seal.manual.offer(SecretBytes.fill(32, (target) => systemRandom.fill(target)));
  return seal;
}

/** Lets `steps` calls through, counted before and after each, and then kills: nothing of this life runs any more. */
class Life {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  async step<T>(act: () => Promise<T>): Promise<T> {
    this.#tick();
    const result = await act();
    this.#tick();
    return result;
  }

  #tick(): void {
    if (this.#left <= 0) throw new Killed('killed');
    this.#left -= 1;
  }
}

/** Plays Azure's part: remembers which cluster's KEK it holds, and refuses another one's, over all lives. */
class World {
  readonly store = new MemoryStore();
  readonly seal = heldSeal();
  owner: string | undefined;
  kekMade = 0;

  sealFor(life: Life): Seal {
    const { seal } = this;
    return {
      name: seal.name,
      kind: seal.kind,
      describe: seal.describe,
      wrap: (secret, context, signal) => life.step(() => seal.wrap(secret, context, signal)),
      unwrap: (copy, context, signal) => life.step(() => seal.unwrap(copy, context, signal)),
      probe: (signal) => seal.probe(signal),
      prepare: (clusterId) =>
        life.step(async () => {
          if (this.owner !== undefined && this.owner !== clusterId)
            throw refusal('kek_belongs_to_another_cluster');
          if (this.owner === undefined) this.kekMade += 1;
          this.owner = clusterId;
        }),
      close: () => seal.close(),
    };
  }

  async initialise(life: Life, asked: { readonly signal?: AbortSignal; readonly clusterId?: string } = {}) {
    const election = this.store.openElection({ clock: systemClock });
    const leadership = await election.tryCampaign(ADVERT);
    assert.ok(leadership);
    try {
      const storage = mortal(this.store.openStorage(), life);
      const signal = asked.signal ?? new AbortController().signal;
      const parts = { clock: systemClock, random: systemRandom, log: silentLogger };
      return await initializeCluster(
        {
          ...parts,
          storage,
          seal: this.sealFor(life),
          barrier: new Barrier({ storage, ...parts }),
          clusterName: undefined,
          clusterId: asked.clusterId,
          rootToken: undefined,
        },
        RECOVERY,
        leadership.fence,
        signal,
      );
    } finally {
      await leadership.resign();
      await election.close();
    }
  }

  /** Opens the cluster as a node would; undefined if there is none. */
  async open(): Promise<Barrier | undefined> {
    const storage = this.store.openStorage();
    const bytes = await storage.get(ROOT_KEYS_PATH);
    if (bytes === undefined) return undefined;
    const { record, authenticates } = parseRootKeys(bytes);
    const [copy] = record.copies;
    assert.ok(copy);
    using root = await this.seal.unwrap(copy.wrapped, contextOf(record, copy), new AbortController().signal);
    assert.ok(authenticates(root));
    assert.equal(record.clusterId, this.owner);
    const barrier = new Barrier({ storage, clock: systemClock, random: systemRandom });
    await barrier.unseal(root);
    return barrier;
  }
}

function refusal(faultClass: string): SealFault {
  const facts = { sealName: 'dev', stage: 'key', retry: 'slow', sentence: 'No.', definite: true } as const;
  return new SealFault({ ...facts, class: faultClass });
}

async function assertWhole(world: World, rootToken?: string): Promise<void> {
  const barrier = await world.open();
  assert.ok(barrier, 'the cluster opens');
  const tokens = await TokenStore.open(barrier.view(TOKEN_PREFIX));
  if (rootToken !== undefined) assert.ok(await tokens.lookup(rootToken), 'the root token is known');
  assert.equal(await world.store.openStorage().get(INIT_INTENT_PATH), undefined, 'the intent is gone');
}

test('killed before and after each step, it leaves nothing or everything, and then a second try succeeds', async () => {
  let steps = 0;
  for (let finished = false; !finished; steps += 1) {
    const world = new World();
    try {
      await world.initialise(new Life(steps));
      finished = true;
    } catch (error) {
      assert.ok(error instanceof Killed, String(error));
    }
    const opened = await world.open();
    if (opened === undefined) {
      const second = await world.initialise(new Life(Number.POSITIVE_INFINITY));
      await assertWhole(world, second.rootToken);
    } else {
      await assertWhole(world);
      await assert.rejects(world.initialise(new Life(Number.POSITIVE_INFINITY)), (error) =>
        hasCode(error, 'already_initialized'),
      );
    }
    assert.equal(world.kekMade, 1, `killed at step ${steps}: one KEK is made, over both tries`);
    assert.ok(steps < 100, 'it ends');
  }
  assert.ok(steps > 10, `there are steps to die at; seen ${steps}`);
});

test('what init hands out is what the cluster knows', async () => {
  const world = new World();
  const made = await world.initialise(new Life(Number.POSITIVE_INFINITY));
  await assertWhole(world, made.rootToken);
  const barrier = await world.open();
  assert.ok(barrier);
  assert.equal(await verifyRecoveryShares(barrier.view(CORE_PREFIX), made.keyShares.slice(1)), true);
  assert.equal(await verifyRecoveryShares(barrier.view(CORE_PREFIX), made.keyShares.slice(2)), false);
  assert.match(made.rootToken, /^hvs\.[0-9A-Za-z]{24}$/);
});

test('a definite refusal by the seal leaves nothing behind and says so; an unclear one keeps the intent', async () => {
  for (const definite of [true, false]) {
    const world = new World();
    const fault = new SealFault({ ...refusal('keyvault_forbidden_rbac').facts, definite });
    const seal = world.sealFor(new Life(Number.POSITIVE_INFINITY));
    world.sealFor = () => ({ ...seal, prepare: () => Promise.reject(fault) });
    await assert.rejects(world.initialise(new Life(Number.POSITIVE_INFINITY)), (error: unknown) => {
      assert.ok(error instanceof SealFault);
      assert.equal(error.message.startsWith('Nothing was written.'), definite);
      return true;
    });
    const storage = world.store.openStorage();
    assert.equal((await storage.get(INIT_INTENT_PATH)) === undefined, definite);
    assert.deepEqual(await storage.list(''), definite ? [] : ['core/']);
  }
});

test('a seal that wraps but gives something else back is found out before anything is written', async () => {
  const world = new World();
  const seal = world.sealFor(new Life(Number.POSITIVE_INFINITY));
  const other = heldSeal();
  world.sealFor = () => ({ ...seal, unwrap: (copy, context, signal) => other.unwrap(copy, context, signal) });
  await assert.rejects(world.initialise(new Life(Number.POSITIVE_INFINITY)), LatchkeyError);
  assert.equal(await world.open(), undefined);
});

test('a caller who is gone before the batch gets nothing made, and the next one finds the same KEK', async () => {
  const world = new World();
  const gone = new AbortController();
  const seal = world.sealFor(new Life(Number.POSITIVE_INFINITY));
  const sealFor = world.sealFor;
  world.sealFor = () => ({
    ...seal,
    unwrap: async (...call) => {
      const root = await seal.unwrap(...call);
      gone.abort(new LatchkeyError('timeout', 'the client closed the connection'));
      return root;
    },
  });
  await assert.rejects(
    world.initialise(new Life(Number.POSITIVE_INFINITY), { signal: gone.signal }),
    (error) => hasCode(error, 'timeout'),
  );
  assert.equal(await world.open(), undefined);
  world.sealFor = sealFor;
  const second = await world.initialise(new Life(Number.POSITIVE_INFINITY));
  await assertWhole(world, second.rootToken);
  assert.equal(world.kekMade, 1);
});

test('a pin that is not the cluster an unfinished try began is refused before anything is made', async () => {
  const world = new World();
  await assert.rejects(world.initialise(new Life(8)), Killed);
  const immortal = () => new Life(Number.POSITIVE_INFINITY);
  await assert.rejects(world.initialise(immortal(), { clusterId: 'another' }), (error: unknown) => {
    assert.ok(hasCode(error, 'bad_request'));
    assert.match(
      error.message,
      /began as cluster \S+ and did not finish, and cluster_id in the config pins another/,
    );
    return true;
  });
  assert.equal(await world.open(), undefined);
  assert.ok(world.owner);
  await world.initialise(immortal(), { clusterId: world.owner });
  await assertWhole(world);
});

test('a refusal after an earlier unclear try keeps the intent: the KEK of that try may be there', async () => {
  const world = new World();
  const seal = world.sealFor(new Life(Number.POSITIVE_INFINITY));
  const refuse = (definite: boolean) => {
    const fault = new SealFault({ ...refusal('keyvault_timeout').facts, definite });
    world.sealFor = () => ({ ...seal, prepare: () => Promise.reject(fault) });
    return assert.rejects(world.initialise(new Life(Number.POSITIVE_INFINITY)), SealFault);
  };
  await refuse(false);
  const intent = await world.store.openStorage().get(INIT_INTENT_PATH);
  await refuse(true);
  assert.ok(intent);
  assert.deepEqual(await world.store.openStorage().get(INIT_INTENT_PATH), intent);
});
