// What a cluster does when the database goes away under it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { PostgresqlServer } from '../../demo/postgresql-server.ts';
import { Rig } from './rig.ts';

describe('a cluster whose database comes and goes', { timeout: 120_000 }, () => {
  let database: PostgresqlServer;
  let rig: Rig;
  let token: string;
  before(async () => {
    database = await PostgresqlServer.start();
    rig = await Rig.build(2, { connectionUrl: database.url, table: 'latchkey' });
    token = (await rig.startInitialised()).rootToken;
    await (await rig.active()).client.withToken(token).write('sys/mounts/secret', { type: 'kv-v2' });
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  test('a crash of the database: nothing that was acknowledged is lost, and the cluster goes on by itself', async () => {
    const acknowledged: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      await (await rig.active()).client.withToken(token).kvPut('secret', `n/${n}`, { n });
      acknowledged.push(n);
    }
    await database.stop('SIGQUIT');
    const [first] = rig.servers;
    assert.ok(first);
    await assert.rejects(first.client.withToken(token).kvGet('secret', 'n/0'));
    const status = await first.client.sealStatus();
    assert.equal(status.initialized, true, 'what was last known is told');
    await database.resume();
    const { value } = await until('a leader that answers', async () => {
      const client = (await rig.active()).client.withToken(token);
      return (await client.kvGet('secret', 'n/0').catch(() => undefined)) === undefined ? undefined : client;
    });
    for (const n of acknowledged) assert.deepEqual(await value.kvGet('secret', `n/${n}`), { n });
  });

  test('a node that starts while the database is away says so, sealed, and opens when it is back', async () => {
    const [, second] = rig.servers;
    assert.ok(second);
    await second.stop('SIGTERM');
    await database.stop('SIGQUIT');
    second.start();
    const { value: health } = await until('it to answer', () => second.client.health());
    assert.equal(health.status, 503);
    await database.resume();
    await rig.untilUnsealed(second);
  });
});
