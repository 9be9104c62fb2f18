// approle over a real server: a machine that gets its secret id wrapped, logs in, renews, and is thrown out.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

suite('approle', () => {
  let server: DevServer;
  let roleId = '';

  before(async () => {
    server = await DevServer.start();
    await server.client.write('sys/auth/approle', { type: 'approle' });
    await server.client.write('auth/approle/role/app', { token_policies: 'app', token_ttl: '10m' });
    roleId = String((await server.client.read('auth/approle/role/app/role-id'))?.data?.['role_id']);
    noteSecrets([roleId]);
  });

  after(async () => server[Symbol.asyncDispose]());

  async function call(
    method: string,
    path: string,
    body: JsonObject = {},
    headers: Record<string, string> = {},
  ) {
    const hasBody = method !== 'GET' && method !== 'LIST';
    const sent = hasBody ? { body: JSON.stringify(body) } : {};
    const answer = await fetch(`${server.address}/v1/${path}`, { method, headers, ...sent });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  }

  const as = (token: string) => ({ 'X-Vault-Token': token });

  async function secretId(input: JsonObject = {}): Promise<string> {
    const made = await call('POST', 'auth/approle/role/app/secret-id', input, as('root'));
    noteSecrets([made.body.data.secret_id]);
    return made.body.data.secret_id;
  }

  async function login(secret: string) {
    const answer = await call('POST', 'auth/approle/login', { role_id: roleId, secret_id: secret });
    if (answer.status === 200) noteSecrets([answer.body.auth.client_token]);
    return answer;
  }

  test('a secret id comes wrapped, and leads to a token', async () => {
    const headers = { ...as('root'), 'X-Vault-Wrap-TTL': '60' };
    const wrapped = await call('POST', 'auth/approle/role/app/secret-id', {}, headers);
    assert.equal(wrapped.body.data, null);
    const token = wrapped.body.wrap_info.token;
    noteSecrets([token]);
    const inside = await call('POST', 'sys/wrapping/unwrap', {}, as(token));
    const secret = inside.body.data.secret_id;
    noteSecrets([secret]);
    const { status, body } = await login(secret);
    assert.equal(status, 200);
    assert.deepEqual(body.auth.metadata, { role_name: 'app' });
    assert.deepEqual([body.auth.policies, body.auth.lease_duration], [['app', 'default'], 600]);
    const self = await call('GET', 'auth/token/lookup-self', {}, as(body.auth.client_token));
    assert.deepEqual([self.body.data.display_name, self.body.data.path], ['approle', 'auth/approle/login']);
    assert.equal((await call('POST', 'sys/wrapping/unwrap', {}, as(token))).status, 400);
  });

  test('what is wrong is refused in the words of Vault', async () => {
    assert.deepEqual(await login('wrong'), { status: 400, body: { errors: ['invalid role or secret ID'] } });
    const none = await call('POST', 'auth/approle/role/none/secret-id', {}, as('root'));
    assert.deepEqual(none, { status: 404, body: { errors: ['role "none" does not exist'] } });
    assert.equal((await call('POST', 'auth/approle/role/app/secret-id')).status, 403);
  });

  test('of many machines with one last use, one gets in', async () => {
    const secret = await secretId({ num_uses: 1 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => login(secret)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  });

  test('a token is renewed while its role stands', async () => {
    const token = (await login(await secretId())).body.auth.client_token;
    const renew = () => call('POST', 'auth/token/renew-self', {}, as(token));
    await server.client.write('auth/approle/role/app/token-ttl', { token_ttl: '5m' });
    assert.equal((await renew()).body.auth.lease_duration, 300);
    await server.client.delete('auth/approle/role/app');
    const refused = await renew();
    assert.equal(refused.status, 400);
    assert.match(refused.body.errors[0], /role "app" does not exist during renewal/);
  });
});
