// sys/leases over a real server. What ends here are tokens: their leases are listed, shown and revoked as any other.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Asker, tokenOf } from './asker.ts';
import { DevServer } from './dev-server.ts';

suite('sys/leases', () => {
  let server: DevServer;
  let root: Asker;
  let app: Asker;

  before(async () => {
    server = await DevServer.start();
    root = new Asker(server.address, server.token);
    await root.post('sys/policies/acl/app', {
      policy: `path "sys/leases*" { capabilities = ["update", "list", "read"] }
        path "auth/token/create" { capabilities = ["update"] }`,
    });
    await root.post('auth/token/roles/mine', { orphan: true, allowed_policies: 'default' });
    app = root.as(tokenOf(await root.post('auth/token/create', { policies: ['app'] })));
  });
  after(() => server[Symbol.asyncDispose]());

  /** A token of the role, and the id of its lease. */
  async function made(): Promise<{ token: string; lease: string }> {
    const known = new Set(await keys('auth/token/create/mine/'));
    const token = tokenOf(await root.post('auth/token/create/mine', { ttl: '1h' }));
    const [name] = (await keys('auth/token/create/mine/')).filter((key) => !known.has(key));
    return { token, lease: `auth/token/create/mine/${name}` };
  }

  async function keys(prefix: string): Promise<string[]> {
    return ((await root.list(`sys/leases/lookup/${prefix}`)).data['keys'] ?? []) as string[];
  }

  const isAlive = async (token: string) =>
    (await root.as(token).get('auth/token/lookup-self')).status === 200;

  test('a lease is found below the path that made it, and shown', async () => {
    const { lease } = await made();
    assert.ok((await keys('')).includes('auth/'));
    assert.deepEqual(await keys('auth/token/create/').then((all) => all.filter((key) => key.endsWith('/'))), [
      'mine/',
    ]);
    const { status, data } = await root.post('sys/leases/lookup', { lease_id: lease });
    assert.equal(status, 200);
    const { issue_time, expire_time, ttl, ...rest } = data;
    assert.equal(Date.parse(String(expire_time)) - Date.parse(String(issue_time)), 3_600_000);
    assert.ok(Number(ttl) > 3_500 && Number(ttl) <= 3_600);
    assert.deepEqual(rest, { id: lease, last_renewal: null, renewable: true });
  });

  test('lists and prefixes ask for sudo, single leases do not', async () => {
    const { lease, token } = await made();
    assert.equal((await app.list('sys/leases/lookup/auth')).status, 403);
    assert.equal((await app.list('sys/leases/lookup')).status, 403);
    for (const path of ['revoke-prefix', 'revoke-force']) {
      assert.equal((await app.post(`sys/leases/${path}/auth/token/create/mine`)).status, 403);
      assert.equal((await app.post(`sys/${path}/auth/token/create/mine`)).status, 403);
    }
    assert.equal(await isAlive(token), true);
    assert.equal((await app.post('sys/leases/lookup', { lease_id: lease })).status, 200);
    assert.equal((await app.post('sys/leases/revoke', { lease_id: lease, sync: true })).status, 204);
    assert.equal(await isAlive(token), false);
  });

  test('a revoked lease takes its token with it: by id in the body or in the path, old paths and new', async () => {
    for (const path of ['leases/revoke', 'revoke']) {
      const [one, two] = [await made(), await made()];
      assert.equal((await root.post(`sys/${path}`, { lease_id: one.lease, sync: true })).status, 204);
      assert.equal((await root.post(`sys/${path}/${two.lease}`, {})).status, 204);
      assert.deepEqual([await isAlive(one.token), await isAlive(two.token)], [false, false]);
      const { status, errors } = await root.post('sys/leases/lookup', { lease_id: one.lease });
      assert.deepEqual([status, errors], [400, 'invalid lease']);
    }
  });

  test('a prefix ends all below it', async () => {
    for (const path of ['leases/revoke-prefix', 'leases/revoke-force', 'revoke-prefix', 'revoke-force']) {
      const [one, two] = [await made(), await made()];
      const { status } = await root.post(`sys/${path}/auth/token/create/mine`, { sync: true });
      assert.equal(status, 204);
      assert.deepEqual([await isAlive(one.token), await isAlive(two.token)], [false, false], path);
    }
    assert.equal((await root.list('sys/leases/lookup/auth/token/create/mine')).status, 404);
  });

  test('what is not there, and what is no lease of a secret', async () => {
    const { lease } = await made();
    for (const path of ['sys/leases/renew', 'sys/renew']) {
      assert.deepEqual((await root.post(path, { lease_id: 'a/b/c' })).errors, 'lease not found');
      assert.match(
        (await root.post(path, { lease_id: lease })).errors,
        /tokens cannot be renewed through this endpoint/,
      );
      assert.match((await root.post(path)).errors, /lease_id must be specified/);
    }
    // A lease id is a path of the storage: what is none is not found either.
    for (const id of ['a/../b', '/a', 'a//b', '.', 'x'.repeat(5_000)]) {
      assert.equal((await root.post('sys/leases/lookup', { lease_id: id })).errors, 'invalid lease');
      assert.equal((await root.post('sys/leases/revoke', { lease_id: id, sync: true })).status, 204);
    }
  });

  test('leases that could not be ended are counted; tidying answers at once', async () => {
    const { data } = await root.get('sys/leases/count?type=irrevocable');
    assert.deepEqual(data, { lease_count: 0, counts: {} });
    assert.equal((await root.get('sys/leases/count')).status, 400);
    const shown = await root.get('sys/leases?type=irrevocable&limit=5');
    assert.deepEqual(shown.data, { lease_count: 0, leases: [] });
    assert.equal((await root.get('sys/leases?type=irrevocable&limit=0')).status, 400);
    assert.equal((await app.get('sys/leases?type=irrevocable')).status, 403);
    const { status, body } = await app.post('sys/leases/tidy');
    assert.equal(status, 202);
    assert.match(String(body['warnings']), /Tidy operation/);
  });
});
