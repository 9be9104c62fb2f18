// What is lent for a time comes back: when the time is over, when it is asked for, and when the token that got it ends.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { LatchkeyError } from '../../src/base/errors.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { Bench, HOUR, turns, until } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench[Symbol.asyncDispose]());

async function rent(token = bench.rootToken): Promise<{ lease: string; id: string; seconds: number }> {
  const { data, bound } = await bench.ask('read', 'rented/creds', {}, { token });
  assert.ok(bound);
  return { lease: bound.leaseId, seconds: bound.seconds, id: String((data as JsonObject)['id']) };
}

async function lookup(lease: string): Promise<JsonObject> {
  return (await bench.ask('write', 'sys/leases/lookup', { lease_id: lease })).data as JsonObject;
}

async function keys(prefix: string): Promise<unknown> {
  return ((await bench.ask('list', `sys/leases/lookup/${prefix}`)).data as JsonObject)['keys'];
}

const refuses = (act: Promise<unknown>, message: string | RegExp) => assert.rejects(act, { message });

test('a secret comes back when its time is over', async () => {
  const { lease, id, seconds } = await rent();
  assert.match(lease, /^rented\/creds\/[0-9A-Za-z]{24}$/);
  assert.equal(seconds, HOUR);
  const { ttl, renewable, last_renewal } = await lookup(lease);
  assert.deepEqual([ttl, renewable, last_renewal], [HOUR, true, null]);
  bench.clock.advance(HOUR - 1);
  assert.ok(bench.rented.has(id));
  bench.clock.advance(2);
  await until('the secret to come back', async () => !bench.rented.has(id));
  await until('its lease to be gone', async () => (await bench.keys('lease/id/rented/')).length === 0);
  await refuses(lookup(lease), 'invalid lease');
});

test('it is renewed from now on, up to the maximum since it was lent', async () => {
  const { lease, id } = await rent();
  const renew = async (path: string, input: JsonObject) => (await bench.ask('write', path, input)).bound;
  bench.clock.advance(HOUR / 2);
  assert.equal((await renew('sys/leases/renew', { lease_id: lease }))?.seconds, HOUR);
  // As clients did before Vault 0.8, and with the id in the path.
  assert.equal((await renew(`sys/renew/${lease}`, { increment: '2h' }))?.seconds, 2 * HOUR);
  assert.equal(
    (await renew(`sys/leases/renew/${lease}`, { increment: 99_999_999 }))?.seconds,
    768 * HOUR - HOUR / 2,
  );
  assert.equal((await lookup(lease))['last_renewal'], new Date(bench.clock.now()).toISOString());
  bench.clock.advance(769 * HOUR);
  await until('it to come back', async () => !bench.rented.has(id));
  await refuses(renew('sys/leases/renew', { lease_id: lease }), 'lease not found');
});

test('it comes back when it is asked for, and asking again is no error', async () => {
  const [one, two] = [await rent(), await rent()];
  const now = await bench.ask('write', 'sys/leases/revoke', { lease_id: one.lease, sync: true });
  assert.deepEqual([now.outcome, bench.rented.has(one.id)], [undefined, false]);
  const soon = await bench.ask('write', `sys/revoke/${two.lease}`, {});
  assert.equal(soon.outcome, undefined);
  // Its end has begun, so it is neither shown nor renewed.
  await refuses(lookup(two.lease), 'invalid lease');
  await until('the second to come back', async () => !bench.rented.has(two.id));
  await bench.ask('write', 'sys/leases/revoke', { lease_id: one.lease, sync: true });
  await refuses(bench.ask('write', 'sys/leases/revoke', {}), 'lease_id must be specified');
});

test('it comes back with the token that got it, however deep below the revoked one', async () => {
  const parent = await bench.create({ policies: ['root'], ttl: '9h' });
  const child = await bench.create({ policies: ['root'], ttl: '9h' }, parent);
  const lent = [await rent(parent), await rent(child), await rent(child)];
  const other = await rent();
  await bench.ask('write', 'auth/token/revoke', { token: parent });
  await until('all three to come back', async () => lent.every(({ id }) => !bench.rented.has(id)));
  assert.ok(bench.rented.has(other.id));
});

test('leases are listed folder by folder, tokens among them, and ended by prefix', async () => {
  const token = await bench.create({ ttl: '1h' });
  const [one, two] = [await rent(), await rent()];
  assert.deepEqual(await keys(''), ['auth/', 'rented/']);
  assert.deepEqual(await keys('rented/'), ['creds/']);
  assert.deepEqual(
    new Set((await keys('rented/creds/')) as string[]),
    new Set([one, two].map(({ lease }) => lease.slice('rented/creds/'.length))),
  );
  const [tokenLease = ''] = (await keys('auth/token/create/')) as string[];
  assert.match(tokenLease, /^h[0-9a-f]{64}$/);
  const id = `auth/token/create/${tokenLease}`;
  assert.equal((await lookup(id))['ttl'], HOUR);
  await refuses(
    bench.ask('write', 'sys/leases/renew', { lease_id: id }),
    'tokens cannot be renewed through this endpoint',
  );
  await bench.ask('write', 'sys/leases/revoke-prefix/rented', { sync: true });
  assert.equal(bench.rented.size, 0);
  await bench.ask('write', 'sys/leases/revoke-prefix/auth/token/create', { sync: true });
  assert.equal(await bench.isAlive(token), false);
  assert.equal(await bench.isAlive(bench.rootToken), true, 'a root token without end has no lease');
  await refuses(bench.ask('write', 'sys/leases/revoke-prefix/', {}), 'prefix must be specified');
});

test('a prefix ends at a slash: a mount whose name starts alike is left alone', async () => {
  await bench.ask('write', 'sys/mounts/rented-too', { type: 'rented' });
  const near = await rent();
  const { data } = await bench.ask('read', 'rented-too/creds');
  await bench.ask('write', 'sys/leases/revoke-prefix/rented', { sync: true });
  assert.deepEqual([...bench.rented], [(data as JsonObject)['id']]);
  await refuses(lookup(near.lease), 'invalid lease');
});

test('what an engine fails to end is tried again and again, then shown, and at last forgotten by force', async () => {
  const { lease, id } = await rent();
  bench.refuses = true;
  await refuses(
    bench.ask('write', 'sys/leases/revoke', { lease_id: lease, sync: true }),
    `failed to revoke "${lease}"`,
  );
  await until('six tries to be over', async () => {
    bench.clock.advance(HOUR);
    const { lease_count } = (await bench.ask('read', 'sys/leases/count', { type: 'irrevocable' }))
      .data as JsonObject;
    return lease_count === 1;
  });
  assert.equal((await lookup(lease))['revoke_error'], 'the database is away');
  await refuses(
    bench.ask('write', 'sys/leases/renew', { lease_id: lease }),
    /has failed previous revocation attempts/,
  );
  const { counts } = (await bench.ask('read', 'sys/leases/count', { type: 'irrevocable' }))
    .data as JsonObject;
  const [[accessor, count] = []] = Object.entries(counts as JsonObject);
  assert.match(String(accessor), /^rented_/);
  assert.equal(count, 1);
  const shown = (await bench.ask('read', 'sys/leases', { type: 'irrevocable' })).data as JsonObject;
  assert.deepEqual(shown, {
    lease_count: 1,
    leases: [{ lease_id: lease, mount_id: String(accessor), error: 'the database is away' }],
  });
  // The next leader knows of it too.
  await bench.reopen();
  await until('the next leader to have read it', async () => {
    const { data } = await bench.ask('read', 'sys/leases/count', { type: 'irrevocable' });
    return (data as JsonObject)['lease_count'] === 1;
  });
  await bench.ask('write', 'sys/leases/revoke-force/rented/creds', {});
  await refuses(lookup(lease), 'invalid lease');
  assert.ok(bench.rented.has(id), 'it lives on outside, without a lease');
  assert.deepEqual(await bench.keys('lease/id/rented/'), []);
});

test('tidying tries once more to end what was given up', async () => {
  const { lease, id } = await rent();
  bench.refuses = true;
  await bench.ask('write', 'sys/leases/revoke', { lease_id: lease });
  await until('it to be given up', async () => {
    bench.clock.advance(HOUR);
    return 'revoke_error' in (await lookup(lease).catch(() => ({})));
  });
  bench.refuses = false;
  assert.equal((await bench.ask('write', 'sys/leases/tidy')).outcome, 'accepted');
  await until('it to come back', async () => !bench.rented.has(id));
});

test('a failure that passes costs nothing but time', async () => {
  const { lease, id } = await rent();
  bench.refuses = true;
  bench.clock.advance(HOUR + 1);
  await until(
    'a first try to have failed',
    async () => (await lookup(lease).catch(() => undefined)) === undefined,
  );
  bench.refuses = false;
  await until('it to come back', async () => {
    bench.clock.advance(60);
    return !bench.rented.has(id);
  });
});

test('a secret that was renewed in time stays, whenever its time had come meanwhile', async () => {
  let inTime = 0;
  let late = 0;
  for (let steps = 0, isOver = false; !isOver; steps += 1) {
    const { lease, id } = await rent();
    bench.clock.advance(HOUR - 1);
    isOver = true;
    bench.life.interrupt(steps, async () => {
      isOver = false;
      bench.clock.advance(2);
      await turns(20);
    });
    const isRenewed = await bench.ask('write', 'sys/leases/renew', { lease_id: lease }).then(
      () => true,
      () => false,
    );
    bench.life.arm(Number.POSITIVE_INFINITY);
    if (isOver) break;
    if (isRenewed) {
      inTime += 1;
      await turns(20);
      assert.equal((await lookup(lease))['id'], lease, `step ${steps}`);
      assert.ok(bench.rented.has(id));
    } else {
      late += 1;
      await until('it to come back', async () => !bench.rented.has(id));
    }
  }
  assert.ok(inTime > 0 && late > 0, `${inTime} in time, ${late} late`);
});

test('an engine that hangs is asked again, and holds up neither others nor the next leader', async () => {
  const lent = await Promise.all(Array.from({ length: 20 }, () => rent()));
  const [first] = lent;
  assert.ok(first);
  bench.hangs = true;
  const renewed = bench.ask('write', 'sys/leases/renew', { lease_id: first.lease });
  const waiting = assert.rejects(renewed, { code: 'timeout' });
  await turns(20);
  bench.clock.advance(61);
  await waiting;
  const token = await bench.create({ ttl: '2h' });
  // More of them hang than the worker ends at the same time.
  bench.clock.advance(HOUR + 1);
  await turns(50);
  bench.clock.advance(2 * HOUR);
  await until('the token to be gone all the same', async () => {
    bench.clock.advance(61);
    return (await bench.keys('lease/id/auth/')).length === 0;
  });
  assert.equal(await bench.isAlive(token), false);
  assert.equal(bench.rented.size, 20);
  // The tenure ends at once, though the engine still hangs.
  await bench.reopen();
  bench.hangs = false;
  await until('all to come back', async () => {
    bench.clock.advance(61);
    // Some may have been given up, if the test was slow.
    await bench.ask('write', 'sys/leases/tidy');
    return bench.rented.size === 0;
  });
});

test('the next leader ends what ran out while nobody led', async () => {
  const { id } = await rent();
  const token = await bench.create({ ttl: '1h' });
  // Nothing runs between here and the next tenure.
  bench.life.arm(0);
  bench.clock.advance(2 * HOUR);
  await bench.reopen();
  assert.equal(await bench.isAlive(token), false);
  await until('both to be gone', async () => {
    const left = [...(await bench.keys('lease/id/')), ...(await bench.keys('token/parent/'))];
    return left.length === 0 && !bench.rented.has(id);
  });
});

test('a mount that is taken away takes back first what it lent, or stays', async () => {
  const { id } = await rent();
  bench.refuses = true;
  await assert.rejects(bench.ask('delete', 'sys/mounts/rented'));
  assert.ok(bench.rented.has(id));
  bench.refuses = false;
  await bench.ask('delete', 'sys/mounts/rented');
  assert.equal(bench.rented.size, 0);
  await assert.rejects(rent(), (error) => error instanceof LatchkeyError && error.code === 'no_route');
});
