// A new root token by recovery keys, under auto-unseal, asked of the standby; and whose address the active node sees.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { Rig } from './rig.ts';

describe('generate-root under auto-unseal', { timeout: 120_000 }, () => {
  let rig: Rig;
  let keys: readonly string[];
  let rootToken: string;
  let active: ServerProcess;
  let standby: ServerProcess;
  before(async () => {
    rig = await Rig.build(2);
    ({ recoveryKeysBase64: keys, rootToken } = await rig.startInitialised());
    const { value } = await until('one node to lead and the other to follow', async () => {
      const leaders = await Promise.all(rig.servers.map((server) => server.client.leader()));
      const leading = rig.servers.filter((_, index) => leaders[index]?.isSelf);
      return leading.length === 1 && leaders.every((leader) => leader.leaderAddress !== '')
        ? leading[0]
        : undefined;
    });
    active = value;
    const other = rig.servers.find((server) => server !== active);
    assert.ok(other);
    standby = other;
  });
  after(() => rig[Symbol.asyncDispose]());

  const ask = async (server: ServerProcess, path: string, body: JsonObject): Promise<JsonObject> =>
    ((await server.client.request({ method: 'PUT', path, body })).body ?? {}) as JsonObject;

  test('the attempt lives on the active node, whichever node is asked', async () => {
    const started = await ask(standby, 'sys/generate-root/attempt', {});
    const nonce = started['nonce'] ?? '';
    assert.equal(started['required'], 2);
    const first = await ask(active, 'sys/generate-root/update', { key: keys[0] ?? '', nonce });
    assert.equal(first['progress'], 1);
    const wrong = Buffer.alloc(33, 7).toString('base64');
    await assert.rejects(
      ask(standby, 'sys/generate-root/update', { key: wrong, nonce }),
      /root generation aborted: recovery key verification failed/,
    );
    await ask(standby, 'sys/generate-root/update', { key: keys[1] ?? '', nonce });
    const last = await ask(standby, 'sys/generate-root/update', { key: keys[2] ?? '', nonce });
    assert.equal(last['complete'], true);
    const pad = Buffer.from(String(started['otp']));
    const hidden = Buffer.from(String(last['encoded_token']), 'base64');
    const token = Buffer.from(hidden.map((byte, at) => byte ^ (pad[at] ?? 0))).toString();
    noteSecrets([token]);
    assert.ok(await standby.client.withToken(token).read('sys/mounts'));
  });

  test('a hand-over ends the attempt', async () => {
    await ask(standby, 'sys/generate-root/attempt', {});
    await active.client.withToken(rootToken).stepDown();
    await until('the other node to lead', async () => (await standby.client.leader()).isSelf || undefined);
    const status = (await standby.client.request({ method: 'GET', path: 'sys/generate-root/attempt' })).body;
    assert.equal((status as JsonObject)['started'], false);
    [active, standby] = [standby, active];
  });

  test('the active node writes down the address that the standby saw', async () => {
    const file = join(rig.folder, 'audit.jsonl');
    const client = active.client.withToken(rootToken);
    await client.write('sys/audit/file', { type: 'file', options: { file_path: file } });
    // From another address of this machine than the standby has for the active node.
    const asked = get(`${standby.address}/v1/sys/generate-root/attempt`, { localAddress: '127.0.0.77' });
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    assert.equal(answer.resume().statusCode, 200);
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    const line = lines.map((text) => JSON.parse(text) as { request: JsonObject }).at(-1);
    assert.equal(line?.request['path'], 'sys/generate-root/attempt');
    assert.equal(line.request['remote_address'], '127.0.0.77');
  });
});
