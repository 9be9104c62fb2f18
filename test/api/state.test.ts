// What a node says of itself beside metrics: configuration, machine, loggers, and the history of the cluster.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../../demo/conditions.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import { isObject, type JsonObject } from '../../src/base/json.ts';
import { LATCHKEY_VERSION } from '../../src/base/version.ts';
import { Rig } from '../cluster/rig.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'latchkey');

describe('what a node says of itself', { timeout: 120_000 }, () => {
  let rig: Rig;
  let token: string;
  let active: ServerProcess;
  let standby: ServerProcess;

  before(async () => {
    rig = await Rig.build(2);
    token = (await rig.startInitialised()).rootToken;
    [active, standby] = await rig.untilFollowed();
  });
  after(() => rig[Symbol.asyncDispose]());

  const read = async (server: ServerProcess, path: string): Promise<JsonObject> => {
    const data = (await server.client.withToken(token).read(path))?.data;
    assert.ok(isObject(data), path);
    return data;
  };

  test('the configuration as Vault shows it, of the node that was asked, and nothing secret', async () => {
    for (const server of [active, standby]) {
      const config = await read(server, 'sys/config/state/sanitized');
      assert.equal(config['api_addr'], server.address);
      assert.deepEqual(config['seals'], [{ type: 'azurekeyvault', name: 'azurekeyvault', disabled: false }]);
      assert.equal((config['storage'] as JsonObject)['type'], 'lmdb');
      assert.equal(config['cluster_name'], 'latchkey-demo');
      assert.equal(config['default_lease_ttl'], 768 * 3_600);
      const [listener] = config['listeners'] as { type: string; config: JsonObject }[];
      assert.equal(listener?.type, 'tcp');
      assert.equal(listener?.config['address'], server.address.replace('http://', ''));
      const telemetry = listener?.config['telemetry'] as JsonObject;
      assert.deepEqual(
        [telemetry['unauthenticated_metrics_access'], telemetry['metrics_only']],
        [false, false],
      );
      const text = JSON.stringify(config);
      for (const hidden of [rig.identity.clientId, rig.vault.uri, rig.azure.tenantId, rig.folder])
        assert.ok(!text.includes(hidden), hidden);
    }
  });

  test('the machine, as Vault shows it', async () => {
    const info = await read(standby, 'sys/host-info');
    assert.deepEqual(Object.keys(info).toSorted(), [
      'cpu',
      'cpu_times',
      'disk',
      'host',
      'memory',
      'timestamp',
    ]);
    assert.ok(Number((info['memory'] as JsonObject)['total']) > 1e8);
    assert.equal((info['host'] as JsonObject)['os'], process.platform);
  });

  test('a logger speaks more while it is told to, on the node that was asked alone', async () => {
    const loggers = await read(standby, 'sys/loggers');
    assert.equal(loggers['standby'], 'info');
    const client = standby.client.withToken(token);
    await client.write('sys/loggers/standby', { level: 'debug' });
    assert.deepEqual(await read(standby, 'sys/loggers/standby'), { standby: 'debug' });
    assert.equal((await read(standby, 'sys/loggers'))['unsealer'], 'info');
    assert.equal((await read(active, 'sys/loggers'))['standby'], 'info');
    await client.write('sys/loggers', { level: 'WARN' });
    assert.deepEqual([...new Set(Object.values(await read(standby, 'sys/loggers')))], ['warn']);
    await client.delete('sys/loggers/standby');
    assert.deepEqual(await read(standby, 'sys/loggers/standby'), { standby: 'info' });
    await client.delete('sys/loggers');
    assert.deepEqual([...new Set(Object.values(await read(standby, 'sys/loggers')))], ['info']);
    await assert.rejects(client.write('sys/loggers/nobody', { level: 'info' }), /logger "nobody" not found/);
    await assert.rejects(client.write('sys/loggers', { level: 'loud' }), /invalid level provided/);
    await assert.rejects(client.write('sys/loggers', {}), /level is required/);
    const mounts = await read(active, 'sys/loggers/cubbyhole');
    assert.deepEqual(mounts, { 'cubbyhole/': 'info' });
  });

  test('a level that is told takes effect at once', async () => {
    const client = active.client.withToken(token);
    await client.write('sys/loggers', { level: 'error' });
    const before = (await readFile(active.logFile, 'utf8')).length;
    await client.write('sys/mounts/quiet', { type: 'kv' });
    await standby.stop('SIGKILL');
    await client.write('sys/loggers', { level: 'info' });
    await client.write('sys/step-down', {});
    await until('the node to say that it stepped down', async () =>
      (await readFile(active.logFile, 'utf8')).slice(before).includes('active -> standby') ? true : undefined,
    );
    standby.start();
    await rig.untilUnsealed(standby);
    active = await rig.active();
    standby = rig.servers.find((server) => server !== active) ?? standby;
  });

  test('the history of versions, by the API and by the command line, the same after a change of leaders', async () => {
    const answer = await active.client.withToken(token).request({
      method: 'GET',
      path: 'sys/version-history',
      query: { list: 'true' },
    });
    const { data } = answer.body as { data: { keys: string[]; key_info: Record<string, JsonObject> } };
    assert.deepEqual(data.keys, [LATCHKEY_VERSION]);
    const entry = data.key_info[LATCHKEY_VERSION];
    assert.equal(entry?.['previous_version'], null);
    assert.ok(!Number.isNaN(Date.parse(String(entry?.['timestamp_installed']))));
    const { stdout } = await promisify(execFile)(
      LAUNCHER,
      ['version-history', `-address=${active.address}`],
      {
        env: { ...process.env, VAULT_TOKEN: token },
      },
    );
    assert.match(stdout, /^Version +Installation Time +Build Date\n/);
    assert.match(stdout, new RegExp(`\\n${LATCHKEY_VERSION} +\\d{4}-\\d\\d-\\d\\dT`));
  });

  test('counters', async () => {
    const tokens = await read(active, 'sys/internal/counters/tokens');
    assert.ok(Number(((tokens['counters'] as JsonObject)['service_tokens'] as JsonObject)['total']) >= 1);
    const entities = await read(active, 'sys/internal/counters/entities');
    assert.deepEqual(entities, { counters: { entities: { total: 0 } } });
  });

  test('without a token nothing; sealed or alone, nothing either', async () => {
    const paths = ['sys/config/state/sanitized', 'sys/host-info', 'sys/loggers', 'sys/in-flight-req'];
    for (const path of paths) {
      for (const server of [active, standby])
        await assert.rejects(server.client.read(path), /permission denied/, path);
    }
    rig.revokeAll();
    await standby.stop('SIGKILL');
    standby.start();
    await rig.untilFault(standby, 'keyvault_forbidden_rbac');
    for (const path of paths)
      await assert.rejects(standby.client.withToken(token).read(path), /Vault is sealed/, path);
  });
});
