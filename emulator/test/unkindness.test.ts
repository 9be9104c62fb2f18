// Faults for some requests only, throttling, slow roles, regions that fail, and the clock that tests move.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { SecretClient } from '@azure/keyvault-secrets';
import { type Azure, startAzure } from '../src/index.ts';
import { DEFAULT_SETTINGS } from '../src/settings.ts';
import {
  cryptographyClient,
  keyClient,
  refusal,
  secretClient,
  secretCredential,
  send,
  tokenFor,
} from './clients.ts';

const VAULT = 'unkind';
let azure: Azure;
let client: SecretClient;
let vaultId: string;

before(async () => {
  azure = await startAzure({ seed: 7 });
  vaultId = azure.createVault(VAULT).id;
  azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Administrator', scope: vaultId });
  client = secretClient(azure, VAULT);
  await client.setSecret('s', 'v');
});

afterEach(() => {
  azure.faults.clear();
  Object.assign(azure.settings, DEFAULT_SETTINGS);
});

after(() => azure.close());

async function admin(method: string, path: string, body?: unknown) {
  const response = await fetch(`${azure.adminUrl}/${path}`, {
    method,
    headers: { 'x-admin-token': azure.adminToken },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = (await response.json()) as {
    now: string;
    rolePropagationSeconds: number;
    error: { message: string };
  };
  return { status: response.status, json };
}

/** 200, or the status of the refusal. */
async function statusOf(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: { statusCode: number }) => error.statusCode,
  );
}

test('a fault of one identity leaves the others alone', async () => {
  const other = azure.createApplication('other');
  azure.assignRole({ principalId: other.principalId, role: 'Key Vault Secrets User', scope: vaultId });
  const theirs = secretClient(azure, VAULT, secretCredential(azure, other));
  azure.faults.add({
    target: VAULT,
    kind: 'status',
    status: 500,
    principalId: other.principalId.toUpperCase(),
  });
  assert.equal(await statusOf(theirs.getSecret('s')), 500);
  assert.equal(await statusOf(client.getSecret('s')), 200);
  azure.faults.clear();
  azure.faults.add({ target: 'entra', kind: 'status', status: 503, principalId: other.principalId });
  const form = (clientId: string) =>
    send(azure, 'POST', `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`, {
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId }).toString(),
    });
  assert.equal((await form(other.clientId)).status, 503);
  assert.notEqual((await form(azure.operator.clientId)).status, 503);
});

test('a fault of one action leaves the others alone', async () => {
  azure.faults.add({ target: VAULT, kind: 'status', status: 500, action: 'setSecret' });
  assert.equal(await statusOf(client.setSecret('t', 'v')), 500);
  assert.equal(await statusOf(client.getSecret('s')), 200);
  azure.faults.add({ target: 'arm', kind: 'status', status: 500, action: 'roleAssignments/' });
  const token = await tokenFor(azure, 'https://management.azure.com');
  const arm = async (path: string) =>
    (await send(azure, 'GET', `${azure.armUrl}${path}?api-version=2022-04-01`, { token })).status;
  assert.equal(await arm(`${vaultId}/providers/Microsoft.Authorization/roleAssignments`), 500);
  assert.equal(await arm('/subscriptions'), 200);
});

test('a fault lets some pass, and hits by percentage the same way for the same seed', async () => {
  azure.faults.add({ target: VAULT, kind: 'status', status: 500, letPass: 2, count: 1 });
  const seen: number[] = [];
  for (let call = 0; call < 4; call++) seen.push(await statusOf(client.getSecret('s')));
  assert.deepEqual(seen, [200, 200, 500, 200]);
  const hits = async (): Promise<string> => {
    await using own = await own7();
    own.azure.faults.add({ target: 'arm', kind: 'status', status: 500, percent: 30 });
    let marks = '';
    for (let call = 0; call < 40; call++) {
      const answer = await send(own.azure, 'GET', `${own.azure.armUrl}/metadata/endpoints`);
      marks += answer.status === 500 ? 'x' : '.';
    }
    return marks;
  };
  const first = await hits();
  assert.equal(await hits(), first);
  const hit = first.replaceAll('.', '').length;
  assert.ok(hit > 4 && hit < 20, first);
});

async function own7() {
  const own = await startAzure({ seed: 7 });
  return { azure: own, [Symbol.asyncDispose]: () => own.close() };
}

for (const [name, value] of [
  ['percent', 0],
  ['percent', 101],
  ['letPass', -1],
  ['action', 7],
  ['principalId', {}],
] as const) {
  test(`a fault with ${name} ${JSON.stringify(value)} is refused`, async () => {
    const answer = await admin('POST', 'faults', { target: VAULT, kind: 'hang', [name]: value });
    assert.equal(answer.status, 400);
    assert.match(answer.json.error.message, new RegExp(name));
  });
}

test('throttled by the published weights, with Retry-After; a client that waits gets through', async () => {
  await azure.keys(VAULT).create('big', { size: 3072 });
  const credential = secretCredential(azure);
  const id = (await keyClient(azure, VAULT, credential).getKey('big')).id ?? '';
  const crypto = cryptographyClient(azure, id, credential);
  const { result } = await crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32, 1));
  azure.settings.throttling = 'published';
  azure.settings.throttleFactor = 0.002;
  azure.clock.advance(20 - ((azure.clock.now() / 1000) % 10));
  // 4000 × 0.002 = 8, and a key of 3072 bits counts four.
  const statuses: number[] = [];
  for (let call = 0; call < 3; call++)
    statuses.push(await statusOf(crypto.unwrapKey('RSA-OAEP-256', result)));
  assert.deepEqual(statuses, [200, 200, 429]);
  const token = await tokenFor(azure, azure.keyVaultAudience);
  const raw = await send(azure, 'POST', `${id}/unwrapkey?api-version=7.4`, {
    token,
    body: JSON.stringify({ alg: 'RSA-OAEP-256', value: Buffer.from(result).toString('base64url') }),
  });
  assert.equal(raw.status, 429);
  const wait = Number(raw.headers['retry-after']);
  assert.ok(wait >= 1 && wait <= 10);
  azure.clock.advance(wait);
  assert.equal(await statusOf(crypto.unwrapKey('RSA-OAEP-256', result)), 200);
});

test('roles take their time, both ways', async () => {
  azure.settings.rolePropagationSeconds = 300;
  const app = azure.createApplication('slow');
  const theirs = secretClient(azure, VAULT, secretCredential(azure, app));
  azure.assignRole({ principalId: app.principalId, role: 'Key Vault Secrets User', scope: vaultId });
  assert.equal(await statusOf(theirs.getSecret('s')), 403);
  azure.clock.advance(301);
  assert.equal(await statusOf(theirs.getSecret('s')), 200);
  azure.removeRoles({ principalId: app.principalId });
  assert.equal(await statusOf(theirs.getSecret('s')), 200);
  azure.clock.advance(301);
  assert.equal(await statusOf(theirs.getSecret('s')), 403);
});

test('a region that is down answers 503; one that has failed over reads, works and does not write', async () => {
  await azure.keys(VAULT).create('k');
  const credential = secretCredential(azure);
  const crypto = cryptographyClient(azure, `${azure.vaultUri(VAULT)}/keys/k`, credential);
  azure.settings.region = 'down';
  assert.equal(await statusOf(client.getSecret('s')), 503);
  assert.equal((await send(azure, 'GET', `${azure.vaultUri(VAULT)}/keys`)).status, 503);
  azure.settings.region = 'read-only';
  assert.equal(await statusOf(client.getSecret('s')), 200);
  const { result } = await crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32));
  assert.equal(await statusOf(crypto.unwrapKey('RSA-OAEP-256', result)), 200);
  assert.equal(await statusOf(client.setSecret('s', 'w')), 503);
  assert.equal(await statusOf(keyClient(azure, VAULT, credential).rotateKey('k')), 503);
});

test('the metadata service can be updating', async () => {
  azure.settings.imds = 'updating';
  const url = `${azure.imdsUrl}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x`;
  assert.equal((await fetch(url, { headers: { metadata: 'true' } })).status, 410);
});

test('wrapping can be a matter of reading', async () => {
  await azure.keys(VAULT).create('w');
  const app = azure.createApplication('reader');
  azure.createRole({ roleName: 'Key reader', dataActions: ['Microsoft.KeyVault/vaults/keys/read'] });
  azure.assignRole({ principalId: app.principalId, role: 'Key reader', scope: vaultId });
  const crypto = cryptographyClient(azure, `${azure.vaultUri(VAULT)}/keys/w`, secretCredential(azure, app));
  const denied = await refusal(crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32)));
  assert.equal(denied.inner, 'ForbiddenByRbac');
  azure.settings.wrapNeeds = 'read';
  const { result } = await crypto.wrapKey('RSA-OAEP-256', Buffer.alloc(32));
  assert.equal(await statusOf(crypto.unwrapKey('RSA-OAEP-256', result)), 403);
});

test('the clock moves tokens and validity on, by the admin port too', async () => {
  const token = await tokenFor(azure, azure.keyVaultAudience);
  const ask = async () =>
    (await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets/s?api-version=7.4`, { token })).status;
  assert.equal(await ask(), 200);
  const before = await admin('GET', 'clock');
  const moved = await admin('POST', 'clock', { advanceSeconds: 7_200 });
  assert.ok(Date.parse(moved.json.now) - Date.parse(before.json.now) >= 7_200_000);
  assert.equal(await ask(), 401);
  assert.equal((await admin('POST', 'clock', { advanceSeconds: -1 })).status, 400);
  assert.equal((await admin('POST', 'clock', {})).status, 400);
});

test('settings are checked before any of them is changed', async () => {
  const changed = await admin('PATCH', 'settings', { region: 'down', rolePropagationSeconds: 60 });
  assert.equal(changed.json.rolePropagationSeconds, 60);
  for (const wrong of [
    { rolePropagationSeconds: '60' },
    { rolePropagationSeconds: 1e9 },
    { region: 'up', throttleFactor: 0 },
    { region: 1 },
  ]) {
    assert.equal((await admin('PATCH', 'settings', wrong)).status, 400);
  }
  assert.equal(azure.settings.region, 'down');
});
