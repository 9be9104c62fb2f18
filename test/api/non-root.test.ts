// Tokens that are not root, over a real server: what is refused, what the CLI's questions before a request are answered,
// and what belongs to one token alone.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { JsonObject } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { Asker, tokenOf } from './asker.ts';
import { DevServer } from './dev-server.ts';

const PASSWORD = 'bilby-9046-password';
const DENIED = '1 error occurred: * permission denied';

suite('without root', () => {
  let server: DevServer;
  let root: Asker;
  let narrow: Asker;

  before(async () => {
    noteSecrets([PASSWORD]);
    server = await DevServer.start();
    root = new Asker(server.address, server.token);
    await root.post('sys/mounts/old', { type: 'kv', options: { version: '1' } });
    await root.post('secret/data/team/db', { data: { user: 'app' } });
    await root.post('old/team/db', { user: 'app' });
    await root.post('sys/policies/acl/narrow', {
      policy: `path "secret/data/team/*" { capabilities = ["read"] }
        path "secret/metadata/team/*" { capabilities = ["list"] }
        path "sys/policies/acl/*" { capabilities = ["read", "update"] }
        path "sys/leases/revoke-prefix/*" { capabilities = ["update"] }
        path "sys/auth/*" { capabilities = ["create", "update", "read"] }
        path "sys/audit/*" { capabilities = ["create", "update"] }
        path "sys/seal" { capabilities = ["update"] }`,
    });
    narrow = root.as(tokenOf(await root.post('auth/token/create', { policies: ['narrow'], ttl: '1h' })));
  });
  after(() => server[Symbol.asyncDispose]());

  test('what the policy grants is given, and a foreign path is refused whatever is there', async () => {
    assert.equal((await narrow.get('secret/data/team/db')).status, 200);
    for (const path of [
      'secret/data/other',
      'secret/data/teams',
      'old/team/db',
      'nowhere/at/all',
      'sys/mounts',
    ]) {
      const { status, errors } = await narrow.get(path);
      assert.deepEqual([status, errors], [403, DENIED], path);
    }
    for (const answer of [
      await narrow.post('secret/data/team/db', { data: {} }),
      await narrow.delete('secret/data/team/db'),
      await narrow.list('secret/metadata'),
    ]) {
      assert.deepEqual([answer.status, answer.errors], [403, DENIED]);
    }
  });

  test('a path that asks for sudo is refused to who has every other right', async () => {
    for (const answer of [
      await narrow.post('sys/leases/revoke-prefix/auth'),
      await narrow.post('sys/auth/mine', { type: 'userpass' }),
      await narrow.post('sys/audit/mine', { type: 'file', options: { file_path: '/dev/null' } }),
      await narrow.post('sys/seal'),
    ]) {
      assert.deepEqual([answer.status, answer.errors], [403, DENIED]);
    }
    assert.equal((await root.get('sys/health', { token: '' })).status, 200);
    await root.post('sys/policies/acl/strong', {
      policy: 'path "sys/auth/*" { capabilities = ["create", "update", "sudo"] }',
    });
    const strong = root.as(tokenOf(await root.post('auth/token/create', { policies: ['strong'] })));
    assert.equal((await strong.post('sys/auth/mine', { type: 'userpass' })).status, 204);
  });

  test('the question of the kv commands before each request is answered to who may do anything there', async () => {
    const { status, data } = await narrow.get('sys/internal/ui/mounts/secret/team/db');
    assert.equal(status, 200);
    assert.deepEqual([data['path'], data['type'], data['options']], ['secret/', 'kv', { version: '2' }]);
    for (const path of ['old/team/db', 'nowhere/at/all']) {
      const refused = await narrow.get(`sys/internal/ui/mounts/${path}`);
      assert.equal(refused.status, 403);
      assert.match(
        refused.errors,
        /preflight capability check returned 403, please ensure client's policies grant access to path/,
      );
    }
    assert.equal((await narrow.as('').get('sys/internal/ui/mounts/secret/team/db')).status, 403);
    const all = (await narrow.get('sys/internal/ui/mounts')).data['secret'] as object;
    assert.ok('secret/' in all && !('old/' in all));
  });

  test('a policy with the name of who logged in holds for nobody else, and for no chosen metadata', async () => {
    await root.post('sys/auth/userpass', { type: 'userpass' });
    await root.post('sys/policies/acl/own', {
      policy: `path "secret/data/users/{{token.metadata.username}}" { capabilities = ["read", "create", "update"] }
        path "auth/token/create" { capabilities = ["update"] }`,
    });
    const login = async (name: string) => {
      await root.post(`auth/userpass/users/${name}`, { password: PASSWORD, token_policies: ['own'] });
      const answer = await root.post(`auth/userpass/login/${name}`, { password: PASSWORD }, { token: '' });
      return root.as(tokenOf(answer));
    };
    const [ann, bob] = [await login('ann'), await login('bob')];
    assert.equal((await ann.post('secret/data/users/ann', { data: { a: 'b' } })).status, 200);
    assert.equal((await ann.get('secret/data/users/ann')).status, 200);
    assert.equal((await bob.get('secret/data/users/ann')).status, 403);
    // Bob makes a token and writes on it that he is ann.
    const forged = await bob.post('auth/token/create', { meta: { username: 'ann' } });
    assert.equal((await bob.as(tokenOf(forged)).get('secret/data/users/ann')).status, 403);
  });

  test('a cubbyhole belongs to its token, root included, and goes with it', async () => {
    const make = async () => root.as(tokenOf(await root.post('auth/token/create', { policies: ['narrow'] })));
    const [one, two] = [await make(), await make()];
    assert.equal((await one.post('cubbyhole/mine/a', { word: 'b' })).status, 204);
    assert.deepEqual((await one.get('cubbyhole/mine/a')).data, { word: 'b' });
    assert.deepEqual((await one.list('cubbyhole')).data['keys'], ['mine/']);
    assert.deepEqual((await one.list('cubbyhole/mine')).data['keys'], ['a']);
    for (const other of [two, root]) {
      assert.equal((await other.get('cubbyhole/mine/a')).status, 404);
      assert.equal((await other.list('cubbyhole')).status, 404);
    }
    assert.equal((await one.post('cubbyhole/mine/a', {})).status, 400);
    assert.equal((await one.delete('cubbyhole/mine/a')).status, 204);
    assert.equal((await one.get('cubbyhole/mine/a')).status, 404);
    const batch = root.as(
      tokenOf(await root.post('auth/token/create', { policies: ['narrow'], type: 'batch', ttl: '1h' })),
    );
    assert.match((await batch.get('cubbyhole/mine')).errors, /only supported by "service" type tokens/);
  });

  test('a child has at most what its parent has, and is told so', async () => {
    await root.post('sys/policies/acl/maker', {
      policy: 'path "auth/token/create" { capabilities = ["update"] }',
    });
    const maker = root.as(tokenOf(await root.post('auth/token/create', { policies: ['maker', 'narrow'] })));
    const less = maker.as(tokenOf(await maker.post('auth/token/create', { policies: ['narrow'] })));
    assert.equal((await less.get('secret/data/team/db')).status, 200);
    assert.equal((await less.post('auth/token/create')).status, 403);
    for (const policies of [['root'], ['strong'], ['narrow', 'own']]) {
      const { status, errors } = await maker.post('auth/token/create', { policies });
      assert.deepEqual([status, errors], [400, 'child policies must be subset of parent']);
    }
    const wishes: JsonObject[] = [{ period: '1h' }, { no_parent: true }, { id: 'chosen' }];
    for (const body of wishes) {
      const { status, errors } = await maker.post('auth/token/create', body);
      assert.equal(status, 400);
      assert.match(errors, /^root or sudo privileges required/);
    }
  });

  test('rights that are taken from a policy are gone with the next request', async () => {
    await root.post('sys/policies/acl/passing', {
      policy: 'path "secret/data/team/db" { capabilities = ["read"] }',
    });
    const asker = root.as(tokenOf(await root.post('auth/token/create', { policies: ['passing'] })));
    assert.equal((await asker.get('secret/data/team/db')).status, 200);
    await root.delete('sys/policies/acl/passing');
    assert.equal((await asker.get('secret/data/team/db')).status, 403);
  });
});
