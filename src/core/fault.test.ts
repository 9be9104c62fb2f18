import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatchkeyError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { SealFault } from '../seal/seal.ts';
import { faultOf, waitAfter } from './fault.ts';

const steady = { ...systemRandom, fraction: () => 0 };

function sealFault(retry: 'backoff' | 'slow' | 'rare', retryAfterMs?: number) {
  const facts = { sealName: 's', stage: 'key', class: 'c', retry, sentence: 'why', definite: true } as const;
  return faultOf(new SealFault(retryAfterMs === undefined ? facts : { ...facts, retryAfterMs }), 's');
}

test('waits double up to the limit of their kind, and what never mends by itself waits long from the start', () => {
  const waits = (retry: 'backoff' | 'slow' | 'rare') =>
    [1, 2, 3, 8, 100].map((attempts) => waitAfter(sealFault(retry), attempts, steady));
  assert.deepEqual(waits('backoff'), [500, 1_000, 2_000, 30_000, 30_000]);
  assert.deepEqual(waits('slow'), [500, 1_000, 2_000, 60_000, 60_000]);
  assert.deepEqual(waits('rare'), [600_000, 600_000, 600_000, 600_000, 600_000]);
});

test('jitter takes up to a half off, and Retry-After is obeyed', () => {
  const most = { ...systemRandom, fraction: () => 0.999_999 };
  const wait = waitAfter(sealFault('backoff'), 3, most);
  assert.ok(wait >= 1_000 && wait < 1_001, String(wait));
  assert.equal(waitAfter(sealFault('backoff', 45_000), 1, most), 45_000);
});

test('every kind of failure has a stage and a class', () => {
  const classOf = (error: unknown) => {
    const fault = faultOf(error, 's');
    return [fault.stage, fault.class, fault.retry];
  };
  assert.deepEqual(classOf(new LatchkeyError('storage_unavailable', 'x')), [
    'storage',
    'storage_unavailable',
    'backoff',
  ]);
  assert.deepEqual(classOf(new LatchkeyError('storage_corrupt', 'x')), [
    'storage',
    'storage_corrupt',
    'rare',
  ]);
  assert.deepEqual(classOf(new LatchkeyError('config_invalid', 'x')), [
    'storage',
    'storage_unusable',
    'slow',
  ]);
  assert.deepEqual(classOf(new Error('x')), ['unseal', 'unknown', 'backoff']);
});
