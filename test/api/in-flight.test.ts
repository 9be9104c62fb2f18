// sys/in-flight-req over real servers: a request that hangs is seen while it hangs, with what helps to find its sender.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import { Rig } from '../cluster/rig.ts';

interface InFlight {
  readonly start_time: string;
  readonly client_remote_address: string;
  readonly request_path: string;
  readonly request_method: string;
  readonly client_id: string;
}

describe('requests in flight', { timeout: 120_000 }, () => {
  let rig: Rig;
  let token: string;
  let active: ServerProcess;
  let standby: ServerProcess;

  before(async () => {
    rig = await Rig.build(2);
    for (const server of rig.servers) {
      const config = await readFile(server.configFile, 'utf8');
      const open = `tls_disable = true
        inflight_requests_logging { unauthenticated_in_flight_requests_access = ${server === rig.servers[1]} }
        telemetry { unauthenticated_metrics_access = true }\n`;
      await writeFile(server.configFile, config.replace(/tls_disable +=\s+true\n/, open));
    }
    [active, standby] = rig.servers as [ServerProcess, ServerProcess];
    token = (await rig.startInitialised()).rootToken;
    await until('the first server to lead', async () => {
      const leader = await active.client.leader();
      if (leader.isSelf) return true;
      await standby.client.withToken(token).write('sys/step-down', {});
      return undefined;
    });
    await until('the second to follow', async () =>
      (await standby.client.health()).status === 429 ? true : undefined,
    );
  });
  after(() => rig[Symbol.asyncDispose]());

  async function ask(server: ServerProcess, withToken = true): Promise<Record<string, InFlight>> {
    const headers: Record<string, string> = withToken ? { 'x-vault-token': token } : {};
    const reply = await fetch(`${server.address}/v1/sys/in-flight-req`, { headers });
    assert.equal(reply.status, 200);
    return (await reply.json()) as Record<string, InFlight>;
  }

  test('the question itself is in flight; on a listener that does not open it, a token is asked for', async () => {
    const [[id, own] = [], ...others] = Object.entries(await ask(active));
    assert.match(id ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual(others, []);
    assert.equal(own?.request_path, '/v1/sys/in-flight-req');
    assert.deepEqual(
      [own?.request_method, own?.client_remote_address, own?.client_id],
      ['GET', '127.0.0.1', ''],
    );
    assert.ok(Math.abs(Date.now() - Date.parse(own?.start_time ?? '')) < 60_000);
    assert.equal((await fetch(`${active.address}/v1/sys/in-flight-req`)).status, 403);
    await ask(standby, false);
  });

  test('what hangs is listed until it is answered, without its query, and counted', async () => {
    const pid = active.pid;
    assert.ok(pid !== undefined);
    const stuck: Promise<unknown>[] = [];
    process.kill(pid, 'SIGSTOP');
    try {
      const headers = { 'x-vault-token': token };
      stuck.push(fetch(`${standby.address}/v1/secret/slow?version=7`, { headers }));
      stuck.push(fetch(`${standby.address}/v1/secret/other`, { method: 'DELETE', headers }));
      const { value } = await until('both to be listed', async () => {
        const all = Object.values(await ask(standby, false));
        return all.length === 3 ? all : undefined;
      });
      const shown = value.map((one) => `${one.request_method} ${one.request_path}`);
      assert.deepEqual(shown.toSorted(), [
        'DELETE /v1/secret/other',
        'GET /v1/secret/slow',
        'GET /v1/sys/in-flight-req',
      ]);
      const metrics = await (await fetch(`${standby.address}/v1/sys/metrics?format=prometheus`)).text();
      assert.match(metrics, /^vault_core_in_flight_requests 3$/m);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await Promise.allSettled(stuck);
    await until('nothing but the question to be left', async () =>
      Object.keys(await ask(standby, false)).length === 1 ? true : undefined,
    );
  });
});
