// What a client sees that talks to a standby: the same as on the active node, or a redirect if it asks for one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { VaultClient } from '../../src/client/client.ts';
import { Rig } from './rig.ts';

describe('through a standby', { timeout: 120_000 }, () => {
  let rig: Rig;
  let token: string;
  before(async () => {
    rig = await Rig.build(3);
    token = (await rig.startInitialised()).rootToken;
    await (await rig.active()).client.withToken(token).write('sys/mounts/secret', { type: 'kv-v2' });
  });
  after(() => rig[Symbol.asyncDispose]());

  async function standby(): Promise<VaultClient> {
    const leader = await rig.active();
    const found = rig.servers.find((server) => server !== leader && server.isRunning);
    assert.ok(found);
    return found.client.withToken(token);
  }

  test('reads, writes, lists and deletes are answered as by the active node', async () => {
    const client = await standby();
    const put = await client.kvPut('secret', 'app/one', { a: 'ü', n: 1 });
    assert.equal(put['version'], 1);
    assert.deepEqual(await client.kvGet('secret', 'app/one'), { a: 'ü', n: 1 });
    assert.deepEqual(await client.kvList('secret', 'app'), ['one']);
    const leader = (await rig.active()).client.withToken(token);
    assert.deepEqual(await leader.kvGet('secret', 'app/one'), { a: 'ü', n: 1 });
    await client.kvDelete('secret', 'app/one');
    assert.equal(await leader.kvGet('secret', 'app/one'), undefined);
  });

  test('refusals keep their codes and texts', async () => {
    const client = await standby();
    await assert.rejects(client.withToken('hvs.unknown').kvGet('secret', 'x'), /invalid token/);
    await assert.rejects(client.withToken(undefined).kvGet('secret', 'x'), /permission denied/);
    await assert.rejects(client.read('nowhere/x'), /no handler for route "nowhere\/x"/);
    assert.equal(await client.kvGet('secret', 'none'), undefined);
  });

  test('a large secret travels whole', async () => {
    const client = await standby();
    const blob = 'x'.repeat(900_000);
    await client.kvPut('secret', 'large', { blob });
    assert.equal((await client.kvGet('secret', 'large'))?.['blob'], blob);
  });

  test('who asks not to be forwarded is sent to the active node, with path and query', async () => {
    const client = await standby();
    const reply = await fetch(`${client.address}/v1/secret/data/app/two?version=1`, {
      headers: { 'x-vault-token': token, 'x-vault-no-request-forwarding': 'true' },
      redirect: 'manual',
    });
    assert.equal(reply.status, 307);
    assert.equal(
      reply.headers.get('location'),
      `${(await rig.active()).address}/v1/secret/data/app/two?version=1`,
    );
  });

  test('a standby says what it is, and the active node knows all three', async () => {
    const client = await standby();
    const health = await client.health();
    assert.equal(health.status, 429);
    assert.equal((await fetch(`${client.address}/v1/sys/health?standbyok=true`)).status, 200);
    const leader = await client.leader();
    assert.deepEqual([leader.isSelf, leader.leaderAddress], [false, (await rig.active()).address]);
    const { value: nodes } = await until('three members', async () => {
      const status = await client.read('sys/ha-status');
      const list = status?.data?.['nodes'] as unknown as readonly {
        active_node: boolean;
        api_address: string;
      }[];
      return list.length === 3 ? list : undefined;
    });
    assert.deepEqual(
      nodes.map((node) => node.api_address).sort(),
      rig.servers.map((server) => server.address).sort(),
    );
    assert.equal(nodes.filter((node) => node.active_node).length, 1);
  });

  test('kill -9 of the active node under writes: none that was acknowledged is lost', async () => {
    const client = await standby();
    const acknowledged: string[] = [];
    let stop = false;
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (let count = 0; !stop; count += 1) {
        const path = `kill/${writer}-${count}`;
        // A refusal in the gap between two leaders is no acknowledgement, and so no loss.
        await client.kvPut('secret', path, { count }).then(
          () => acknowledged.push(path),
          () => {},
        );
      }
    });
    const killed = await rig.active();
    await until('some writes', async () => (acknowledged.length > 20 ? true : undefined));
    await killed.stop('SIGKILL');
    const before = acknowledged.length;
    await until('writes by the next leader', async () =>
      acknowledged.length > before + 20 ? true : undefined,
    );
    stop = true;
    await Promise.all(writers);
    const survivor = (await rig.active()).client.withToken(token);
    const kept = new Set(await survivor.kvList('secret', 'kill'));
    assert.deepEqual(
      acknowledged.filter((path) => !kept.has(path.slice('kill/'.length))),
      [],
    );
    killed.start();
    await rig.untilUnsealed(killed);
  });
});
