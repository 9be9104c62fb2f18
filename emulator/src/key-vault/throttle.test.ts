import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { KEY_OPERATIONS, SECRET_OPERATIONS } from './access.ts';
import { costOf, Throttle } from './throttle.ts';

const unwrap = (type: string, size: number) => costOf(KEY_OPERATIONS.unwrapKey, { type, size });

/** How many of these are let through in one window. */
function granted(throttle: Throttle, cost: ReturnType<typeof costOf>, vault = 'kv', at = 0): number {
  let count = 0;
  while (count < 30_000 && throttle.take(vault, cost, at) === undefined) count++;
  return count;
}

test('the published numbers come out', () => {
  const numbers: [ReturnType<typeof costOf>, number][] = [
    [unwrap('RSA', 2048), 4000],
    [unwrap('RSA', 3072), 1000],
    [unwrap('RSA', 4096), 500],
    [unwrap('RSA-HSM', 2048), 2000],
    [unwrap('RSA-HSM', 4096), 250],
    [costOf(KEY_OPERATIONS.create, undefined), 20],
    [costOf(KEY_OPERATIONS.rotate, { type: 'RSA-HSM', size: 2048 }), 10],
    [costOf(KEY_OPERATIONS.get, undefined), 4000],
    [costOf(SECRET_OPERATIONS.get, undefined), 4000],
  ];
  for (const [cost, number] of numbers) {
    assert.equal(granted(new Throttle({ ...DEFAULT_SETTINGS, throttling: 'published' }), cost), number);
  }
});

test('weights add up within a class, classes do not', () => {
  const throttle = new Throttle({ ...DEFAULT_SETTINGS, throttling: 'published', throttleFactor: 0.01 });
  assert.equal(granted(throttle, unwrap('RSA', 4096)), 5);
  assert.equal(granted(throttle, unwrap('RSA', 2048)), 0);
  assert.equal(granted(throttle, unwrap('RSA-HSM', 2048)), 20);
});

test('vaults count apart, and the subscription gets five times as much', () => {
  const throttle = new Throttle({ ...DEFAULT_SETTINGS, throttling: 'published', throttleFactor: 0.01 });
  const counts = Array.from({ length: 7 }, (_, index) =>
    granted(throttle, unwrap('RSA', 2048), `kv${index}`),
  );
  assert.deepEqual(counts, [40, 40, 40, 40, 40, 0, 0]);
});

test('after the window it goes on, and Retry-After says when', () => {
  const throttle = new Throttle({ ...DEFAULT_SETTINGS, throttling: 'published', throttleFactor: 0.001 });
  assert.equal(granted(throttle, unwrap('RSA', 2048), 'kv', 3_200), 4);
  assert.equal(throttle.take('kv', unwrap('RSA', 2048), 3_200), 7);
  assert.equal(throttle.take('kv', unwrap('RSA', 2048), 9_999), 1);
  assert.equal(throttle.take('kv', unwrap('RSA', 2048), 10_000), undefined);
});

test('the older limits are half for keys; off is off', () => {
  const settings = { ...DEFAULT_SETTINGS, throttling: 'published', throttleLimits: 'older' } as const;
  assert.equal(granted(new Throttle(settings), unwrap('RSA', 2048)), 2000);
  assert.equal(granted(new Throttle(DEFAULT_SETTINGS), unwrap('RSA', 2048)), 30_000);
});
