// auth/token over a real server, with the members and words of Vault's API page.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Asker, authOf, tokenOf } from './asker.ts';
import { DevServer } from './dev-server.ts';

const HOUR = 3_600;
const APP = `path "auth/token/create" { capabilities = ["update"] }
  path "auth/token/create-orphan" { capabilities = ["update"] }
  path "auth/token/accessors" { capabilities = ["list"] }
  path "auth/token/accessors/" { capabilities = ["list"] }
  path "auth/token/revoke-orphan" { capabilities = ["update"] }`;

suite('auth/token', () => {
  let server: DevServer;
  let root: Asker;

  before(async () => {
    server = await DevServer.start();
    root = new Asker(server.address, server.token);
    await root.post('sys/policies/acl/app', { policy: APP });
  });
  after(() => server[Symbol.asyncDispose]());

  const create = async (body = {}, by = root) => tokenOf(await by.post('auth/token/create', body));

  test('a new token comes in `auth`, with the members of Vault', async () => {
    const made = await root.post('auth/token/create', { policies: ['app'], ttl: '1h', meta: { team: 'a' } });
    assert.equal(made.status, 200);
    const { client_token: token, accessor, ...auth } = authOf(made);
    assert.match(String(token), /^hvs\.[A-Za-z0-9]{24}$/);
    assert.match(String(accessor), /^[A-Za-z0-9]{24}$/);
    assert.deepEqual(auth, {
      policies: ['app', 'default'],
      token_policies: ['app', 'default'],
      metadata: { team: 'a' },
      lease_duration: HOUR,
      renewable: true,
      entity_id: '',
      token_type: 'service',
      orphan: false,
      mfa_requirement: null,
      num_uses: 0,
    });
    const { data, lease_id, renewable, lease_duration } = made.body;
    assert.deepEqual([data, lease_id, renewable, lease_duration], [null, '', false, 0]);
  });

  test('a policy that does not exist, and a word that nobody knows, are warned about', async () => {
    const { body } = await root.post('auth/token/create', { policies: ['nobody-wrote-it'], tll: '1h' });
    assert.deepEqual(body['warnings'], [
      'Endpoint ignored these unrecognized parameters: [tll]',
      'Policy "nobody-wrote-it" does not exist',
    ]);
  });

  test('a token looks at itself', async () => {
    const token = await create({ policies: ['app'], ttl: '1h', display_name: 'ci' });
    const { data, status } = await root.as(token).get('auth/token/lookup-self');
    assert.equal(status, 200);
    const { accessor: _, creation_time, expire_time, issue_time, ttl, ...rest } = data;
    assert.ok(Math.abs(Number(creation_time) * 1_000 - Date.now()) < 60_000);
    assert.equal(Date.parse(String(expire_time)) - Date.parse(String(issue_time)), HOUR * 1_000);
    assert.ok(Number(ttl) > HOUR - 60 && Number(ttl) <= HOUR);
    assert.deepEqual(rest, {
      creation_ttl: HOUR,
      display_name: 'token-ci',
      entity_id: '',
      explicit_max_ttl: 0,
      id: token,
      meta: null,
      num_uses: 0,
      orphan: false,
      path: 'auth/token/create',
      policies: ['app', 'default'],
      renewable: true,
      type: 'service',
    });
  });

  test('the root token looks at itself: no end, no lease', async () => {
    const { data } = await root.get('auth/token/lookup-self');
    const { accessor: _, creation_time: __, ...rest } = data;
    assert.deepEqual(rest, {
      creation_ttl: 0,
      display_name: 'root',
      entity_id: '',
      expire_time: null,
      explicit_max_ttl: 0,
      id: 'root',
      meta: null,
      num_uses: 0,
      orphan: true,
      path: 'auth/token/root',
      policies: ['root'],
      ttl: 0,
      type: 'service',
    });
  });

  test('a token is looked at, kept alive and ended by its accessor, which never shows the token', async () => {
    const made = await root.post('auth/token/create', { policies: ['app'], ttl: '1h' });
    const accessor = String(authOf(made)['accessor']);
    const looked = await root.post('auth/token/lookup-accessor', { accessor });
    assert.deepEqual([looked.data['id'], looked.data['accessor']], ['', accessor]);
    const renewed = authOf(await root.post('auth/token/renew-accessor', { accessor, increment: '2h' }));
    assert.deepEqual([renewed['client_token'], renewed['lease_duration']], ['', 2 * HOUR]);
    assert.equal((await root.post('auth/token/revoke-accessor', { accessor })).status, 204);
    const gone = await root.as(tokenOf(made)).get('auth/token/lookup-self');
    assert.deepEqual(
      [gone.status, gone.errors],
      [403, '2 errors occurred: * permission denied * invalid token'],
    );
    const again = await root.post('auth/token/revoke-accessor', { accessor });
    assert.deepEqual([again.status, again.body['warnings']], [200, ['No token found with this accessor']]);
    const unknown = await root.post('auth/token/lookup-accessor', { accessor });
    assert.deepEqual([unknown.status, unknown.errors], [400, 'invalid accessor']);
  });

  test('all accessors are listed to who has sudo', async () => {
    const { accessor } = authOf(await root.post('auth/token/create', { policies: ['app'] }));
    const { data } = await root.list('auth/token/accessors');
    assert.ok((data['keys'] as string[]).includes(String(accessor)));
    assert.equal(
      (await root.as(await create({ policies: ['app'] })).list('auth/token/accessors')).status,
      403,
    );
  });

  test('a token renews itself with POST and ends itself, and its children with it', async () => {
    const parent = root.as(await create({ policies: ['app', 'default'], ttl: '1h' }));
    const child = root.as(await create({}, parent));
    const { data, body } = await parent.post('auth/token/renew-self', { increment: 7_200 });
    assert.deepEqual(data, {});
    assert.equal((body['auth'] as { lease_duration: number }).lease_duration, 2 * HOUR);
    assert.equal((await parent.post('auth/token/revoke-self')).status, 204);
    for (const asker of [parent, child])
      assert.equal((await asker.get('auth/token/lookup-self')).status, 403);
  });

  test('without sudo no orphan by wish, but by a path that a policy may grant', async () => {
    const app = root.as(await create({ policies: ['app'] }));
    const refused = await app.post('auth/token/create', { no_parent: true });
    assert.equal(refused.status, 400);
    assert.match(refused.errors, /root or sudo privileges required to create orphan token/);
    const made = await app.post('auth/token/create-orphan');
    assert.deepEqual([made.status, authOf(made)['orphan']], [200, true]);
    await app.post('auth/token/revoke-self');
    assert.equal((await root.as(tokenOf(made)).get('auth/token/lookup-self')).status, 200);
  });

  test('the children of a token that is revoked alone live on', async () => {
    const parent = await create({ policies: ['app', 'default'] });
    const child = await create({}, root.as(parent));
    assert.equal((await root.as(parent).post('auth/token/revoke-orphan', { token: child })).status, 403);
    assert.equal((await root.post('auth/token/revoke-orphan', { token: parent })).status, 204);
    const { data } = await root.as(child).get('auth/token/lookup-self');
    assert.equal(data['orphan'], true);
    assert.equal((await root.as(parent).get('auth/token/lookup-self')).status, 403);
    assert.equal((await root.post('auth/token/revoke-orphan', { token: parent })).status, 400);
  });

  test("other tokens are looked at, renewed and revoked by text; unknown ones are told in Vault's words", async () => {
    const token = await create({ policies: ['app'], ttl: '1h' });
    assert.equal((await root.post('auth/token/lookup', { token })).data['id'], token);
    assert.equal(authOf(await root.post('auth/token/renew', { token }))['client_token'], token);
    assert.equal((await root.post('auth/token/revoke', { token })).status, 204);
    const looked = await root.post('auth/token/lookup', { token });
    assert.deepEqual([looked.status, looked.errors], [403, 'bad token']);
    const renewed = await root.post('auth/token/renew', { token });
    assert.deepEqual([renewed.status, renewed.errors], [400, 'token not found']);
    assert.equal((await root.post('auth/token/revoke', { token })).status, 204);
    for (const path of ['renew', 'revoke', 'revoke-orphan']) {
      assert.match((await root.post(`auth/token/${path}`)).errors, /missing token ID/);
    }
  });

  test('a batch token asks as any other, and has no accessor', async () => {
    await root.post('secret/data/shared', { data: { a: 'b' } });
    await root.post('sys/policies/acl/reader', {
      policy: 'path "secret/data/shared" { capabilities = ["read"] }',
    });
    const made = await root.post('auth/token/create', { type: 'batch', policies: ['reader'], ttl: '1h' });
    const { accessor, token_type, renewable } = authOf(made);
    assert.deepEqual([accessor, token_type, renewable], ['', 'batch', false]);
    const batch = root.as(tokenOf(made));
    assert.deepEqual((await batch.get('secret/data/shared')).data['data'], { a: 'b' });
    assert.equal((await batch.get('secret/data/other')).status, 403);
    assert.equal((await batch.get('auth/token/lookup-self')).data['type'], 'batch');
  });

  test('a role is written, shown, changed in part, listed, used and deleted', async () => {
    const write = await root.post('auth/token/roles/ci', {
      allowed_policies: 'app, reader',
      orphan: true,
      token_period: '1h',
      token_bound_cidrs: ['127.0.0.1'],
    });
    assert.equal(write.status, 204);
    await root.post('auth/token/roles/ci', { path_suffix: 'v2' });
    assert.deepEqual((await root.get('auth/token/roles/ci')).data, {
      allowed_entity_aliases: null,
      allowed_policies: ['app', 'reader'],
      allowed_policies_glob: [],
      disallowed_policies: [],
      disallowed_policies_glob: [],
      explicit_max_ttl: 0,
      name: 'ci',
      orphan: true,
      path_suffix: 'v2',
      period: 0,
      renewable: true,
      token_bound_cidrs: ['127.0.0.1/32'],
      token_explicit_max_ttl: 0,
      token_no_default_policy: false,
      token_period: HOUR,
      token_type: 'default-service',
    });
    assert.deepEqual((await root.list('auth/token/roles')).data['keys'], ['ci']);
    const made = authOf(await root.post('auth/token/create/ci'));
    assert.deepEqual(
      [made['policies'], made['orphan'], made['lease_duration']],
      [['app', 'default', 'reader'], true, HOUR],
    );
    assert.equal((await root.delete('auth/token/roles/ci')).status, 204);
    assert.equal((await root.get('auth/token/roles/ci')).status, 404);
    assert.match((await root.post('auth/token/create/ci')).errors, /unknown role ci/);
  });

  test('a role that contradicts itself is refused, and what was there stays', async () => {
    await root.post('auth/token/roles/odd', { orphan: true, renewable: false });
    assert.equal((await root.post('auth/token/roles/odd', { token_type: 'batch' })).status, 204);
    const refused = await root.post('auth/token/roles/odd', { token_period: '1h' });
    assert.equal(refused.status, 400);
    assert.match(
      refused.errors,
      /'token_type' cannot be 'batch' when role is set to generate periodic tokens/,
    );
    assert.equal((await root.get('auth/token/roles/odd')).data['token_period'], 0);
    for (const [name, value] of [
      ['token_type', 'other'],
      ['path_suffix', '../up'],
      ['path_suffix', `${'a'.repeat(200)}!`],
      ['token_bound_cidrs', 'nowhere'],
      ['token_num_uses', -1],
    ] as const) {
      assert.equal((await root.post('auth/token/roles/odd', { [name]: value })).status, 400, name);
    }
  });

  test('tidying answers at once, by 202', async () => {
    const { status, body } = await root.post('auth/token/tidy');
    assert.equal(status, 202);
    assert.match(String(body['warnings']), /Tidy operation/);
  });
});
