// Auth methods, audit devices, and errors.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { asToken, at, type Cluster, expectMissing, note, refused, textAt, works } from './row.ts';

export async function approle({ active }: Cluster): Promise<void> {
  let role_id = '';
  let own = '';
  const login = async (secret_id: string): Promise<unknown> => {
    const auth = at(await asToken().approleLogin({ role_id, secret_id }), 'auth');
    note(textAt(auth, 'client_token'));
    return auth;
  };
  await works('auth.enable', async () => {
    await active.enableAuth({ mount_point: 'approle', type: 'approle' });
    const found: unknown = await active.auths();
    assert.deepEqual([at(found, 'approle/', 'type'), at(found, 'token/', 'type')], ['approle', 'token']);
  });
  await works('approle.role', async () => {
    const role = { policies: 'reader', token_ttl: 1_200, secret_id_num_uses: 3 };
    await active.addApproleRole({ role_name: 'app', ...role });
    role_id = textAt(await active.getApproleRoleId({ role_name: 'app' }), 'data', 'role_id');
  });
  await works('approle.secret-id', async () => {
    const data = at(
      await active.getApproleRoleSecret({ role_name: 'app', metadata: '{"host":"one"}' }),
      'data',
    );
    own = textAt(data, 'secret_id');
    note(own);
    textAt(data, 'secret_id_accessor');
  });
  await works('approle.login', async () => {
    const auth = await login(own);
    await asToken(textAt(auth, 'client_token')).read('kv2/data/one');
    assert.deepEqual([at(auth, 'lease_duration'), at(auth, 'policies')], [1_200, ['default', 'reader']]);
  });
  await refused('approle.wrong-secret-id', 400, 'invalid role or secret ID', () =>
    login('00000000-0000-0000-0000-000000000000'),
  );
  await refused('approle.destroyed-secret-id', 400, 'invalid role or secret ID', async () => {
    await active.approleSecretDestroy({ role_name: 'app', secret_id: own });
    await login(own);
  });
  await works('approle.list', async () => {
    assert.deepEqual(at(await active.approleRoles(), 'data', 'keys'), ['app']);
  });
}

export async function userpass({ active }: Cluster): Promise<void> {
  const [first, next] = ['first-Password-7', 'second-Password-8'];
  const login = async (password: string): Promise<unknown> => {
    const auth = at(await asToken().userpassLogin({ username: 'ann', password }), 'auth');
    note(textAt(auth, 'client_token'));
    return auth;
  };
  await works('userpass.user', async () => {
    note(first, next);
    await active.enableAuth({ mount_point: 'userpass', type: 'userpass' });
    await active.write('auth/userpass/users/ann', { password: first, token_policies: ['reader'] });
  });
  await works('userpass.login', async () => {
    const auth = await login(first);
    await asToken(textAt(auth, 'client_token')).read('kv2/data/one');
    assert.equal(at(auth, 'metadata', 'username'), 'ann');
  });
  await refused('userpass.wrong-password', 400, 'invalid username or password', () => login('no'));
  await works('userpass.new-password', async () => {
    await active.write('auth/userpass/users/ann/password', { password: next });
    await login(next);
  });
  await works('auth.disable', async () => {
    await active.disableAuth({ mount_point: 'userpass' });
    assert.equal(at(await active.auths(), 'userpass/'), undefined);
  });
}

export async function audit({ active, folder }: Cluster): Promise<void> {
  const enable = (name: string, file: string) =>
    active.enableAudit({ name, type: 'file', options: { file_path: join(folder, file) } });
  await works('audit.enable', async () => {
    await enable('rows', 'audit.log');
  });
  await works('audit.list', async () => {
    assert.equal(at(await active.audits(), 'rows/', 'type'), 'file');
  });
  await works('audit.hash', async () => {
    const answer: unknown = await active.write('sys/audit-hash/rows', { input: 'anything' });
    assert.match(textAt(answer, 'data', 'hash'), /^hmac-sha256:/);
  });
  await works('audit.disable', async () => {
    await enable('short-lived', 'other.log');
    await active.disableAudit({ name: 'short-lived' });
  });
}

export async function errors({ active }: Cluster): Promise<void> {
  await works('error.nil-secret', () => expectMissing(active.read('kv1/never')));
  await refused('error.unknown-token', 403, 'permission denied', () =>
    asToken('hvs.stranger').read('kv1/kept'),
  );
  await refused('error.no-token', 403, 'permission denied', () => asToken().read('kv1/kept'));
  await refused('error.no-route', 404, 'no handler for route', () =>
    active.write('nowhere/at/all', { a: '1' }),
  );
  await refused('error.unsupported', 405, '', () => active.delete('sys/seal-status'));
}
