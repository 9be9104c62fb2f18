// What a cluster does when etcd goes away under it, in part or whole.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { EtcdServer } from '../../demo/etcd-server.ts';
import { Rig } from './rig.ts';

describe('a cluster on three members of etcd', { timeout: 180_000 }, () => {
  let etcd: EtcdServer;
  let rig: Rig;
  let token: string;
  const acknowledged: string[] = [];
  before(async () => {
    etcd = await EtcdServer.start({ members: 3 });
    rig = await Rig.build(2, { endpoints: etcd.endpoints, path: '/latchkey/' });
    token = (await rig.startInitialised()).rootToken;
    await (await rig.active()).client.withToken(token).write('sys/mounts/secret', { type: 'kv-v2' });
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  async function putTen(name: string): Promise<void> {
    for (let n = 0; n < 10; n += 1) {
      const path = `${name}/${n}`;
      await until(`${path} to be written`, async () => {
        await (await rig.active()).client.withToken(token).kvPut('secret', path, { path });
        return true;
      });
      acknowledged.push(path);
    }
  }

  async function checkAll(): Promise<void> {
    const { value } = await until('a leader that answers', async () => {
      const client = (await rig.active()).client.withToken(token);
      const [first = ''] = acknowledged;
      return (await client.kvGet('secret', first).catch(() => undefined)) === undefined ? undefined : client;
    });
    for (const path of acknowledged) assert.deepEqual(await value.kvGet('secret', path), { path });
  }

  test('a member that is killed is not noticed', async () => {
    await putTen('before');
    await etcd.stop(0);
    await putTen('without');
    await checkAll();
    await etcd.resume();
  });

  test('a leader that is killed is followed within its lease, with all that was acknowledged', async () => {
    const leader = await rig.active();
    const startedAt = performance.now();
    await leader.stop('SIGKILL');
    await rig.active(leader);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < 14_000, `${Math.round(tookMs)} ms`);
    await checkAll();
    leader.start();
    await rig.untilUnsealed(leader);
  });

  test('a leader that is told to end is followed at once', async () => {
    const leader = await rig.active();
    const startedAt = performance.now();
    await leader.stop('SIGTERM');
    await rig.active(leader);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < 8_000, `before the lease would have run out: ${Math.round(tookMs)} ms`);
    leader.start();
    await rig.untilUnsealed(leader);
  });

  test('all of etcd crashes: nothing that was acknowledged is lost, and the cluster goes on by itself', async () => {
    await putTen('last');
    await etcd.stop();
    const [first] = rig.servers;
    assert.ok(first);
    await assert.rejects(first.client.withToken(token).kvGet('secret', 'last/0'));
    assert.equal((await first.client.sealStatus()).initialized, true, 'what was last known is told');
    await etcd.resume();
    await checkAll();
  });

  test('a node that starts while etcd is away says so, sealed, and opens when it is back', async () => {
    const [, second] = rig.servers;
    assert.ok(second);
    await second.stop('SIGTERM');
    await etcd.stop();
    second.start();
    const { value: health } = await until('it to answer', () => second.client.health());
    assert.equal(health.status, 503);
    await etcd.resume();
    await rig.untilUnsealed(second);
  });
});
