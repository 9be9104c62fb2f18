// What hangs, what makes a node wait long, and what is gone for good.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runLatchkey } from '../../demo/command-line.ts';
import { until } from '../../demo/conditions.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import { Gate } from './gate.ts';
import { Rig, SECRET_NAME, VAULT_NAME } from './rig.ts';

// Side by side, because they wait for real deadlines.
describe('what takes a request and says nothing is told of while it lasts, ended, and over when it speaks', {
  concurrency: true,
  timeout: 60_000,
}, () => {
  test('IMDS', async () => {
    await using rig = await Rig.build();
    const { server } = rig;
    await rig.startInitialised();
    await server.stop('SIGTERM');
    await using imds = await Gate.closed();
    await imds.silent();
    await rig.reconfigure(server, { imds_endpoint: `http://127.0.0.1:${imds.port}` });
    server.start();
    const { pid } = server;
    await assertUnderWay(server);
    const { lastError } = await rig.untilFault(server, 'imds_timeout');
    assert.equal(lastError?.stage, 'token');
    assert.match(lastError.sentence, /IMDS at \S+ took the request and gave no token within 5 s/);
    assert.match(lastError.remedy, /curl -m 5 -H Metadata:true "http:\/\/127\.0\.0\.1:\d+\/metadata/);
    await imds.open(Number(new URL(rig.azure.imdsUrl).port));
    await rig.untilUnsealed(server);
    assert.equal(server.pid, pid);
  });

  test('Key Vault', async () => {
    await using rig = await Rig.build();
    const { server } = rig;
    await rig.startInitialised();
    await server.stop('SIGTERM');
    rig.azure.faults.add({ target: VAULT_NAME, kind: 'hang' });
    server.start();
    const { pid } = server;
    await assertUnderWay(server);
    const { lastError } = await rig.untilFault(server, 'keyvault_timeout');
    assert.equal(lastError?.stage, 'key');
    assert.match(lastError.sentence, /kv-test\S+ \(\S+\) took the request and gave no answer within 10 s/);
    assert.match(lastError.remedy, /curl -v https:\/\/kv-test\S+\/healthstatus/);
    rig.azure.faults.clear();
    await rig.untilUnsealed(server);
    assert.equal(server.pid, pid);
  });

  test('a node in the middle of such a call stops when it is told to', async () => {
    await using rig = await Rig.build();
    const { server } = rig;
    await rig.startInitialised();
    await server.stop('SIGTERM');
    rig.azure.faults.add({ target: VAULT_NAME, kind: 'hang' });
    const asked = untilVaultWasAsked(rig);
    server.start();
    await asked;
    const toldAt = performance.now();
    await server.stop('SIGTERM');
    const tookMs = performance.now() - toldAt;
    assert.ok(tookMs < 4_000, `stopped after ${tookMs} ms`);
  });
});

async function assertUnderWay(server: ServerProcess): Promise<void> {
  await until('the attempt to begin', async () =>
    (await server.client.sealStatus()).unsealState === 'unsealing' ? true : undefined,
  );
  assert.equal((await server.client.health()).status, 503);
  const printed = await runLatchkey(server, ['status'], '');
  assert.equal(printed.code, 2);
  assert.match(printed.stdout, /Why sealed: auto-unseal is under way\./);
}

test('told to wait a minute: it waits, says until when, and a SIGHUP makes it try at once', {
  timeout: 60_000,
}, async () => {
  await using rig = await Rig.build();
  const { server } = rig;
  await rig.startInitialised();
  await server.stop('SIGTERM');
  rig.azure.faults.add({ target: VAULT_NAME, kind: 'status', status: 429, retryAfterSeconds: 60 });
  server.start();
  const { lastError } = await rig.untilFault(server, 'keyvault_throttled');
  const waitMs = Date.parse(lastError?.nextAttemptAt ?? '') - Date.now();
  assert.ok(waitMs > 50_000 && waitMs <= 60_500, `${waitMs}`);
  hangUp(server);
  const { value: again } = await until('a second attempt', async () => {
    const status = await server.client.sealStatus();
    return status.lastError?.attempts === 2 ? status.lastError : undefined;
  });
  assert.equal(again.class, 'keyvault_throttled');
  rig.azure.faults.clear();
  const { pid } = server;
  hangUp(server);
  await rig.untilUnsealed(server);
  assert.equal(server.pid, pid);
});

test('a purged secret: said plainly, with the one thing that helps; a running node goes on without it', {
  timeout: 60_000,
}, async () => {
  await using rig = await Rig.build();
  const { server } = rig;
  const init = await rig.startInitialised();
  const secrets = rig.azure.secrets(VAULT_NAME);
  secrets.delete(SECRET_NAME);
  secrets.purge(SECRET_NAME);
  const root = server.client.withToken(init.rootToken);
  assert.equal((await root.read('auth/token/lookup-self'))?.data?.['display_name'], 'root');
  await server.stop('SIGTERM');
  server.start();
  const { lastError } = await rig.untilFault(server, 'keyvault_secret_not_found');
  assert.equal(lastError?.httpStatus, 404);
  assert.match(
    lastError.sentence,
    /vault-unseal-key\/[0-9a-f]{32}, which sealed this data, does not exist .* was purged/,
  );
  assert.match(lastError.remedy, /az keyvault secret restore --vault-name kv-test --file .*without a backup/);
  const printed = await runLatchkey(server, ['status'], '');
  assert.equal(printed.code, 2);
  assert.match(printed.stdout, /Why sealed: .*class keyvault_secret_not_found/);
});

test('another cluster wrote a newer version under the same name: the old one still opens this cluster', {
  timeout: 60_000,
}, async () => {
  await using rig = await Rig.build();
  const { server } = rig;
  await rig.startInitialised();
  const value = Buffer.alloc(32, 9).toString('base64');
  rig.azure.secrets(VAULT_NAME).set(SECRET_NAME, value, { 'latchkey-cluster-id': 'another' });
  await server.stop('SIGTERM');
  server.start();
  await rig.untilUnsealed(server);
});

function hangUp(server: ServerProcess): void {
  assert.ok(server.pid);
  process.kill(server.pid, 'SIGHUP');
}

async function untilVaultWasAsked({ azure }: Rig): Promise<void> {
  const before = azure.journal.entries().at(-1)?.number ?? 0;
  await until('the vault to be asked', async () =>
    azure.journal.entries({ target: VAULT_NAME, after: before }).length > 0 ? true : undefined,
  );
}
