import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { utf8 } from '../../base/bytes.ts';
import type { JsonObject } from '../../base/json.ts';
import { engineContract, MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import type { LoginGrant } from '../../engine/engine.ts';
import { userpassEngine } from './userpass-engine.ts';

const PASSWORD = 'correct horse battery';
const WRONG = { password: 'wrong' };

engineContract('userpass', async () => (await openEngine(userpassEngine, new MemoryView())).engine);

async function open(view = new MemoryView(), user: JsonObject = {}) {
  const bench = await openEngine(userpassEngine, view);
  const { ask } = bench;
  await ask('update', 'users/ann', { password: PASSWORD, token_policies: 'app', ...user });
  const login = async (name = 'ann', password = PASSWORD, from = '127.0.0.1'): Promise<LoginGrant> => {
    const { login: grant } = await ask('update', `login/${name}`, { password }, from);
    assert.ok(grant !== undefined);
    return grant;
  };
  return { ...bench, login };
}

test('a user comes, is shown, listed, changed and goes; a write keeps what it leaves out', async () => {
  const { ask, login } = await open();
  await ask('update', 'users/Bob.B', { password: 'x', policies: 'a,b', ttl: '1h' });
  const { data } = await ask('read', 'users/bob.b');
  assert.deepEqual(data, {
    policies: ['a', 'b'],
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 0,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['a', 'b'],
    token_strictly_bind_ip: false,
    token_ttl: 3600,
    token_type: 'default',
    ttl: 3600,
  });
  assert.deepEqual((await ask('list', 'users')).data, { keys: ['ann', 'bob.b'] });
  await ask('update', 'users/bob.b', { token_max_ttl: '2h' });
  assert.equal((await login('BOB.b', 'x')).maxTtlSeconds, 7200);
  await ask('update', 'users/bob.b/policies', { token_policies: 'c' });
  assert.deepEqual((await login('bob.b', 'x')).policies, ['c']);
  await ask('update', 'users/bob.b/password', { password: 'y' });
  await refusal(login('bob.b', 'x'), 'bad_request');
  assert.equal((await login('bob.b', 'y')).displayName, 'bob.b');
  await ask('delete', 'users/bob.b');
  await refusal(ask('read', 'users/bob.b'), 'not_found');
  await refusal(login('bob.b', 'y'), 'bad_request');
});

test('what cannot be a user is refused in words, and nothing is written', async () => {
  const view = new MemoryView();
  const { ask } = await openEngine(userpassEngine, view);
  const words = async (path: string, input: JsonObject) =>
    (await refusal(ask('update', path, input), 'bad_request')).message;
  assert.equal(await words('users/ann', { token_policies: 'a' }), 'missing password');
  assert.match(await words('users/ann', { password_hash: '$2a$…' }), /not in this version/);
  assert.match(await words('users/ann', { password: 'p'.repeat(1_025) }), /1024 bytes/);
  assert.match(await words('users/an*n', { password: 'p' }), /a username is made of/);
  assert.match(await words('users/ann', { password: 'p', token_type: 'x' }), /invalid 'token_type'/);
  assert.equal(await words('users/ann/password', { password: 'p' }), 'username does not exist');
  assert.equal(await words('users/ann/policies', { policies: 'p' }), 'username does not exist');
  assert.equal(view.records.size, 0);
});

test('a login grants what the user has, and the same name in capitals is the same user', async () => {
  const { login } = await open(new MemoryView(), { token_ttl: 60, token_type: 'batch' });
  assert.deepEqual(await login('ANN'), {
    policies: ['app'],
    ttlSeconds: 60,
    maxTtlSeconds: 0,
    explicitMaxTtlSeconds: 0,
    periodSeconds: 0,
    numUses: 0,
    boundCidrs: [],
    tokenType: 'batch',
    noDefaultPolicy: false,
    displayName: 'ann',
    metadata: { username: 'ann' },
    renewData: { username: 'ann', policies: ['app'] },
  });
});

test('a wrong password, an unknown user and an impossible name are refused alike', async () => {
  const { ask } = await open();
  for (const name of ['ann', 'nobody', '-', 'x'.repeat(300)]) {
    const { message } = await refusal(ask('update', `login/${name}`, WRONG), 'bad_request');
    assert.equal(message, 'invalid username or password');
  }
  await refusal(ask('update', 'login/ann', { password: 'p'.repeat(5_000) }), 'bad_request');
  assert.equal((await refusal(ask('update', 'login/ann', {}), 'bad_request')).message, 'missing password');
});

test('an unknown user costs a hash as well', async () => {
  const { ask } = await open();
  const timed = async (name: string) => {
    const start = performance.now();
    await refusal(ask('update', `login/${name}`, WRONG), 'bad_request');
    return performance.now() - start;
  };
  await timed('warm-up');
  const known = await timed('ann');
  const unknown = await timed('nobody');
  // Without the hash it would be less than a hundredth.
  assert.ok(unknown > known / 10, `${unknown} ms for nobody, ${known} ms for a user`);
});

for (const name of ['ann', 'nobody']) {
  test(`five wrong passwords lock a name for a quarter of an hour: ${name}`, async () => {
    const { ask, login, clock } = await open();
    const burst = Array.from({ length: 7 }, () => ask('update', `login/${name}`, WRONG));
    const outcomes = await Promise.allSettled(burst);
    const codes = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code);
    assert.equal(codes.filter((code) => code === 'bad_request').length, 5);
    assert.equal(codes.filter((code) => code === 'forbidden').length, 2);
    const locked = await refusal(login(name), 'forbidden');
    assert.equal(locked.message, 'permission denied');
    clock.advance(15 * 60_000);
    if (name === 'ann') await login(name);
    else await refusal(login(name), 'bad_request');
  });
}

test('a right password makes the wrong ones before it forgotten', async () => {
  const { ask, login } = await open();
  for (let round = 0; round < 3; round += 1) {
    for (let wrong = 0; wrong < 4; wrong += 1)
      await refusal(ask('update', 'login/ann', WRONG), 'bad_request');
    await login();
  }
});

test('a user who is bound to addresses logs in from there alone', async () => {
  const { login } = await open(new MemoryView(), { token_bound_cidrs: '10.0.0.0/8' });
  await refusal(login(), 'forbidden');
  assert.deepEqual((await login('ann', PASSWORD, '10.1.2.3')).boundCidrs, ['10.0.0.0/8']);
});

test('a renewal asks whether the user still stands, and with which policies', async () => {
  const { ask, login, engine } = await open();
  const renew = async (renewData: JsonObject | undefined) => engine.renewLogin?.(renewData ?? {});
  const { renewData } = await login();
  await ask('update', 'users/ann', { token_ttl: 90 });
  assert.deepEqual(await renew(renewData), { ttlSeconds: 90, maxTtlSeconds: 0, periodSeconds: 0 });
  await ask('update', 'users/ann', { token_policies: 'app,more' });
  assert.match((await refusal(renew(renewData), 'bad_request')).message, /policies have changed/);
  await ask('delete', 'users/ann');
  await refusal(renew(renewData), 'bad_request');
});

test('the storage holds no password, and a record of another kind is refused', async () => {
  const view = new MemoryView();
  const { login } = await open(view);
  const record = view.records.get('user/ann');
  assert.ok(record !== undefined);
  const text = Buffer.from(record).toString();
  assert.ok(!text.includes(PASSWORD) && text.includes('argon2id'));
  view.records.set('user/ann', Buffer.from(text.replace('"format":1', '"format":9')));
  await refusal(login(), 'storage_corrupt');
  view.records.set('user/ann', record.subarray(0, -1));
  await refusal(login(), 'storage_corrupt');
  view.records.set('user/ann', Buffer.from(text.replace('argon2id', 'md5')));
  await refusal(login(), 'storage_corrupt');
});

test('records of format 1 open for ever', async () => {
  const file = new URL('../../../test/vectors/auth/userpass-records-1.json', import.meta.url);
  const { password, records } = JSON.parse(readFileSync(file, 'utf8'));
  const view = new MemoryView();
  for (const [path, record] of Object.entries(records)) await view.put(path, utf8(JSON.stringify(record)));
  const { ask } = await openEngine(userpassEngine, view);
  const { login } = await ask('update', 'login/ann', { password });
  assert.deepEqual([login?.policies, login?.ttlSeconds, login?.boundCidrs], [['app'], 3600, ['127.0.0.0/8']]);
});
