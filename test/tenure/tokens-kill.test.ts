// A node dies at each call of the storage while it makes, renews, uses or ends tokens. What must hold for the next
// leader: a tree of tokens is refused as a whole or alive as a whole, nothing lives without an end, and what had begun
// to end does end, with all that belonged to it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Bench, HOUR, Killed, until } from './bench.ts';

interface Family {
  readonly bench: Bench;
  readonly parent: string;
  readonly tree: readonly string[];
  readonly bystander: string;
  readonly secret: string;
}

/** A token with a cubbyhole, a child and a grandchild; the child rents a secret. Beside them one that must not be hurt. */
async function family(): Promise<Family> {
  const bench = await Bench.start();
  await bench.ask('write', 'sys/policies/acl/app', {
    policy:
      'path "auth/token/create" { capabilities = ["update"] } path "rented/*" { capabilities = ["read"] }',
  });
  const parent = await bench.create({ policies: ['app', 'default'], ttl: '1h' });
  const child = await bench.create({}, parent);
  const grandchild = await bench.create({}, child);
  await bench.ask('write', 'cubbyhole/mine', { a: 'b' }, { token: parent });
  const { data } = await bench.ask('read', 'rented/creds', {}, { token: child });
  const secret = String((data as { id: string }).id);
  const bystander = await bench.create({ ttl: '1h' });
  return { bench, parent, tree: [parent, child, grandchild], bystander, secret };
}

/** Runs `act` again and again, killed one step later each time, until it survives. */
async function killedAtEachStep(
  act: (family: Family) => Promise<unknown>,
  afterwards: (family: Family, acknowledged: boolean, at: string) => Promise<void>,
  before: (family: Family) => Promise<void> = async () => {},
): Promise<void> {
  let acknowledged = false;
  let steps = 0;
  for (; !acknowledged; steps += 1) {
    assert.ok(steps < 400, 'it ends');
    const made = await family();
    await using bench = made.bench;
    await before(made);
    bench.life.arm(steps);
    try {
      await act(made);
      acknowledged = true;
    } catch (error) {
      assert.ok(bench.life.killed || error instanceof Killed, String(error));
    }
    await bench.reopen();
    await afterwards(made, acknowledged, `killed at step ${steps}`);
  }
  assert.ok(steps > 5, `there are steps to die at; seen ${steps}`);
}

async function living(bench: Bench, tokens: readonly string[]): Promise<boolean[]> {
  return Promise.all(tokens.map((token) => bench.isAlive(token)));
}

/** Nothing of the family is left; the root token and the bystander are all that there is. */
async function assertGone({ bench, bystander, secret }: Family, at: string): Promise<void> {
  await until(`the family to be gone, ${at}`, async () => {
    const left = [
      (await bench.keys('token/id/')).length === 2,
      (await bench.keys('token/accessor/')).length === 2,
      (await bench.keys('token/ending/')).length === 0,
      (await bench.keys('cubbyhole/')).length === 0,
      (await bench.keys('lease/token/')).length === 0,
      (await bench.keys('lease/id/')).length === 1,
      !bench.rented.has(secret),
    ];
    return left.every(Boolean);
  });
  assert.equal(await bench.isAlive(bystander), true, at);
}

describe('killed at each step', { concurrency: true }, () => {
  test('a revocation that dies at any step is whole for the next leader, and finishes', async () => {
    await killedAtEachStep(
      ({ bench, parent }) => bench.ask('write', 'auth/token/revoke', { token: parent }),
      async (made, acknowledged, at) => {
        const { bench, parent, tree } = made;
        const alive = await living(bench, tree);
        assert.ok(
          alive.every((one) => one === alive[0]),
          `${at}: ${alive}`,
        );
        if (acknowledged) assert.equal(alive[0], false, at);
        if (alive[0]) await bench.ask('write', 'auth/token/revoke', { token: parent });
        await assertGone(made, at);
      },
    );
  });

  test('so is the end of a token whose time has come', async () => {
    await killedAtEachStep(
      async ({ bench }) => {
        bench.clock.advance(HOUR + 1);
        await until('the lease of the parent to run out, or the node to die', async () => {
          return bench.life.killed || (await bench.keys('token/id/')).length === 1;
        });
        if (bench.life.killed) throw new Killed('killed');
      },
      async (made, _acknowledged, at) => {
        const { bench, tree } = made;
        assert.deepEqual(await living(bench, tree.slice(0, 1)), [false], at);
        // The bystander was as old.
        await until(`everything to be gone, ${at}`, async () => {
          const left = [...(await bench.keys('token/id/')), ...(await bench.keys('lease/id/'))].length;
          return left === 1 && bench.rented.size === 0;
        });
      },
    );
  });

  test('a token that is revoked alone goes whenever the node dies, and its children never do', async () => {
    await killedAtEachStep(
      ({ bench, parent }) => bench.ask('write', 'auth/token/revoke-orphan', { token: parent }),
      async ({ bench, parent, tree, bystander }, acknowledged, at) => {
        const [isParentAlive, ...children] = await living(bench, tree);
        assert.deepEqual(children, [true, true], at);
        if (acknowledged) assert.equal(isParentAlive, false, at);
        assert.equal(await bench.isAlive(bystander), true, at);
        await until(`the parent to be gone or untouched, ${at}`, async () => {
          const endings = await bench.keys('token/ending/');
          const isGone = !(await bench.isAlive(parent));
          const ids = (await bench.keys('token/id/')).length;
          const indexes = (await bench.keys('token/parent/')).length;
          const isWhole = isGone ? ids === 4 && indexes === 2 : ids === 5 && indexes === 4;
          return endings.length === 0 && isWhole;
        });
      },
    );
  });

  test('a token with one use that is used as the node dies is spent or untouched, and leaves nothing', async () => {
    let steps = 0;
    for (let answered = false; !answered; steps += 1) {
      await using bench = await Bench.start();
      const token = await bench.create({ policies: ['default'], num_uses: 1, ttl: '1h' });
      bench.life.arm(steps);
      try {
        await bench.ask('read', 'auth/token/lookup-self', {}, { token });
        answered = true;
      } catch {
        assert.ok(bench.life.killed);
      }
      await bench.reopen();
      const at = `killed at step ${steps}`;
      if (await bench.isAlive(token)) {
        assert.equal(answered, false, at);
        await bench.ask('read', 'auth/token/lookup-self', {}, { token });
      }
      assert.equal(await bench.isAlive(token), false, at);
      await until(`the token to be taken away, ${at}`, async () => {
        const left = [...(await bench.keys('token/id/')), ...(await bench.keys('lease/id/'))];
        return left.length === 1;
      });
    }
    assert.ok(steps > 5);
  });

  test('no token is ever stored without the lease that ends it', async () => {
    await killedAtEachStep(
      async ({ bench, parent }) => {
        await bench.create({ ttl: '10m' }, parent);
        await bench.ask('write', 'auth/token/renew', { token: parent, increment: '5m' });
        await bench.ask('write', 'auth/signin/login', {});
      },
      async ({ bench }, _acknowledged, at) => {
        const ids = (await bench.keys('token/id/')).map((key) => key.slice('token/id/'.length));
        const leases = (await bench.keys('lease/id/')).map((key) => key.slice(key.lastIndexOf('/h') + 2));
        const without = ids.filter((id) => !leases.includes(id));
        assert.equal(without.length, 1, `${at}: the root token alone`);
        bench.clock.advance(800 * HOUR);
        await until(`everything to have ended, ${at}`, async () => {
          const left = [...(await bench.keys('token/id/')), ...(await bench.keys('lease/id/'))].length;
          return left === 1;
        });
      },
    );
  });

  test('a login that is wrapped as the node dies leaves nothing that lives on', async () => {
    await killedAtEachStep(
      ({ bench }) => bench.ask('write', 'auth/signin/login', {}, { token: '', wrapTtl: '5m' }),
      async ({ bench }, _acknowledged, at) => {
        bench.clock.advance(800 * HOUR);
        await until(`nothing to be left, ${at}`, async () => {
          const prefixes = ['token/id/', 'lease/id/', 'cubbyhole/', 'token/parent/', 'token/ending/'];
          const left = await Promise.all(prefixes.map((prefix) => bench.keys(prefix)));
          return left.flat().length === 1;
        });
      },
    );
  });

  test('a wrapping token that is opened as the node dies is opened at most once', async () => {
    let token = '';
    await killedAtEachStep(
      async ({ bench }) => {
        await bench.ask('write', 'sys/wrapping/unwrap', { token });
      },
      async ({ bench }, acknowledged, at) => {
        const again = await bench.ask('write', 'sys/wrapping/unwrap', { token }).then(
          ({ data }) => data,
          () => undefined,
        );
        if (acknowledged) assert.equal(again, undefined, at);
        await assert.rejects(bench.ask('write', 'sys/wrapping/unwrap', { token }), at);
        await until(`its cubbyhole to be gone, ${at}`, async () => {
          // That of the parent in the family stays.
          return (await bench.keys('cubbyhole/')).length === 1;
        });
      },
      async ({ bench }) => {
        const { wrapped } = await bench.ask('write', 'sys/wrapping/wrap', { a: 'b' }, { wrapTtl: '5m' });
        token = wrapped?.token ?? '';
      },
    );
  });

  test('a secret whose lease is revoked as the node dies ends outside as well', async () => {
    await killedAtEachStep(
      async ({ bench, secret }) => {
        const [lease = ''] = (await bench.keys('lease/id/rented/')).map((key) =>
          key.slice('lease/id/'.length),
        );
        await bench.ask('write', 'sys/leases/revoke', { lease_id: lease, sync: true });
        assert.equal(bench.rented.has(secret), false);
      },
      async ({ bench, secret, tree }, acknowledged, at) => {
        const [key] = await bench.keys('lease/id/rented/');
        if (acknowledged) assert.equal(key, undefined, at);
        if (key !== undefined) {
          const lease = key.slice('lease/id/'.length);
          await bench.ask('write', 'sys/leases/revoke', { lease_id: lease });
        }
        await until(`the secret to end, ${at}`, async () => {
          const keys = [...(await bench.keys('lease/id/rented/')), ...(await bench.keys('lease/token/'))];
          return keys.length === 0 && !bench.rented.has(secret);
        });
        assert.deepEqual(await living(bench, tree), [true, true, true], at);
      },
    );
  });
});
