import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExpiryQueue } from './expiry-queue.ts';

const step = fc.oneof(
  fc.record({
    act: fc.constant('set' as const),
    id: fc.integer({ min: 0, max: 30 }),
    at: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({ act: fc.constant('delete' as const), id: fc.integer({ min: 0, max: 30 }), at: fc.constant(0) }),
  fc.record({ act: fc.constant('take' as const), id: fc.constant(0), at: fc.constant(0) }),
);

test('the first is always the earliest, whatever was put in, moved and taken out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ExpiryQueue();
      const plain = new Map<string, number>();
      for (const { act, id, at } of steps) {
        const target = act === 'take' ? queue.first?.id : `lease-${id}`;
        if (target === undefined) continue;
        if (act === 'set') {
          queue.set(target, at);
          plain.set(target, at);
        } else {
          queue.delete(target);
          plain.delete(target);
        }
        assert.equal(queue.size, plain.size);
        assert.equal(queue.has(target), plain.has(target));
        assert.equal(queue.first?.at, plain.size === 0 ? undefined : Math.min(...plain.values()));
        if (queue.first !== undefined) assert.equal(plain.get(queue.first.id), queue.first.at);
      }
    }),
    { numRuns: 500 },
  );
});
