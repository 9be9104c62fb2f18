// When the key of the data is rotated by itself, minute by minute on a clock of the test's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { MemoryView } from '../engine/engine.contract.ts';
import { KeyRotation } from './key-rotation.ts';

const HOUR = 3_600_000;

/** Sleeps until the test wakes it. */
class WokenClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  #wake: (() => void) | undefined;

  now = () => this.time;
  monotonic = () => this.time;

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#wake = () => {
        this.time += milliseconds;
        resolve();
      };
    });
  }

  /** Resolves when the sleeper has done its work and sleeps again. */
  async minute(): Promise<void> {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
    while (this.#wake === undefined) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function bench(view = new MemoryView()) {
  const clock = new WokenClock();
  const key = { term: 1, installedAt: clock.time, encryptions: 0 };
  const errors: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (_message, fields) => errors.push(String(fields?.['error'])),
  };
  const faults: Error[] = [];
  const rotate = async () => {
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
    Object.assign(key, { term: key.term + 1, installedAt: clock.time, encryptions: 0 });
  };
  const rotation = await KeyRotation.open({ view, keyStatus: () => ({ ...key }), rotate, clock, log });
  return {
    clock,
    key,
    errors,
    faults,
    rotation,
    view,
    [Symbol.asyncDispose]: () => rotation[Symbol.asyncDispose](),
  };
}

test('by default after Vault’s number of encryptions, and at no age', async () => {
  await using it = await bench();
  assert.deepEqual(it.rotation.config(), { enabled: true, maxOperations: 3_865_470_566, intervalSeconds: 0 });
  it.key.encryptions = 3_865_470_566;
  it.clock.time += 10_000 * HOUR;
  await it.clock.minute();
  assert.equal(it.key.term, 1);
  it.key.encryptions += 1;
  await it.clock.minute();
  assert.equal(it.key.term, 2);
  await it.clock.minute();
  assert.equal(it.key.term, 2);
});

test('at the age that was set, unless it is switched off; the setting lasts', async () => {
  const view = new MemoryView();
  {
    await using it = await bench(view);
    await it.rotation.configure({ enabled: true, maxOperations: 1_000_000, intervalSeconds: 24 * 3_600 });
    it.clock.time += 23 * HOUR;
    await it.clock.minute();
    assert.equal(it.key.term, 1);
    it.clock.time += HOUR;
    await it.clock.minute();
    assert.equal(it.key.term, 2);
  }
  await using again = await bench(view);
  assert.equal(again.rotation.config().intervalSeconds, 24 * 3_600);
  await again.rotation.configure({ ...again.rotation.config(), enabled: false });
  again.clock.time += 100 * HOUR;
  await again.clock.minute();
  assert.equal(again.key.term, 1);
});

test('what fails is tried again each minute and told once for each cause', async () => {
  await using it = await bench();
  it.key.encryptions = 4_000_000_000;
  it.faults.push(new Error('full'), new Error('full'), new Error('gone'));
  for (let minute = 0; minute < 3; minute += 1) await it.clock.minute();
  assert.deepEqual(it.errors, ['full', 'gone']);
  await it.clock.minute();
  assert.equal(it.key.term, 2);
});

test('values out of range are refused and change nothing', async () => {
  await using it = await bench();
  const before = it.rotation.config();
  for (const [change, words] of [
    [{ intervalSeconds: 3_600 }, /interval must be greater or equal to 24h0m0s/],
    [{ maxOperations: 999_999 }, /max_operations must be in the range \[1000000,3865470566\]/],
    [{ maxOperations: 3_865_470_567 }, /max_operations must be in the range/],
  ] as const) {
    await assert.rejects(it.rotation.configure({ ...before, ...change }), words);
  }
  assert.deepEqual(it.rotation.config(), before);
  assert.equal(it.view.records.size, 0);
});
