import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LifetimeWish, lifetimeOf } from './lifetime.ts';

const NOW = Date.UTC(2026, 0, 1);
const LIMITS = { defaultSeconds: 100, maxSeconds: 1_000 };
const NONE: LifetimeWish = {
  ttlSeconds: 0,
  maxTtlSeconds: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  startedAt: NOW,
};

const live = (wish: Partial<LifetimeWish>, limits = LIMITS) => lifetimeOf({ ...NONE, ...wish }, limits, NOW);

test('without a wish the default holds, within every maximum', () => {
  assert.deepEqual(live({}), { ttlSeconds: 100, warnings: [] });
  assert.equal(live({ maxTtlSeconds: 50 }).ttlSeconds, 50);
  assert.equal(live({ explicitMaxTtlSeconds: 30, maxTtlSeconds: 50 }).ttlSeconds, 30);
});

test('a wish over the maximum is cut, in the words of Vault', () => {
  const { ttlSeconds, warnings } = live({ ttlSeconds: 7_200 }, { defaultSeconds: 100, maxSeconds: 3_600 });
  assert.equal(ttlSeconds, 3_600);
  assert.deepEqual(warnings, [
    'TTL of "2h0m0s" exceeded the effective max_ttl of "1h0m0s"; TTL value is capped accordingly',
  ]);
});

test('maxima count from the start; a period ignores all but the explicit one', () => {
  const startedAt = NOW - 999_000;
  assert.equal(live({ startedAt, ttlSeconds: 50 }).ttlSeconds, 1);
  assert.equal(live({ startedAt, periodSeconds: 50 }).ttlSeconds, 50);
  assert.equal(live({ startedAt, periodSeconds: 50, explicitMaxTtlSeconds: 1_020 }).ttlSeconds, 21);
  assert.throws(() => live({ startedAt: NOW - 1_000_000, ttlSeconds: 50 }), {
    code: 'bad_request',
    message: 'past the max TTL, cannot renew',
  });
});

test('nothing ever lives past a maximum that holds for it, and nothing lives for no time', () => {
  const seconds = fc.integer({ min: 0, max: 5_000 });
  const wishes = fc.record({
    ttlSeconds: seconds,
    maxTtlSeconds: seconds,
    explicitMaxTtlSeconds: seconds,
    periodSeconds: seconds,
    age: seconds,
  });
  fc.assert(
    fc.property(wishes, ({ age, ...wish }) => {
      const startedAt = NOW - age * 1_000;
      const maxima = [wish.explicitMaxTtlSeconds];
      if (wish.periodSeconds === 0) maxima.push(LIMITS.maxSeconds, wish.maxTtlSeconds);
      const end = Math.min(...maxima.filter((max) => max > 0));
      if (age >= end) {
        assert.throws(() => live({ ...wish, startedAt }), { code: 'bad_request' });
        return;
      }
      const { ttlSeconds } = live({ ...wish, startedAt });
      assert.ok(ttlSeconds > 0);
      assert.ok(age + ttlSeconds <= end);
      assert.ok(ttlSeconds <= LIMITS.maxSeconds, 'also one step of a period');
    }),
    { numRuns: 1_000 },
  );
});
