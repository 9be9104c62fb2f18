// userpass over a real server: what a login is worth, and what ends it.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

const PASSWORD = 'opossum-7391-password';

suite('userpass', () => {
  let server: DevServer;

  before(async () => {
    noteSecrets([PASSWORD]);
    server = await DevServer.start();
    await server.client.write('sys/auth/userpass', { type: 'userpass' });
    await server.client.write('sys/policies/acl/reader', {
      policy:
        'path "secret/data/{{token.metadata.username}}/*" { capabilities = ["create", "update", "read"] }',
    });
  });

  after(async () => server[Symbol.asyncDispose]());

  const call: DevServer['call'] = (...asked) => server.call(...asked);

  async function login(name: string, password = PASSWORD) {
    const answer = await call('POST', `auth/userpass/login/${name}`, { password }, '');
    if (answer.status === 200) noteSecrets([answer.body.auth.client_token]);
    return answer;
  }

  test('a login without a token gives one, with the members of Vault', async () => {
    await server.client.write('auth/userpass/users/ann', { password: PASSWORD, token_policies: 'reader' });
    const { status, body } = await login('ann');
    assert.equal(status, 200);
    const { client_token: token, accessor, ...auth } = body.auth;
    assert.match(token, /^hvs\./);
    assert.ok(accessor.length > 10);
    assert.deepEqual(auth, {
      policies: ['default', 'reader'],
      token_policies: ['default', 'reader'],
      metadata: { username: 'ann' },
      lease_duration: 2_764_800,
      renewable: true,
      entity_id: '',
      token_type: 'service',
      orphan: true,
      mfa_requirement: null,
      num_uses: 0,
    });
    const self = await call('GET', 'auth/token/lookup-self', undefined, token);
    assert.equal(self.body.data.display_name, 'userpass-ann');
    assert.equal(self.body.data.path, 'auth/userpass/login/ann');
    const put = (path: string) => call('POST', `secret/data/${path}`, { data: { a: 'b' } }, token);
    assert.equal((await put('ann/x')).status, 200);
    assert.equal((await put('bob/x')).status, 403);
  });

  test('a refused login has the text of Vault, and a user who must be made by a token is not', async () => {
    const wrong = await login('ann', 'wrong');
    assert.deepEqual(wrong, { status: 400, body: { errors: ['invalid username or password'] } });
    assert.deepEqual((await login('nobody')).body, wrong.body);
    assert.equal((await call('POST', 'auth/userpass/users/eve', { password: 'x' }, '')).status, 403);
    assert.equal((await call('GET', 'auth/userpass/users/eve')).status, 404);
    assert.deepEqual((await call('LIST', 'auth/userpass/users')).body.data, { keys: ['ann'] });
  });

  test('a renewal goes by the user as it is now', async () => {
    await server.client.write('auth/userpass/users/ren', { password: PASSWORD, token_ttl: '1h' });
    const token = (await login('ren')).body.auth.client_token;
    const renew = () => call('POST', 'auth/token/renew-self', {}, token);
    assert.equal((await renew()).body.auth.lease_duration, 3_600);
    await server.client.write('auth/userpass/users/ren', { token_policies: 'reader' });
    assert.deepEqual(await renew(), {
      status: 400,
      body: { errors: ['policies have changed, not renewing'] },
    });
  });

  test('the mount says what kind of tokens it gives, and how long they live', async () => {
    await server.client.write('sys/auth/batchy', {
      type: 'userpass',
      config: { token_type: 'batch', default_lease_ttl: '10m', max_lease_ttl: '20m' },
    });
    await server.client.write('auth/batchy/users/ann', { password: PASSWORD });
    const { auth } = (await call('POST', 'auth/batchy/login/ann', { password: PASSWORD }, '')).body;
    noteSecrets([auth.client_token]);
    assert.match(auth.client_token, /^hvb\./);
    assert.deepEqual([auth.token_type, auth.lease_duration, auth.renewable], ['batch', 600, false]);
  });

  test('disabling the method ends its tokens', async () => {
    await server.client.write('sys/auth/gone', { type: 'userpass' });
    await server.client.write('auth/gone/users/ann', { password: PASSWORD });
    const { auth } = (await call('POST', 'auth/gone/login/ann', { password: PASSWORD }, '')).body;
    noteSecrets([auth.client_token]);
    const self = () => call('GET', 'auth/token/lookup-self', undefined, auth.client_token);
    assert.equal((await self()).status, 200);
    await server.client.delete('sys/auth/gone');
    assert.equal((await self()).status, 403);
    const again = await call('POST', 'auth/gone/login/ann', { password: PASSWORD }, '');
    assert.equal(again.status, 403, 'nothing answers there, and that is told to callers with a token alone');
  });

  test('a login can be wrapped', async () => {
    const answer = await fetch(`${server.address}/v1/auth/userpass/login/ann`, {
      method: 'POST',
      headers: { 'X-Vault-Wrap-TTL': '60s' },
      body: JSON.stringify({ password: PASSWORD }),
    });
    const wrapped = JSON.parse(await answer.text());
    assert.equal(wrapped.auth, null);
    noteSecrets([wrapped.wrap_info.token]);
    const { body } = await call('POST', 'sys/wrapping/unwrap', {}, wrapped.wrap_info.token);
    noteSecrets([body.auth.client_token]);
    assert.equal(body.auth.metadata.username, 'ann');
    assert.equal(body.auth.accessor, wrapped.wrap_info.wrapped_accessor);
  });
});
