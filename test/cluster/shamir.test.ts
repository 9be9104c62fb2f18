// The Shamir seal, on real processes: people hold the KEK, and each node wants their shares.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runLatchkey } from '../../demo/command-line.ts';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { ServerProcess } from '../../demo/server-process.ts';
import { keepLogs, noteSecrets } from '../leaks/ledger.ts';

describe('the Shamir seal', { timeout: 120_000 }, () => {
  let folder: string;
  let servers: ServerProcess[];
  let keys: readonly string[] = [];
  let rootToken = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
    await mkdir(join(folder, 'data'), { mode: 0o700 });
    const places = (await choosePorts(0))
      .slice(0, 2)
      .map((pair, index) => ({ name: `vault-${index}`, folder, ...pair }));
    servers = await Promise.all(
      places.map((place) => ServerProcess.prepare(place, join(folder, 'data'), undefined)),
    );
    for (const server of servers) server.start();
    for (const server of servers) await until(`${server.name} to answer`, () => server.client.sealStatus());
  });
  after(async () => {
    noteSecrets([...keys, rootToken]);
    keepLogs(folder);
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
    await rm(folder, { recursive: true });
  });

  const at = (index: number): ServerProcess => {
    const server = servers[index];
    assert.ok(server);
    return server;
  };
  const key = (index: number): string => keys[index] ?? '';

  test('before init it says what it is, and refuses what belongs to other seals', async () => {
    const status = await at(0).client.sealStatus();
    assert.deepEqual([status.type, status.recoverySeal, status.initialized], ['shamir', false, false]);
    await assert.rejects(
      at(0).client.init({ recoveryShares: 1, recoveryThreshold: 1 }),
      /parameters recovery_shares,recovery_threshold not applicable to seal type shamir/,
    );
    await assert.rejects(
      at(0).client.init({ secretShares: 3, secretThreshold: 4 }),
      /invalid seal configuration: threshold cannot be larger than shares/,
    );
  });

  test('init gives the shares and leaves the node sealed', async () => {
    const answer = await at(0).client.init({ secretShares: 3, secretThreshold: 2 });
    keys = answer.keysBase64;
    rootToken = answer.rootToken;
    assert.deepEqual([keys.length, answer.recoveryKeysBase64.length], [3, 0]);
    assert.equal(Buffer.from(key(0), 'base64').length, 33);
    const status = await at(0).client.sealStatus();
    assert.deepEqual(
      [status.initialized, status.sealed, status.shares, status.threshold],
      [true, true, 3, 2],
    );
    assert.equal(status.unsealState, 'awaiting_shares');
    await assert.rejects(at(0).client.init({ secretShares: 1, secretThreshold: 1 }), /already initialized/);
  });

  test('wrong shares are told at the threshold and dropped; right ones open the node', async () => {
    const wrong = Buffer.from(key(1), 'base64');
    wrong[3] = (wrong[3] ?? 0) ^ 0xff;
    assert.equal((await at(0).client.unseal(key(0))).progress, 1);
    await assert.rejects(
      at(0).client.unseal(wrong.toString('base64')),
      /failed to decrypt keys from storage/,
    );
    assert.equal((await at(0).client.sealStatus()).progress, 0);
    await at(0).client.unseal(key(2));
    assert.equal((await at(0).client.unseal(key(0))).sealed, false);
    await until('it to lead', async () => ((await at(0).client.leader()).isSelf ? true : undefined));
  });

  test('the other node wants shares of its own; by the command line too', async () => {
    await until('the other to know of the cluster', async () =>
      (await at(1).client.sealStatus()).initialized ? true : undefined,
    );
    const first = await runLatchkey(at(1), ['operator', 'unseal', key(0)], '');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /Unseal Progress +1\/2/);
    await runLatchkey(at(1), ['operator', 'unseal', key(1)], '');
    assert.equal((await at(1).client.sealStatus()).sealed, false);
    await until('the standby to answer', () =>
      at(1).client.withToken(rootToken).read('auth/token/lookup-self'),
    );
  });

  test('a restart and an operator seal it again, and shares open it again', async () => {
    await at(1).stop('SIGKILL');
    at(1).start();
    await until('it to be sealed', async () => ((await at(1).client.sealStatus()).sealed ? true : undefined));
    await at(0).client.withToken(rootToken).seal();
    assert.equal((await at(0).client.sealStatus()).sealed, true);
    await at(0).client.unseal(key(1));
    assert.equal((await at(0).client.unseal(key(2))).sealed, false);
    await until('it to lead again', async () => ((await at(0).client.leader()).isSelf ? true : undefined));
  });
});
