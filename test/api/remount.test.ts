// sys/remount over a real server: data move with their mount, what was given out at the old path ends.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { DevServer } from './dev-server.ts';

const PASSWORD = 'okapi-8151-password';

suite('sys/remount', () => {
  let server: DevServer;

  before(async () => {
    noteSecrets([PASSWORD]);
    server = await DevServer.start();
    await server.client.write('sys/mounts/from', { type: 'kv', options: { version: '2' } });
    await server.client.write('from/data/a/b', { data: { x: 'y' } });
    await server.client.write('sys/auth/old', { type: 'userpass', description: 'kept' });
    await server.client.write('auth/old/users/ann', { password: PASSWORD });
  });

  after(async () => server[Symbol.asyncDispose]());

  const call: DevServer['call'] = (...asked) => server.call(...asked);

  async function move(from: string, to: string): Promise<JsonObject> {
    const { status, body } = await call('POST', 'sys/remount', { from, to });
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(body.warnings[0], /^Mount move has been queued\./);
    assert.equal(body.migration_id, body.data.migration_id);
    const { value } = await until('the move to end', async () => {
      const { data } = (await call('GET', `sys/remount/status/${body.data.migration_id}`)).body;
      return data.migration_info.status === 'in-progress' ? undefined : data;
    });
    assert.equal(value.migration_id, body.data.migration_id);
    return value.migration_info;
  }

  async function refused(from: string, to: string): Promise<string> {
    const { status, body } = await call('POST', 'sys/remount', { from, to });
    assert.equal(status, 400, JSON.stringify(body));
    return body.errors[0];
  }

  test('a secrets engine moves with its data, its uuid and its accessor', async () => {
    const before = (await call('GET', 'sys/mounts/from')).body.data;
    const info = await move('from', 'to/deep/');
    assert.deepEqual(info, { source_mount: 'from/', target_mount: 'to/deep/', status: 'success' });
    assert.deepEqual((await call('GET', 'to/deep/data/a/b')).body.data.data, { x: 'y' });
    assert.equal((await call('GET', 'from/data/a/b')).status, 404);
    assert.deepEqual((await call('GET', 'sys/mounts/to/deep')).body.data, before);
  });

  test('an auth method moves with its users; tokens of the old path end', async () => {
    const login = async (path: string) => call('POST', `${path}/login/ann`, { password: PASSWORD }, '');
    const { client_token: token } = (await login('auth/old')).body.auth;
    noteSecrets([token]);
    assert.equal((await move('auth/old', 'auth/new'))['status'], 'success');
    assert.equal((await call('GET', 'auth/token/lookup-self', undefined, token)).status, 403);
    const { auth } = (await login('auth/new')).body;
    noteSecrets([auth.client_token]);
    const self = await call('GET', 'auth/token/lookup-self', undefined, auth.client_token);
    assert.equal(self.body.data.path, 'auth/new/login/ann');
    assert.equal((await login('auth/old')).status, 403);
    assert.equal((await call('GET', 'sys/auth/new')).body.data.description, 'kept');
  });

  test('what cannot move stays, in the words of Vault', async () => {
    assert.equal(
      await refused('auth/new', 'elsewhere'),
      'cannot remount auth mount to non-auth mount "elsewhere/"',
    );
    assert.equal(await refused('sys', 'other'), 'cannot remount "sys/"');
    assert.equal(await refused('auth/token', 'auth/x'), 'cannot remount "auth/token/"');
    assert.equal(await refused('cubbyhole', 'x'), 'cannot remount "cubbyhole/"');
    assert.equal(await refused('secret', 'sys/x'), 'cannot remount to destination sys/x/');
    assert.equal(await refused('secret', 'auth/x'), 'cannot remount to destination auth/x/');
    assert.equal(await refused('auth/new', 'auth/token/x'), 'cannot remount to destination "auth/token/x/"');
    assert.equal(await refused('none', 'x'), 'no matching mount at "none/"');
    assert.equal(await refused('secret', 'to'), 'path already in use at "to/deep/"');
    assert.equal(await refused('secret', 'secret/below'), 'path already in use at "secret/"');
    assert.match(await refused('', 'x'), /^both 'from' and 'to' path must be specified/);
    assert.match(await refused('secret ', 'x'), /^'from' path cannot contain trailing whitespace/);
    assert.match(await refused('secret', 'a b'), /^a mount path is/);
    assert.equal((await call('GET', 'secret/data/none')).status, 404);
    assert.equal((await call('GET', 'sys/remount/status/none')).status, 404);
  });
});
