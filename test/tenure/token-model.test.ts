// Any orders, uses, renewals, revocations, kills and passing of time, against a slow and obvious model of which tokens live.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatchkeyError } from '../../src/base/errors.ts';
import { Bench, HOUR, until } from './bench.ts';

/** A token as the model knows it. Times in seconds on the model's clock; 0 is without limit. */
interface Known {
  readonly token: string;
  readonly isBatch: boolean;
  readonly ttl: number;
  parent: Known | undefined;
  expiresAt: number;
  uses: number;
  isOver: boolean;
}

interface Step {
  readonly act:
    | 'create'
    | 'orphan'
    | 'batch'
    | 'use'
    | 'renew'
    | 'revoke'
    | 'alone'
    | 'killed'
    | 'reopen'
    | 'wait'
    | 'tidy';
  /** Which of the tokens, by number; more than there are begins anew. */
  readonly pick: number;
  readonly amount: number;
}

class Model {
  readonly all: Known[] = [];
  now = 0;

  /** What ends stays over, and takes with it what depends on it. */
  settle(): void {
    for (const one of this.all) if (one.expiresAt <= this.now) one.isOver = true;
    for (let changed = true; changed; ) {
      const doomed = this.all.filter((one) => !one.isOver && one.parent?.isOver);
      for (const one of doomed) one.isOver = true;
      changed = doomed.length > 0;
    }
  }

  pick({ pick }: Step): Known | undefined {
    return this.all.length === 0 ? undefined : this.all[pick % this.all.length];
  }
}

class Play {
  readonly #bench: Bench;
  readonly #model = new Model();

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async step(step: Step): Promise<void> {
    const target = this.#model.pick(step);
    switch (step.act) {
      case 'create':
      case 'orphan':
      case 'batch':
        await this.#create(step, target);
        break;
      case 'wait':
        this.#bench.clock.advance(step.amount * 30);
        this.#model.now += step.amount * 30;
        break;
      case 'reopen':
        await this.#bench.reopen();
        break;
      case 'tidy':
        await this.#bench.ask('write', 'auth/token/tidy');
        break;
      default:
        if (target !== undefined) await this.#touch(step, target);
    }
    this.#model.settle();
    await this.#compare(step);
  }

  async #create({ act, amount }: Step, parent: Known | undefined): Promise<void> {
    const ttl = (4 + amount) * 60;
    const uses = act === 'create' && amount % 4 === 3 ? 2 : 0;
    const input = {
      policies: ['app', 'default'],
      ttl,
      num_uses: uses,
      type: act === 'batch' ? 'batch' : 'service',
    };
    const path = act === 'orphan' ? 'auth/token/create-orphan' : 'auth/token/create';
    const by = parent === undefined ? {} : { token: parent.token };
    const made = await this.#answered(this.#bench.ask('write', path, input, by));
    const may = parent === undefined || (this.#lives(parent) && !parent.isBatch && parent.uses === 0);
    assert.equal(made !== undefined, may, 'who may make a token');
    if (parent !== undefined) this.#count(parent);
    if (made?.auth === undefined) return;
    this.#model.all.push({
      token: made.auth.client_token,
      isBatch: act === 'batch',
      ttl,
      parent: act === 'orphan' ? undefined : parent,
      expiresAt: this.#model.now + ttl,
      uses,
      isOver: false,
    });
  }

  async #touch({ act, amount }: Step, target: Known): Promise<void> {
    const { token, isBatch } = target;
    const ask = (path: string, input = {}) =>
      this.#answered(this.#bench.ask('write', path, { token, ...input }));
    const lived = this.#lives(target);
    if (act === 'use') {
      const seen = await this.#answered(this.#bench.ask('read', 'auth/token/lookup-self', {}, { token }));
      assert.equal(seen !== undefined, lived);
      this.#count(target);
    } else if (act === 'renew') {
      const renewed = await ask('auth/token/renew');
      assert.equal(renewed !== undefined, lived && !isBatch);
      if (renewed !== undefined) target.expiresAt = this.#model.now + target.ttl;
    } else if (act === 'alone') {
      const done = await ask('auth/token/revoke-orphan');
      assert.equal(done !== undefined, lived && !isBatch);
      if (done === undefined) return;
      // A batch token carries its parent's id for ever.
      for (const child of this.#model.all)
        if (child.parent === target && !child.isBatch) child.parent = undefined;
      target.isOver = true;
    } else if (!isBatch) {
      if (act === 'killed') this.#bench.life.arm(amount * 2);
      const done = await ask('auth/token/revoke').catch(() => undefined);
      if (act === 'killed') await this.#bench.reopen();
      if (done !== undefined || !(await this.#bench.isAlive(token))) target.isOver = true;
    }
  }

  #count(target: Known): void {
    if (target.uses === 0) return;
    target.uses -= 1;
    if (target.uses === 0) target.isOver = true;
  }

  #lives({ isOver }: Known): boolean {
    return !isOver;
  }

  /** Undefined for a refusal. */
  async #answered<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof LatchkeyError) return undefined;
      throw error;
    }
  }

  async #compare({ act }: Step): Promise<void> {
    const bench = this.#bench;
    for (const one of this.#model.all) {
      if (!one.isOver) assert.ok(await bench.isAlive(one.token), `lives after ${act}`);
      else
        await until(`what is over to be refused after ${act}`, async () => !(await bench.isAlive(one.token)));
    }
  }

  /** At the end of all time nothing is left. */
  async finish(): Promise<void> {
    const bench = this.#bench;
    bench.clock.advance(2_000 * HOUR);
    await until('nothing to be left', async () => {
      const prefixes = [
        'token/id/',
        'token/accessor/',
        'token/parent/',
        'token/ending/',
        'lease/',
        'cubbyhole/',
      ];
      const left = (await Promise.all(prefixes.map((prefix) => bench.keys(prefix)))).flat();
      return left.length === 2;
    });
  }
}

const acts = [
  { weight: 6, arbitrary: fc.constant<Step['act']>('create') },
  { weight: 2, arbitrary: fc.constant<Step['act']>('orphan') },
  { weight: 2, arbitrary: fc.constant<Step['act']>('batch') },
  { weight: 3, arbitrary: fc.constant<Step['act']>('renew') },
  { weight: 3, arbitrary: fc.constant<Step['act']>('wait') },
  { weight: 2, arbitrary: fc.constant<Step['act']>('killed') },
  { weight: 1, arbitrary: fc.constantFrom<Step['act'][]>('use', 'revoke', 'alone', 'reopen', 'tidy') },
];
const step: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(...acts),
  pick: fc.integer({ min: 0, max: 5 }),
  amount: fc.integer({ min: 0, max: 12 }),
});

test('tokens live and end as the model says, and at the end of all time nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }), async (steps) => {
      await using bench = await Bench.start();
      await bench.ask('write', 'sys/policies/acl/app', {
        policy: 'path "auth/token/create*" { capabilities = ["update"] }',
      });
      const play = new Play(bench);
      for (const one of steps) await play.step(one);
      await play.finish();
    }),
    // Each failure waits for what does not come: shrinking would take minutes. The seed is printed.
    { numRuns: Number(process.env['LATCHKEY_MODEL_RUNS'] ?? 40), endOnFailure: true },
  );
});
