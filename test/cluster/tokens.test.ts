// Tokens of a cluster of processes: through a standby as on the active node, and on the next leader after a kill.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { Asker, authOf, tokenOf, wrapInfoOf } from '../api/asker.ts';
import { Rig } from './rig.ts';

describe('tokens of a cluster', { timeout: 120_000 }, () => {
  let rig: Rig;
  let token: string;
  before(async () => {
    rig = await Rig.build(2);
    token = (await rig.startInitialised()).rootToken;
    const root = await atActive();
    await root.post('sys/mounts/secret', { type: 'kv-v2' });
    await root.post('secret/data/app', { data: { a: 'b' } });
    await root.post('sys/policies/acl/app', {
      policy: `path "auth/token/create" { capabilities = ["update"] }
        path "secret/data/app" { capabilities = ["read"] }`,
    });
  });
  after(() => rig[Symbol.asyncDispose]());

  const atActive = async () => new Asker((await rig.active()).client.address, token);

  async function atStandby(): Promise<Asker> {
    const leader = await rig.active();
    const found = rig.servers.find((server) => server !== leader && server.isRunning);
    assert.ok(found);
    return new Asker(found.client.address, token);
  }

  test('a standby makes, shows, uses up, wraps and ends tokens as the active node does', async () => {
    const [near, far] = [await atActive(), await atStandby()];
    const made = await far.post('auth/token/create', { policies: ['app'], ttl: '9000h', num_uses: 2 });
    assert.match(String(made.body['warnings']), /exceeded the effective max_ttl/);
    const own = far.as(tokenOf(made));
    assert.deepEqual((await own.get('secret/data/app')).data['data'], { a: 'b' });
    assert.equal((await near.post('auth/token/lookup', { token: tokenOf(made) })).data['num_uses'], 1);
    assert.equal((await own.get('secret/data/other')).status, 403);
    assert.equal((await near.as(tokenOf(made)).get('secret/data/app')).status, 403);

    const info = wrapInfoOf(await far.get('secret/data/app', { wrapTtl: '5m' }));
    const opened = await far.as('').post('sys/wrapping/unwrap', undefined, { token: String(info['token']) });
    assert.deepEqual(opened.data['data'], { a: 'b' });
    assert.equal((await near.post('sys/wrapping/unwrap', { token: String(info['token']) })).status, 400);

    const batch = await far.post('auth/token/create', { policies: ['app'], type: 'batch', ttl: '1h' });
    assert.equal((await near.as(tokenOf(batch)).get('secret/data/app')).status, 200);
    const { accessor } = authOf(await far.post('auth/token/create', { policies: ['app'] }));
    assert.equal((await far.post('auth/token/revoke-accessor', { accessor: String(accessor) })).status, 204);
  });

  test('the next leader knows what was made, refuses what was ended, and ends what runs out', async () => {
    const before = await atActive();
    const kept = tokenOf(await before.post('auth/token/create', { policies: ['app'], ttl: '1h' }));
    const batch = tokenOf(
      await before.as(kept).post('auth/token/create', { policies: ['app'], type: 'batch', ttl: '1h' }),
    );
    const short = authOf(await before.post('auth/token/create', { policies: ['app'], ttl: '3s' }));
    const parent = tokenOf(await before.post('auth/token/create', { policies: ['app'], ttl: '1h' }));
    const child = tokenOf(await before.as(parent).post('auth/token/create'));
    const wrapped = String(wrapInfoOf(await before.get('secret/data/app', { wrapTtl: '5m' }))['token']);
    await before.as(kept).post('cubbyhole/mine', { word: 'kept' });
    assert.equal((await before.post('auth/token/revoke', { token: parent })).status, 204);
    const killed = await rig.active();
    await killed.stop('SIGKILL');

    const next = await atActive();
    assert.equal((await next.as(kept).get('secret/data/app')).status, 200);
    assert.deepEqual((await next.as(kept).get('cubbyhole/mine')).data, { word: 'kept' });
    assert.equal((await next.as(batch).get('secret/data/app')).status, 200);
    for (const ended of [parent, child])
      assert.equal((await next.as(ended).get('secret/data/app')).status, 403);
    assert.deepEqual((await next.post('sys/wrapping/unwrap', { token: wrapped })).data['data'], { a: 'b' });
    await until('the short token to be refused, and its record to be gone', async () => {
      const { keys } = (await next.list('auth/token/accessors')).data;
      const isRefused = (await next.as(String(short['client_token'])).get('secret/data/app')).status === 403;
      return isRefused && !(keys as string[]).includes(String(short['accessor'])) ? true : undefined;
    });
    await next.post('auth/token/revoke', { token: kept });
    assert.equal(
      (await next.as(batch).get('secret/data/app')).status,
      403,
      'a batch token ends with its parent',
    );
  });
});
