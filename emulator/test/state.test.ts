// State that outlives the process, and snapshots.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Azure, type AzureOptions, startAzure } from '../src/index.ts';
import { cryptographyClient, secretClient, secretCredential, send, tokenFor } from './clients.ts';

const CLI = join(import.meta.dirname, '../src/cli.ts');
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azure-emulator-state-'));
});
const running: ChildProcess[] = [];
after(async () => {
  // A test that failed has left some.
  for (const child of running) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function started(options: AzureOptions) {
  const azure = await startAzure(options);
  return { azure, [Symbol.asyncDispose]: () => azure.close() };
}

async function statusOf(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: { statusCode: number }) => error.statusCode,
  );
}

test('everything is there again: ids, credentials, roles, secrets, keys, deleted ones, the CA and the clock', async () => {
  const data = join(folder, 'everything');
  const made = await remember(data);
  await using own = await started({ data });
  const { azure } = own;
  assert.notEqual(azure.port, made.port);
  assert.equal(azure.tenantId, made.tenantId);
  assert.equal(azure.caPem, made.caPem);
  assert.deepEqual(azure.operator, made.operator);
  assert.deepEqual(azure.systemAssigned, made.systemAssigned);
  const credential = secretCredential(azure, made.app);
  assert.equal((await secretClient(azure, 'kept', credential).getSecret('s')).value, 'v');
  const crypto = cryptographyClient(azure, `${azure.vaultUri('kept')}/keys/k`, credential);
  const { result } = await crypto.unwrapKey('RSA-OAEP-256', made.wrapped);
  assert.deepEqual(Buffer.from(result), Buffer.alloc(32, 7));
  assert.equal(await statusOf(secretClient(azure, 'kept').getSecret('s')), 403);
  assert.equal(azure.recoverVault('gone'), true);
  assert.ok(azure.clock.now() > Date.now() + 3_000_000);
  assert.equal(azure.settings.secretValidity, 'enforced');
  // The federated credential trusts the issuer at its new address.
  const assertion = await azure.aksToken({ namespace: 'a', serviceAccount: 'b' });
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: made.identity.clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    scope: `${azure.keyVaultAudience}/.default`,
  });
  const url = `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`;
  assert.equal((await send(azure, 'POST', url, { body: form.toString() })).status, 200);
});

/** Makes one of everything, and closes. */
async function remember(data: string) {
  await using own = await started({ data });
  const { azure } = own;
  const { id } = azure.createVault('kept');
  azure.createVault('gone');
  azure.deleteVault('gone');
  const app = azure.createApplication('app');
  azure.createRole({ roleName: 'All', dataActions: ['Microsoft.KeyVault/vaults/*'] });
  azure.assignRole({ principalId: app.principalId, role: 'All', scope: id });
  const identity = azure.createIdentity('vault-identity');
  azure.addFederatedCredential({
    principal: identity.principalId,
    issuer: azure.aksIssuerUrl,
    subject: 'system:serviceaccount:a:b',
  });
  await azure.aksToken({ namespace: 'a', serviceAccount: 'b' });
  await azure.keys('kept').create('k');
  azure.secrets('kept').set('s', 'v');
  azure.clock.advance(3_600);
  azure.settings.secretValidity = 'enforced';
  const crypto = cryptographyClient(azure, `${azure.vaultUri('kept')}/keys/k`, secretCredential(azure, app));
  const { result: wrapped } = await crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32, 7));
  const { tenantId, caPem, operator, systemAssigned, port } = azure;
  return { port, tenantId, caPem, operator, systemAssigned, app, identity, wrapped };
}

test('what was answered is there after kill -9; the file is for its owner alone, and the folder for one process', async () => {
  const data = join(folder, 'killed');
  const first = await launch(data);
  const token = await operatorToken(first.azure);
  const path = `/subscriptions/${first.azure.subscriptionId}/resourceGroups/made?api-version=2021-04-01`;
  const put = await send(first.azure, 'PUT', `${first.azure.armUrl}${path}`, {
    token,
    body: '{"location":"eastus"}',
  });
  assert.equal(put.status, 201);
  await settings(first.azure, { method: 'PATCH', body: '{"challengeAuthority":"adfs"}' });
  await assert.rejects(startAzure({ data }), /already uses/);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  assert.equal((await stat(join(data, 'state.json'))).mode & 0o777, 0o600);
  const second = await launch(data);
  const again = await send(second.azure, 'GET', `${second.azure.armUrl}${path}`, { token });
  assert.equal(again.status, 200, 'the token of before is still believed');
  assert.equal((await settings(second.azure)).challengeAuthority, 'adfs', 'no default goes over it');
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
  await assert.rejects(
    startAzure({ data, tenantId: '11111111-1111-1111-1111-111111111111' }),
    /another tenantId/,
  );
});

/** A process with a data folder, as far as `send` needs it. */
async function launch(data: string): Promise<{ child: ChildProcess; azure: Azure }> {
  const credentials = `${data}.json`;
  const child = spawn(
    process.execPath,
    [CLI, 'start', '--port=0', '--quiet', `--data=${data}`, `--credentials-file=${credentials}`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.push(child);
  await once(child.stdout ?? child, 'data');
  const { clientId, clientSecret, ...addresses } = JSON.parse(await readFile(credentials, 'utf8'));
  const caPem = await readFile(addresses.caFile, 'utf8');
  return { child, azure: { ...addresses, caPem, operator: { clientId, clientSecret } } as Azure };
}

async function settings({ adminUrl, adminToken }: Azure, init: RequestInit = {}) {
  const answer = await fetch(`${adminUrl}/settings`, { ...init, headers: { 'x-admin-token': adminToken } });
  assert.equal(answer.status, 200);
  return (await answer.json()) as Azure['settings'];
}

function operatorToken(azure: Azure): Promise<string> {
  return tokenFor(azure, 'https://management.azure.com');
}

test('a start that fails leaves what was saved', async () => {
  const data = join(folder, 'port');
  const { tenantId } = await remember(data);
  const saved = await readFile(join(data, 'state.json'), 'utf8');
  await using other = await started({});
  await assert.rejects(startAzure({ data, port: other.azure.port }), { code: 'EADDRINUSE' });
  assert.equal(await readFile(join(data, 'state.json'), 'utf8'), saved);
  assert.ok(saved.includes(tenantId));
});

test('a file that is none of ours is refused and left as it is', async () => {
  const data = join(folder, 'broken');
  await remember(data);
  await writeFile(join(data, 'state.json'), '{"state":');
  await assert.rejects(startAzure({ data }));
  assert.equal(await readFile(join(data, 'state.json'), 'utf8'), '{"state":');
});

test('a snapshot is put back', async () => {
  await using own = await started({});
  const { azure } = own;
  azure.createVault('snap');
  azure.secrets('snap').set('s', 'before');
  await azure.keys('snap').create('k');
  const snapshot = azure.snapshot();
  azure.secrets('snap').set('s', 'after');
  azure.keys('snap').delete('k');
  azure.createVault('later');
  azure.settings.region = 'down';
  azure.restore(snapshot);
  assert.equal(azure.secrets('snap').get('s').value, 'before');
  assert.deepEqual(azure.keys('snap').names(), ['k']);
  assert.throws(() => azure.secrets('later'));
  assert.equal(azure.settings.region, 'up');
  azure.secrets('snap').set('s', 'after');
  azure.restore(snapshot);
  assert.equal(azure.secrets('snap').get('s').value, 'before', 'a snapshot can be put back twice');
});
