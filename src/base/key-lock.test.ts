import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyLock } from './key-lock.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('who runs is alone with the key, who shares is with others that share, and each comes in its turn', async () => {
  const asker = fc.record({
    isShared: fc.boolean(),
    turns: fc.integer({ min: 0, max: 3 }),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(asker, { maxLength: 20 }), async (askers) => {
      const lock = new KeyLock();
      const inside = new Set<number>();
      const began: number[] = [];
      const all = askers.map(({ isShared, turns, fails }, at) => {
        const act = async () => {
          began.push(at);
          for (const other of inside) assert.ok(isShared && askers[other]?.isShared, `${at} beside ${other}`);
          inside.add(at);
          for (let count = 0; count < turns; count += 1) await turn();
          inside.delete(at);
          if (fails) throw new Error('no');
        };
        return isShared ? lock.share('key', act) : lock.run('key', act);
      });
      await Promise.allSettled(all);
      assert.deepEqual(
        began,
        askers.map((_, at) => at),
      );
    }),
    { numRuns: 200 },
  );
});

test('those that share do so at the same time, and wait for who came before them', async () => {
  const lock = new KeyLock();
  const order: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const first = lock.run('key', async () => {
    await gate;
    order.push('alone');
  });
  const met = Promise.withResolvers<void>();
  let inside = 0;
  const meet = async () => {
    inside += 1;
    if (inside === 3) met.resolve();
    await met.promise;
    order.push('together');
  };
  const sharing = [lock.share('key', meet), lock.share('key', meet), lock.share('key', meet)];
  const last = lock.run('key', async () => void order.push('alone again'));
  open();
  await Promise.all([first, ...sharing, last]);
  assert.deepEqual(order, ['alone', 'together', 'together', 'together', 'alone again']);
});

test('a failure is the own one alone, and other keys are not held up', async () => {
  const lock = new KeyLock();
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const held = lock.run('one', () => gate);
  assert.equal(await lock.run('two', async () => 'free'), 'free');
  const failing = assert.rejects(
    lock.run('one', async () => {
      throw new Error('no');
    }),
    /no/,
  );
  const after = lock.run('one', async () => 'next');
  open();
  await held;
  await failing;
  assert.equal(await after, 'next');
});
