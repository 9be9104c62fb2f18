// How long tokens live, and what ends with them, on a clock that the test moves.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { Bench, HOUR, turns, until } from './bench.ts';

let bench: Bench;
before(async () => {
  bench = await Bench.start();
  await bench.ask('write', 'sys/policies/acl/app', {
    policy: `path "auth/token/create*" { capabilities = ["update"] }
      path "auth/token/lookup" { capabilities = ["update"] }
      path "rented/*" { capabilities = ["read"] }`,
  });
});
after(() => bench[Symbol.asyncDispose]());

async function lookup(token: string): Promise<JsonObject> {
  const { data } = await bench.ask('write', 'auth/token/lookup', { token });
  return data as JsonObject;
}

async function renew(token: string, increment?: string): Promise<{ seconds: number; warnings: string }> {
  const input: JsonObject = increment === undefined ? { token } : { token, increment };
  const { auth, warnings = [] } = await bench.ask('write', 'auth/token/renew', input);
  assert.ok(auth);
  return { seconds: auth.lease_duration, warnings: warnings.join('; ') };
}

const refuses = (act: Promise<unknown>, message: string | RegExp) => assert.rejects(act, { message });

test('a token lives as long as it was given, is renewed, and never past its maximum', async () => {
  const token = await bench.create({ ttl: '1h', explicit_max_ttl: '2h' });
  assert.equal((await lookup(token))['ttl'], HOUR);
  bench.clock.advance(HOUR - 1);
  assert.equal((await renew(token)).seconds, HOUR);
  bench.clock.advance(HOUR - 1);
  const last = await renew(token);
  assert.equal(last.seconds, 2);
  assert.match(last.warnings, /TTL of "1h0m0s" exceeded the effective max_ttl of "2s"/);
  const { renewable, explicit_max_ttl, creation_ttl, last_renewal_time } = await lookup(token);
  assert.deepEqual([renewable, explicit_max_ttl, creation_ttl], [true, 2 * HOUR, HOUR]);
  assert.equal(last_renewal_time, bench.clock.now() / 1_000);
  bench.clock.advance(3);
  assert.equal(await bench.isAlive(token), false);
});

test('without a TTL the default of the system holds; one that is too long is cut, with a warning', async () => {
  assert.equal((await lookup(await bench.create()))['ttl'], 768 * HOUR);
  const { auth, warnings } = await bench.ask('write', 'auth/token/create', {
    ttl: '9000h',
    policies: ['app'],
  });
  assert.equal(auth?.lease_duration, 768 * HOUR);
  assert.match(String(warnings), /TTL of "9000h0m0s" exceeded the effective max_ttl of "768h0m0s"/);
});

test('an increment counts from now on, and may shorten', async () => {
  const token = await bench.create({ ttl: '10h' });
  assert.equal((await renew(token, '30m')).seconds, HOUR / 2);
  assert.equal((await renew(token, '20h')).seconds, 20 * HOUR);
  assert.equal((await renew(token)).seconds, 10 * HOUR);
});

test('a periodic token outlives every maximum but its explicit one', async () => {
  const endless = await bench.create({ period: '400h' });
  const bounded = await bench.create({ period: '1h', explicit_max_ttl: '90m' });
  for (let times = 0; times < 5; times += 1) {
    bench.clock.advance(399 * HOUR);
    // The increment says nothing to it.
    assert.equal((await renew(endless, '1s')).seconds, 400 * HOUR);
  }
  assert.equal(await bench.isAlive(bounded), false);
  const again = await bench.create({ period: '1h', explicit_max_ttl: '90m' });
  bench.clock.advance(45 * 60);
  assert.equal((await renew(again)).seconds, 45 * 60);
  assert.equal((await lookup(again))['period'], HOUR);
});

test('what cannot be renewed says so', async () => {
  await refuses(renew(await bench.create({ renewable: false })), 'lease is not renewable');
  await refuses(renew(bench.rootToken), 'lease is not renewable');
  await refuses(renew('hvs.nobody'), 'token not found');
  await refuses(renew(await bench.create({ type: 'batch', ttl: '1h' })), 'batch tokens cannot be renewed');
});

test('a root token lives for ever, unless it is given an end; one with an end makes none without', async () => {
  const endless = await bench.create({ policies: ['root'] });
  const { ttl, expire_time, num_uses } = await lookup(endless);
  assert.deepEqual([ttl, expire_time, num_uses], [0, null, 0]);
  const ending = await bench.create({ policies: ['root'], ttl: '1h' });
  await refuses(
    bench.create({ policies: ['root'] }, ending),
    'expiring root tokens cannot create non-expiring root tokens',
  );
  await bench.create({ policies: ['root'], ttl: '9h' }, ending);
  bench.clock.advance(HOUR + 1);
  assert.equal(await bench.isAlive(ending), false);
  assert.equal(await bench.isAlive(endless), true);
});

test('a child ends with its parent, an orphan does not', async () => {
  const parent = await bench.create({ ttl: '1h' });
  const child = await bench.create({ ttl: '9h' }, parent);
  const grandchild = await bench.create({ ttl: '9h' }, child);
  const batch = await bench.create({ ttl: '9h', type: 'batch' }, child);
  const { auth } = await bench.ask('write', 'auth/token/create-orphan', { ttl: '9h' }, { token: parent });
  const orphan = auth?.client_token ?? '';
  assert.deepEqual([(await lookup(child))['orphan'], (await lookup(orphan))['orphan']], [false, true]);
  bench.clock.advance(HOUR + 1);
  for (const token of [parent, child, grandchild, batch]) {
    await until('the tree to be gone', async () => !(await bench.isAlive(token)));
  }
  assert.equal(await bench.isAlive(orphan), true);
});

test('a batch token ends with its parent at once, in the middle of the tree', async () => {
  const parent = await bench.create({ ttl: '1h' });
  const batch = await bench.create({ ttl: '9h', type: 'batch' }, parent);
  assert.match(batch, /^hvb\./);
  const shown = await lookup(batch);
  assert.deepEqual(
    [shown['accessor'], shown['type'], shown['renewable'], shown['orphan']],
    ['', 'batch', false, false],
  );
  await bench.ask('write', 'auth/token/revoke', { token: parent });
  assert.equal(await bench.isAlive(batch), false);
  const orphan = await bench.create({ ttl: '1h', type: 'batch', no_parent: true });
  bench.clock.advance(HOUR + 1);
  assert.equal(await bench.isAlive(orphan), false);
});

test('what is made and lent while the parent is revoked is refused, or gone with it', async () => {
  for (let round = 0; round < 10; round += 1) {
    const parent = await bench.create({ ttl: '5h' });
    const made: Promise<string | undefined>[] = [];
    const lent: Promise<unknown>[] = [];
    const begin = () => {
      made.push(bench.create({}, parent).catch(() => undefined));
      lent.push(bench.ask('read', 'rented/creds', {}, { token: parent }).catch(() => undefined));
    };
    for (let count = 0; count < 5; count += 1) begin();
    await turns(round);
    const revoked = bench.ask('write', 'auth/token/revoke', { token: parent });
    for (let count = 0; count < 5; count += 1) begin();
    await Promise.all([revoked, ...lent]);
    for (const child of await Promise.all(made)) {
      if (child !== undefined) assert.equal(await bench.isAlive(child), false);
    }
    await until('all that was lent to come back', async () => bench.rented.size === 0);
  }
});

test('a batch token makes no tokens, has no cubbyhole, and cannot be revoked', async () => {
  const batch = await bench.create({ ttl: '1h', type: 'batch', policies: ['app', 'default'] });
  await refuses(bench.create({}, batch), 'batch tokens cannot create more tokens');
  await refuses(bench.ask('write', 'auth/token/revoke', { token: batch }), 'batch tokens cannot be revoked');
  await refuses(
    bench.ask('write', 'auth/token/revoke-self', {}, { token: batch }),
    'batch tokens cannot be revoked',
  );
  await refuses(
    bench.ask('write', 'cubbyhole/mine', { a: 'b' }, { token: batch }),
    'cubbyhole operations are only supported by "service" type tokens',
  );
});

test('a secret that a batch token is lent ends with the token, or with its parent', async () => {
  const parent = await bench.create({ ttl: '5h' });
  const batch = await bench.create({ ttl: '10m', type: 'batch' }, parent);
  const rented = await bench.ask('read', 'rented/creds', {}, { token: batch });
  assert.equal(rented.bound?.seconds, 600);
  const other = await bench.create({ ttl: '4h', type: 'batch' }, parent);
  await bench.ask('read', 'rented/creds', {}, { token: other });
  assert.ok(bench.rented.size >= 2);
  await bench.ask('write', 'auth/token/revoke', { token: parent });
  await until('both to be taken back', async () => bench.rented.size === 0);
});

test('a token with uses is gone with the last one, also when that was refused', async () => {
  const two = await bench.create({ num_uses: 2, policies: ['app'] });
  assert.equal((await lookup(two))['num_uses'], 2);
  await refuses(bench.ask('read', 'secret/forbidden', {}, { token: two }), 'permission denied');
  assert.equal((await lookup(two))['num_uses'], 1);
  await bench.ask('write', 'auth/token/lookup', { token: two }, { token: two });
  assert.equal(await bench.isAlive(two), false);
});

test('of many that take the last use at once, one gets it', async () => {
  const token = await bench.create({ num_uses: 3, policies: ['default'] });
  const asked = Array.from({ length: 12 }, () => bench.ask('read', 'auth/token/lookup-self', {}, { token }));
  const outcomes = await Promise.allSettled(asked);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
});

test('a token with uses makes no other, and is lent nothing with the last of them', async () => {
  const token = await bench.create({ num_uses: 3 });
  await refuses(bench.create({}, token), 'restricted use token cannot generate child tokens');
  const before = bench.rented.size;
  await bench.ask('read', 'rented/creds', {}, { token });
  await refuses(bench.ask('read', 'rented/creds', {}, { token }), /token had one use left/);
  await until('the secret of the used-up token to be taken back', async () => bench.rented.size === before);
});

test('a token is used only from where it is bound to, and so are its children', async () => {
  await bench.ask('write', 'auth/token/roles/near', {
    token_bound_cidrs: '10.0.0.0/8,fd00::/8',
    allowed_policies: 'app',
  });
  const { auth } = await bench.ask('write', 'auth/token/create/near', {});
  const near = auth?.client_token ?? '';
  const use = (token: string, remoteAddress: string) =>
    bench.ask('write', 'auth/token/lookup', {}, { token, remoteAddress });
  await use(near, '10.1.2.3');
  await use(near, 'fd00::1');
  await use(near, '::ffff:10.1.2.3');
  await refuses(use(near, '11.1.2.3'), 'permission denied');
  const made = await bench.ask('write', 'auth/token/create', {}, { token: near, remoteAddress: '10.1.2.3' });
  await refuses(use(made.auth?.client_token ?? '', '11.1.2.3'), 'permission denied');
  assert.deepEqual((await lookup(near))['bound_cidrs'], ['10.0.0.0/8', 'fd00::/8']);
});

test('a renewal asks the role as it is now', async () => {
  const role = { allowed_policies: ['app'], token_period: '1h', path_suffix: 'v1', renewable: true };
  await bench.ask('write', 'auth/token/roles/app', role);
  const { auth } = await bench.ask('write', 'auth/token/create/app', {});
  const token = auth?.client_token ?? '';
  const { path, role: name, period } = await lookup(token);
  assert.deepEqual([path, name, period], ['auth/token/create/app/v1', 'app', HOUR]);
  await bench.ask('write', 'auth/token/roles/app', { token_period: '2h' });
  assert.equal((await renew(token)).seconds, 2 * HOUR);
  await bench.ask('write', 'auth/token/roles/app', { token_explicit_max_ttl: '30m' });
  assert.equal((await renew(token)).seconds, HOUR / 2);
  await bench.ask('delete', 'auth/token/roles/app');
  await refuses(renew(token), 'original token role "app" could not be found, not renewing');
});

test('a login is renewed only while its auth method agrees', async () => {
  const login = async (allowed: boolean) => {
    bench.grant = {
      policies: ['app'],
      displayName: 'ann',
      metadata: {},
      ttlSeconds: HOUR,
      renewData: { allowed },
    };
    const { auth } = await bench.ask('write', 'auth/signin/login', {});
    assert.equal(auth?.orphan, true);
    return auth?.client_token ?? '';
  };
  assert.equal((await renew(await login(true))).seconds, HOUR);
  await refuses(renew(await login(false)), 'the account is gone');
});

test('tidying takes nothing from who has just taken the last use', async () => {
  for (let times = 0; times < 30; times += 1) {
    const { wrapped } = await bench.ask('write', 'sys/wrapping/wrap', { a: 'b' }, { wrapTtl: '5m' });
    const open = bench.ask('write', 'sys/wrapping/unwrap', {}, { token: wrapped?.token ?? '' });
    await bench.ask('write', 'auth/token/tidy');
    assert.deepEqual((await open).data, { a: 'b' });
  }
});

test('tidying takes away a cubbyhole that has lost its token, and no other', async () => {
  const token = await bench.create({ policies: ['default'] });
  await bench.ask('write', 'cubbyhole/mine', { a: 'b' }, { token });
  await bench.stray('cubbyhole/lost/deep/down');
  await until('the lost one to be gone', async () => {
    await bench.ask('write', 'auth/token/tidy');
    return (await bench.keys('cubbyhole/lost/')).length === 0;
  });
  assert.deepEqual((await bench.ask('read', 'cubbyhole/mine', {}, { token })).data, { a: 'b' });
});

test('a token that was renewed in time lives, whenever its time had come meanwhile', async () => {
  // With nothing else that could run out meanwhile.
  await using own = await Bench.start();
  let inTime = 0;
  let late = 0;
  for (let steps = 0, isOver = false; !isOver; steps += 1) {
    const token = await own.create({ ttl: '1h' });
    own.clock.advance(HOUR - 1);
    isOver = true;
    own.life.interrupt(steps, async () => {
      isOver = false;
      own.clock.advance(2);
      await turns(20);
    });
    const isRenewed = await own.ask('write', 'auth/token/renew', { token }).then(
      () => true,
      () => false,
    );
    own.life.arm(Number.POSITIVE_INFINITY);
    if (isRenewed) inTime += 1;
    else late += 1;
    if (isOver) break;
    // Long enough for the worker to have looked at it.
    await turns(20);
    assert.equal(await own.isAlive(token), isRenewed, `step ${steps}`);
    await own.ask('write', 'auth/token/revoke', { token });
  }
  assert.ok(inTime > 0 && late > 0, `${inTime} in time, ${late} late`);
});

test('tidying in the background ends what should be gone', async () => {
  const token = await bench.create({ ttl: '1h' });
  const { outcome, warnings } = await bench.ask('write', 'auth/token/tidy');
  assert.equal(outcome, 'accepted');
  assert.match(String(warnings), /Tidy operation successfully started/);
  assert.equal(await bench.isAlive(token), true);
});
