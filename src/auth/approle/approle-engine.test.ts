import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../../../demo/conditions.ts';
import { utf8 } from '../../base/bytes.ts';
import type { JsonObject } from '../../base/json.ts';
import { engineContract, MemoryView, openEngine, refusal } from '../../engine/engine.contract.ts';
import type { LoginGrant } from '../../engine/engine.ts';
import { approleEngine } from './approle-engine.ts';

engineContract('approle', async () => (await openEngine(approleEngine, new MemoryView())).engine);

async function open(role: JsonObject = {}, view = new MemoryView()) {
  const bench = await openEngine(approleEngine, view);
  const { ask } = bench;
  await ask('update', 'role/app', { token_policies: 'app', ...role });
  const dataOf = async (...asked: Parameters<typeof ask>): Promise<JsonObject> => {
    const { data } = await ask(...asked);
    assert.ok(typeof data === 'object' && data !== null && !Array.isArray(data), String(asked[1]));
    return data;
  };
  const roleId = String((await dataOf('read', 'role/app/role-id'))['role_id']);
  const secretId = (input: JsonObject = {}) => dataOf('update', 'role/app/secret-id', input);
  const login = async (secret: unknown, from?: string): Promise<LoginGrant> => {
    const input = { role_id: roleId, ...(secret === undefined ? {} : { secret_id: String(secret) }) };
    const { login: grant } = await ask('update', 'login', input, from);
    assert.ok(grant !== undefined);
    return grant;
  };
  const words = async (path: string, input: JsonObject = {}) =>
    (await refusal(ask('update', path, input), 'bad_request')).message;
  return { ...bench, view, dataOf, roleId, secretId, login, words };
}

test('a role is shown as Vault shows it, listed, changed and removed', async () => {
  const { ask, dataOf } = await open({
    policies: 'a',
    token_policies: [],
    secret_id_ttl: '10m',
    period: '1h',
  });
  assert.deepEqual(await dataOf('read', 'role/APP'), {
    bind_secret_id: true,
    local_secret_ids: false,
    period: 3600,
    secret_id_bound_cidrs: null,
    secret_id_num_uses: 0,
    secret_id_ttl: 600,
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 0,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 3600,
    token_policies: [],
    token_strictly_bind_ip: false,
    token_ttl: 0,
    token_type: 'default',
  });
  assert.deepEqual(await dataOf('list', 'role'), { keys: ['app'] });
  const { warnings } = await ask('update', 'role/app', { token_type: 'default-service', token_period: 0 });
  assert.deepEqual(warnings, ['default-service has no useful meaning; adjusting to service']);
  const changed = await dataOf('read', 'role/app');
  assert.deepEqual([changed['token_type'], changed['secret_id_ttl']], ['service', 600]);
  await ask('delete', 'role/app');
  await refusal(ask('read', 'role/app'), 'not_found');
});

test('what a role cannot be is refused, and nothing is written', async () => {
  const view = new MemoryView();
  const { ask } = await openEngine(approleEngine, view);
  const words = async (path: string, input: JsonObject) =>
    (await refusal(ask('update', path, input), 'bad_request')).message;
  const path = 'role/app';
  assert.match(await words(path, { bind_secret_id: false }), /at least one constraint/);
  assert.equal(await words(path, { secret_id_num_uses: -1 }), 'secret_id_num_uses cannot be negative');
  assert.match(await words(path, { role_id: '' }), /invalid role_id/);
  assert.match(await words(path, { secret_id_bound_cidrs: 'x' }), /CIDR/);
  assert.match(await words('role/a*', {}), /a role name is made of/);
  assert.deepEqual([...view.records.keys()], []);
  await ask('update', path, { role_id: 'mine' });
  assert.equal(await words('role/other', { role_id: 'mine' }), 'role_id already in use');
  assert.match(await words(path, { local_secret_ids: true }), /only be modified during role creation/);
});

test('each member of a role has a path of its own', async () => {
  const { ask, dataOf, words } = await open();
  const members: readonly [string, JsonObject, JsonObject][] = [
    ['policies', { token_policies: ['x', 'y'] }, { token_policies: [] }],
    ['secret-id-num-uses', { secret_id_num_uses: 5 }, { secret_id_num_uses: 0 }],
    ['secret-id-ttl', { secret_id_ttl: 60 }, { secret_id_ttl: 0 }],
    ['secret-id-bound-cidrs', { secret_id_bound_cidrs: ['10.0.0.0/8'] }, { secret_id_bound_cidrs: null }],
    ['bound-cidr-list', { bound_cidr_list: ['10.0.0.0/8'] }, { bound_cidr_list: null }],
    ['token-bound-cidrs', { token_bound_cidrs: ['10.0.0.0/8'] }, { token_bound_cidrs: null }],
    ['token-num-uses', { token_num_uses: 5 }, { token_num_uses: 0 }],
    ['token-ttl', { token_ttl: 60 }, { token_ttl: 0 }],
    ['token-max-ttl', { token_max_ttl: 60 }, { token_max_ttl: 0 }],
    ['period', { token_period: 60 }, { token_period: 0 }],
  ];
  for (const [path, value, initial] of members) {
    await ask('update', `role/app/${path}`, value);
    assert.deepEqual(await dataOf('read', `role/app/${path}`), value);
    const [field = ''] = Object.keys(value);
    assert.equal(await words(`role/app/${path}`), `missing ${path === 'period' ? path : field}`);
    await ask('delete', `role/app/${path}`);
    assert.deepEqual(await dataOf('read', `role/app/${path}`), initial);
    await refusal(ask('update', `role/none/${path}`, value), 'unsupported_path');
    await refusal(ask('read', `role/none/${path}`), 'not_found');
  }
  await ask('update', 'role/app/token-bound-cidrs', { token_bound_cidrs: '10.0.0.0/8' });
  await ask('update', 'role/app/bind-secret-id', { bind_secret_id: false });
  await ask('delete', 'role/app/bind-secret-id');
  assert.deepEqual(await dataOf('read', 'role/app/bind-secret-id'), { bind_secret_id: true });
  assert.deepEqual(await dataOf('read', 'role/app/local-secret-ids'), { local_secret_ids: false });
});

test('a login needs both halves, and every wrong one is refused in the same words', async () => {
  const { ask, login, roleId, secretId, words } = await open({ token_ttl: 60 });
  const made = await secretId({ metadata: '{"team":"a","role_name":"root"}' });
  assert.deepEqual(Object.keys(made).sort(), [
    'secret_id',
    'secret_id_accessor',
    'secret_id_num_uses',
    'secret_id_ttl',
  ]);
  const grant = await login(made['secret_id']);
  assert.deepEqual(grant.metadata, { team: 'a', role_name: 'app' });
  assert.deepEqual([grant.policies, grant.ttlSeconds, grant.displayName], [['app'], 60, '']);
  const invalid = 'invalid role or secret ID';
  assert.equal(await words('login', { role_id: 'x', secret_id: String(made['secret_id']) }), invalid);
  assert.equal(await words('login', { role_id: roleId, secret_id: 'x' }), invalid);
  const accessor = String(made['secret_id_accessor']);
  assert.equal(await words('login', { role_id: roleId, secret_id: accessor }), invalid);
  assert.equal(await words('login', { secret_id: 'x' }), 'missing role_id');
  assert.equal(await words('login', { role_id: roleId }), 'missing secret_id');
  await ask('update', 'role/other', {});
  const other = (await ask('read', 'role/other/role-id')).data as JsonObject;
  const stolen = { role_id: String(other['role_id']), secret_id: String(made['secret_id']) };
  assert.equal(await words('login', stolen), invalid, 'a secret id is good for its own role alone');
});

test('of logins that race for the last uses exactly as many win', async () => {
  const { login, secretId, dataOf } = await open({ secret_id_num_uses: 3 });
  const { secret_id: secret } = await secretId();
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => login(secret)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
  assert.deepEqual((await dataOf('list', 'role/app/secret-id'))['keys'], []);
});

test('a use is not given back by a crash: it is written before the login is answered', async () => {
  const { login, secretId, view } = await open({ secret_id_num_uses: 1 });
  const { secret_id: secret } = await secretId();
  view.beforeWrite = () => {
    throw new Error('killed');
  };
  await assert.rejects(login(secret), /killed/);
  view.beforeWrite = () => {};
  await login(secret);
  await refusal(login(secret), 'bad_request');
});

test('a secret id ends in its time, and tidying takes it away', async () => {
  const { ask, login, secretId, clock, view } = await open({ secret_id_ttl: '1m' });
  const { secret_id: secret } = await secretId({ ttl: 30 });
  await login(secret);
  const { secret_id: longer } = await secretId();
  clock.advance(30_000);
  await refusal(login(secret), 'bad_request');
  await login(longer);
  const stored = () => [...view.records.keys()].filter((key) => /^(secret|accessor)\//.test(key)).length;
  assert.equal(stored(), 4);
  assert.equal((await ask('update', 'tidy/secret-id')).outcome, 'accepted');
  await until('the old secret id to go', async () => stored() === 2 || undefined);
  await login(longer);
});

test("the mount's longest lease caps secret ids, and a period of the old name is refused", async () => {
  const { ask, secretId, words } = await open({ secret_id_ttl: '10000h' });
  assert.equal((await secretId())['secret_id_ttl'], 2_764_800);
  assert.equal(
    await words('role/app/period', { period: '1000h' }),
    `period of "1000h0m0s" is greater than the backend's maximum lease TTL of "768h0m0s"`,
  );
  const { warnings } = await ask('update', 'role/app', { token_max_ttl: '1000h' });
  assert.match(String(warnings?.[0]), /^token_max_ttl is greater than the backend mount's maximum TTL value/);
});

test('a secret id reaches no further than its role', async () => {
  const { words, secretId } = await open({
    secret_id_num_uses: 5,
    secret_id_ttl: 60,
    secret_id_bound_cidrs: '10.0.0.0/8',
    token_bound_cidrs: '10.0.0.0/8',
  });
  const path = 'role/app/secret-id';
  for (const num_uses of [0, 6]) {
    assert.match(await words(path, { num_uses }), /num_uses cannot be higher than the role's/);
  }
  for (const ttl of [0, 61]) assert.match(await words(path, { ttl }), /ttl cannot be longer than the role's/);
  assert.match(await words(path, { cidr_list: '11.0.0.0/8' }), /failed to verify subset relationship/);
  assert.match(await words(path, { token_bound_cidrs: '0.0.0.0/0' }), /failed to verify subset relationship/);
  assert.match(await words(path, { metadata: 'nonsense' }), /failed to parse metadata/);
  assert.match(await words(path, { metadata: { a: 1 } }), /failed to parse metadata/);
  const made = await secretId({ num_uses: 1, ttl: 1, cidr_list: '10.1.0.0/16', metadata: 'a=b,c=d' });
  assert.deepEqual([made['secret_id_num_uses'], made['secret_id_ttl']], [1, 1]);
});

test('addresses: of the role, of the secret id; a login from elsewhere takes no use', async () => {
  const { login, secretId, ask } = await open({ secret_id_bound_cidrs: '10.0.0.0/8', secret_id_num_uses: 1 });
  const { secret_id: secret } = await secretId({ cidr_list: '10.1.0.0/16', token_bound_cidrs: '10.1.2.3' });
  assert.match((await refusal(login(secret), 'bad_request')).message, /restrictions on the role/);
  const elsewhere = await refusal(login(secret, '10.2.0.1'), 'bad_request');
  assert.match(elsewhere.message, /source address "10.2.0.1" unauthorized through CIDR restrictions/);
  assert.deepEqual((await login(secret, '10.1.0.1')).boundCidrs, ['10.1.2.3/32']);
  const { secret_id: wider } = await secretId({ cidr_list: '10.0.0.0/8' });
  await ask('update', 'role/app', { secret_id_bound_cidrs: '10.1.0.0/16' });
  assert.match((await refusal(login(wider, '10.1.0.1'), 'bad_request')).message, /subset relationship/);
});

test('without bind_secret_id the address is all there is', async () => {
  const { login, words } = await open({ bind_secret_id: false, secret_id_bound_cidrs: '10.0.0.0/8' });
  assert.equal((await login(undefined, '10.0.0.1')).metadata['role_name'], 'app');
  await refusal(login(undefined), 'bad_request');
  assert.equal(await words('role/app/secret-id'), 'bind_secret_id is not set on the role');
});

test('a secret id can be chosen once, looked up and destroyed, by itself and by its accessor', async () => {
  const { ask, dataOf, login, words } = await open();
  const custom = { secret_id: 'chosen', metadata: { a: 'b' } };
  const made = await dataOf('update', 'role/app/custom-secret-id', custom);
  assert.equal(await words('role/app/custom-secret-id', custom), 'SecretID is already registered');
  const accessor = { secret_id_accessor: String(made['secret_id_accessor']) };
  const { creation_time, last_updated_time, ...rest } = await dataOf(
    'update',
    'role/app/secret-id/lookup',
    custom,
  );
  assert.deepEqual([creation_time, last_updated_time], ['2026-01-01T00:00:00.000Z', creation_time]);
  assert.deepEqual(rest, {
    cidr_list: [],
    expiration_time: '0001-01-01T00:00:00Z',
    metadata: { a: 'b' },
    secret_id_accessor: accessor.secret_id_accessor,
    secret_id_num_uses: 0,
    secret_id_ttl: 0,
    token_bound_cidrs: [],
  });
  assert.deepEqual(
    (await dataOf('update', 'role/app/secret-id-accessor/lookup', accessor))['metadata'],
    rest['metadata'],
  );
  await login('chosen');
  await ask('update', 'role/app/secret-id-accessor/destroy', accessor);
  await refusal(login('chosen'), 'bad_request');
  const gone = await refusal(ask('update', 'role/app/secret-id-accessor/lookup', accessor), 'no_route');
  assert.match(gone.message, /failed to find accessor entry for secret_id_accessor/);
  assert.deepEqual(await ask('update', 'role/app/secret-id/lookup', custom), {});
  await dataOf('update', 'role/app/custom-secret-id', custom);
  await ask('update', 'role/app/secret-id/destroy', custom);
  await refusal(login('chosen'), 'bad_request');
});

test('a role that is made anew knows neither the secret ids nor the logins of the old one', async () => {
  const { ask, login, engine, view } = await open({ role_id: 'fixed' });
  await ask('update', 'role/app/custom-secret-id', { secret_id: 'old' });
  const { renewData } = await login('old');
  assert.ok(renewData !== undefined);
  const renew = async () => engine.renewLogin?.(renewData);
  await ask('update', 'role/app', { token_ttl: 77 });
  assert.equal((await renew())?.ttlSeconds, 77);
  await ask('delete', 'role/app');
  const left = [...view.records.keys()].filter((key) => key !== 'salt');
  assert.deepEqual(left, []);
  await ask('update', 'role/app', { role_id: 'fixed' });
  await refusal(login('old'), 'bad_request');
  assert.match((await refusal(renew(), 'bad_request')).message, /does not exist during renewal/);
});

test('a role id that changes leaves the old one without use', async () => {
  const { ask, login, secretId, words, roleId } = await open();
  const { secret_id: secret } = await secretId();
  await ask('update', 'role/app/role-id', { role_id: 'new-one' });
  await refusal(login(secret), 'bad_request');
  const { login: grant } = await ask('update', 'login', { role_id: 'new-one', secret_id: String(secret) });
  assert.equal(grant?.metadata['role_name'], 'app');
  assert.equal(await words('login', { role_id: roleId, secret_id: 'x' }), 'invalid role or secret ID');
});

test('neither role ids nor secret ids nor accessors can be read in names; secret ids in nothing', async () => {
  const { view, roleId, secretId } = await open();
  const made = await secretId();
  const names = [...view.records.keys()].join('\n');
  const values = [...view.records.values()].map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
  for (const text of [roleId, made['secret_id'], made['secret_id_accessor']]) {
    assert.ok(!names.includes(String(text)));
  }
  assert.ok(!values.includes(String(made['secret_id'])));
});

test('tidying takes what a kill left of a role, and nothing of one that stands', async () => {
  const { ask, secretId, view, login } = await open();
  await ask('update', 'role/dead', {});
  await ask('update', 'role/dead/secret-id');
  view.records.delete('role/dead');
  const { secret_id: secret } = await secretId();
  await ask('update', 'tidy/secret-id');
  const left = () => [...view.records.keys()].filter((key) => /^(secret|accessor)\//.test(key)).length;
  await until('what is left of the role to go', async () => left() === 2 || undefined);
  await login(secret);
});

test('what is stored and cannot be read lets nobody in', async () => {
  const { view, login, secretId } = await open({ secret_id_num_uses: 0 });
  const { secret_id: secret } = await secretId({ metadata: { a: 'b' } });
  for (const [path, bytes] of new Map(view.records)) {
    // Not asked at a login; and parameters of tokens that are not there have their initial values.
    if (path.startsWith('accessor/')) continue;
    if (path === 'salt') {
      view.records.set(path, new Uint8Array(5));
      await using next = await openEngine(approleEngine, view);
      await refusal(next.ask('update', 'login', { role_id: 'x', secret_id: 'x' }), 'storage_corrupt');
    } else {
      const members = JSON.parse(Buffer.from(bytes).toString()) as JsonObject;
      for (const name of Object.keys(members).filter((member) => member !== 'token')) {
        view.records.set(path, Buffer.from(JSON.stringify({ ...members, [name]: { foreign: 1 } })));
        await refusal(login(secret), 'storage_corrupt');
      }
      view.records.set(path, bytes.subarray(0, -1));
      await refusal(login(secret), 'storage_corrupt');
    }
    view.records.set(path, bytes);
  }
  await login(secret);
});

test('records of format 1 open for ever', async () => {
  const file = new URL('../../../test/vectors/auth/approle-records-1.json', import.meta.url);
  const { accessor, records } = JSON.parse(readFileSync(file, 'utf8'));
  const view = new MemoryView();
  for (const [path, record] of Object.entries(records)) {
    const bytes = typeof record === 'string' ? Buffer.from(record, 'base64') : utf8(JSON.stringify(record));
    await view.put(path, bytes);
  }
  const { ask } = await openEngine(approleEngine, view);
  const given = { role_id: 'golden-role-id', secret_id: 'golden-secret-id' };
  const { login } = await ask('update', 'login', given);
  assert.deepEqual(login?.metadata, { team: 'a', role_name: 'app' });
  const lookup = { secret_id_accessor: accessor };
  const { data } = await ask('update', 'role/app/secret-id-accessor/lookup', lookup);
  assert.equal((data as JsonObject)['secret_id_num_uses'], 4);
});
