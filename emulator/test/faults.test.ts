// Unkindness on purpose, through the TypeScript API and through the admin port, and the journal of it.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { SecretClient } from '@azure/keyvault-secrets';
import { type Azure, makeClientCertificate, startAzure } from '../src/index.ts';
import { secretClient, secretCredential, send, tokenFor } from './clients.ts';

const VAULT = 'faulty';
let azure: Azure;
let client: SecretClient;
let patient: SecretClient;

before(async () => {
  azure = await startAzure();
  const { id } = azure.createVault(VAULT);
  azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Secrets Officer', scope: id });
  client = secretClient(azure, VAULT);
  patient = secretClient(azure, VAULT, secretCredential(azure), 3);
  await client.setSecret('s', 'v');
  await patient.getSecret('s');
  azure.journal.clear();
});

afterEach(() => {
  azure.faults.clear();
  azure.journal.clear();
});

after(() => azure.close());

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    (error: { code?: string; name: string }) => error.code ?? error.name,
  );
}

async function imdsStatus(signal?: AbortSignal): Promise<number> {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource: azure.keyVaultAudience });
  const url = `${azure.imdsUrl}/metadata/identity/oauth2/token?${query}`;
  return (await fetch(url, { headers: { metadata: 'true' }, signal })).status;
}

async function admin(method: string, path: string, body?: unknown, token = azure.adminToken) {
  const response = await fetch(`${azure.adminUrl}/${path}`, {
    method,
    headers: token ? { 'x-admin-token': token } : {},
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, json: text ? JSON.parse(text) : undefined };
}

test('refuse resets the connection, for the next N requests', async () => {
  azure.faults.add({ target: VAULT.toUpperCase(), kind: 'refuse', count: 2 });
  assert.equal(await codeOf(client.getSecret('s')), 'ECONNRESET');
  assert.equal(await codeOf(client.getSecret('s')), 'ECONNRESET');
  assert.equal(await codeOf(client.getSecret('s')), 'answered');
  assert.equal(azure.faults.list()[0]?.hits, 2);
  assert.deepEqual(
    azure.journal.entries({ target: VAULT }).map((entry) => entry.decision),
    ['fault:refuse', 'fault:refuse', 'answered'],
  );
});

test('hang answers nothing until the client gives up; clearing helps the next request', async () => {
  azure.faults.add({ target: VAULT, kind: 'hang' });
  const first = new AbortController();
  const hanging = codeOf(client.getSecret('s', { abortSignal: first.signal }));
  await until(() => azure.journal.entries({ target: VAULT }).length === 1);
  assert.equal(azure.faults.clear(VAULT), 1);
  assert.equal(await codeOf(client.getSecret('s')), 'answered');
  first.abort();
  assert.equal(await hanging, 'AbortError');
});

test('delay answers late, and several add up', async () => {
  azure.faults.add({ target: VAULT, kind: 'delay', delayMs: 60 });
  azure.faults.add({ target: VAULT, kind: 'delay', delayMs: 60 });
  const start = performance.now();
  assert.equal(await codeOf(client.getSecret('s')), 'answered');
  assert.ok(performance.now() - start >= 118);
});

test('a status comes in the envelope of the service, and the official client retries by it', async () => {
  azure.faults.add({ target: VAULT, kind: 'status', status: 429, retryAfterSeconds: 0, count: 2 });
  assert.equal((await patient.getSecret('s')).value, 'v');
  assert.equal(azure.journal.entries({ target: VAULT }).length, 3);
  azure.faults.add({
    target: VAULT,
    kind: 'status',
    status: 403,
    code: 'Forbidden',
    innerCode: 'ForbiddenByFirewall',
    message: 'Client address is not authorized and caller is not a trusted service.',
    retryAfterSeconds: 7,
  });
  const answer = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets/s?api-version=7.4`);
  assert.equal(answer.headers['retry-after'], '7');
  assert.deepEqual(answer.json, {
    error: {
      code: 'Forbidden',
      message: 'Client address is not authorized and caller is not a trusted service.',
      innererror: { code: 'ForbiddenByFirewall' },
    },
  });
});

test('each target is hit alone: imds, entra, arm, one vault', async () => {
  azure.createVault('healthy');
  const calls: Record<string, () => Promise<number>> = {
    imds: () => imdsStatus(),
    entra: async () => (await send(azure, 'GET', `${azure.authorityUrl}/common/discovery/keys`)).status,
    arm: async () =>
      (await send(azure, 'GET', `${azure.armUrl}/subscriptions?api-version=2022-12-01`)).status,
    [VAULT]: async () =>
      (await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets?api-version=7.4`)).status,
    healthy: async () =>
      (await send(azure, 'GET', `${azure.vaultUri('healthy')}/secrets?api-version=7.4`)).status,
  };
  for (const target of Object.keys(calls)) {
    azure.faults.add({ target, kind: 'status', status: 503 });
    for (const [other, call] of Object.entries(calls)) {
      assert.equal((await call()) === 503, other === target, `${target} hit ${other}`);
    }
    azure.faults.clear();
  }
});

test('a fault may be for one method alone', async () => {
  azure.faults.add({ target: VAULT, kind: 'status', status: 500, method: 'PUT', count: 1 });
  assert.equal(await codeOf(client.getSecret('s')), 'answered');
  assert.equal(await codeOf(client.setSecret('s', 'v')), 'InternalServerError');
  assert.equal(await codeOf(client.setSecret('s', 'v')), 'answered');
});

test('IMDS can be reset and can hang', async () => {
  azure.faults.add({ target: 'imds', kind: 'refuse', count: 1 });
  await assert.rejects(
    imdsStatus(),
    (error: Error) => (error.cause as { code: string }).code === 'ECONNRESET',
  );
  azure.faults.add({ target: 'imds', kind: 'hang', count: 1 });
  await assert.rejects(imdsStatus(AbortSignal.timeout(50)), { name: 'TimeoutError' });
  assert.equal(await imdsStatus(), 200);
});

test('faults that make no sense are refused', () => {
  for (const spec of [
    { target: '', kind: 'hang' },
    { target: 'x', kind: 'explode' },
    { target: 'x', kind: 'delay' },
    { target: 'x', kind: 'status' },
    { target: 'x', kind: 'status', status: 200 },
    { target: 'x', kind: 'hang', count: 0 },
    { target: 'x', kind: 'delay', delayMs: -1 },
    { target: 'x', kind: 'delay', delayMs: '5' },
    { target: 'x', kind: 'status', status: 429, retryAfterSeconds: 1.5 },
    { target: 'x', kind: 'hang', method: 5 },
  ]) {
    assert.throws(() => azure.faults.add(spec as never), RangeError, JSON.stringify(spec));
  }
  assert.deepEqual(azure.faults.list(), []);
});

test('the admin port does the same, for those who hold its token', async () => {
  for (const token of ['', 'wrong', `${azure.adminToken}x`]) {
    for (const [method, path] of [
      ['GET', 'faults'],
      ['POST', 'faults'],
      ['GET', 'journal'],
      ['GET', 'nowhere'],
    ]) {
      assert.equal((await admin(method ?? '', path ?? '', undefined, token)).status, 401);
    }
  }
  const added = await admin('POST', 'faults', { target: VAULT, kind: 'status', status: 503, count: 5 });
  assert.equal(added.status, 201);
  const { status } = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets?api-version=7.4`);
  assert.equal(status, 503);
  assert.equal((await admin('GET', 'faults')).json.faults[0].hits, 1);
  assert.deepEqual((await admin('DELETE', `faults/${added.json.id}`)).json, { cleared: 1 });
  await admin('POST', 'faults', { target: VAULT, kind: 'hang' });
  assert.deepEqual((await admin('DELETE', 'faults?target=imds')).json, { cleared: 0 });
  assert.deepEqual((await admin('DELETE', 'faults')).json, { cleared: 1 });
  for (const body of [{ target: VAULT, kind: 'hang', cuont: 1 }, { kind: 'hang' }, [], 'x']) {
    assert.equal((await admin('POST', 'faults', body)).status, 400);
  }
  assert.equal((await admin('GET', 'nowhere')).status, 404);
});

test('the journal tells who, what and what was decided, and holds no secret', async () => {
  const nobody = azure.createApplication('nobody');
  assert.equal(
    await codeOf(secretClient(azure, VAULT, secretCredential(azure, nobody)).getSecret('s')),
    'Forbidden',
  );
  await client.setSecret('s', 'a-very-secret-value');
  const { json } = await admin('GET', `journal?target=${VAULT}&principal=${nobody.principalId}`);
  assert.equal(json.entries.length, 1);
  const [entry] = json.entries;
  assert.equal(entry.action, 'Microsoft.KeyVault/vaults/secrets/getSecret/action');
  assert.deepEqual(
    [entry.method, entry.path, entry.decision, entry.status],
    ['GET', '/secrets/s/', 'denied', 403],
  );
  assert.deepEqual(
    (await admin('GET', `journal?after=${entry.number}&method=get&target=${VAULT}`)).json.entries,
    [],
  );
  const whole = JSON.stringify((await admin('GET', 'journal')).json);
  for (const secret of ['a-very-secret-value', nobody.clientSecret, azure.operator.clientSecret, 'eyJ']) {
    assert.ok(!whole.includes(secret));
  }
  assert.equal((await admin('GET', 'journal?after=x')).status, 400);
  assert.equal((await admin('DELETE', 'journal')).status, 204);
  assert.deepEqual(azure.journal.entries(), []);
});

test('settings and the identities of the machine can be turned at the admin port', async () => {
  assert.equal(
    (await admin('PATCH', 'settings', { unknownVault: 'not-found' })).json.unknownVault,
    'not-found',
  );
  const answer = await send(azure, 'GET', `${azure.vaultUri('unknown')}/secrets?api-version=7.4`);
  assert.equal(answer.status, 404);
  for (const change of [{ unknownVault: 'maybe' }, { other: 'x' }, { toString: 'x' }]) {
    assert.equal((await admin('PATCH', 'settings', change)).status, 400);
  }
  assert.equal((await admin('GET', 'settings')).json.unknownVault, 'not-found');
  await admin('PATCH', 'settings', { unknownVault: 'drop' });
  const identity = azure.createIdentity('by-admin');
  assert.deepEqual((await admin('DELETE', `machine/identities/${identity.clientId}`)).json, {
    detached: true,
  });
  assert.equal((await admin('PUT', `machine/identities/${identity.principalId}`)).status, 200);
  const { identities } = (await admin('GET', 'machine/identities')).json;
  assert.ok(identities.some((item: { clientId: string }) => item.clientId === identity.clientId));
  assert.equal((await admin('PUT', `machine/identities/${azure.operator.clientId}`)).status, 404);
});

test('close ends hanging connections and frees the ports', async () => {
  const other = await startAzure();
  other.faults.add({ target: 'imds', kind: 'hang' });
  other.faults.add({ target: 'hung', kind: 'hang' });
  other.faults.add({ target: 'arm', kind: 'delay', delayMs: 600_000 });
  const hanging = [
    fetch(`${other.imdsUrl}/metadata/identity/oauth2/token`, { headers: { metadata: 'true' } }),
    send(other, 'GET', `${other.vaultUri('hung')}/secrets?api-version=7.4`),
    send(other, 'GET', `${other.armUrl}/subscriptions`),
  ].map((call) =>
    call.then(
      () => 'answered',
      () => 'cut',
    ),
  );
  await until(() => other.faults.list().every((fault) => fault.hits === 1));
  await other.close();
  assert.deepEqual(await Promise.all(hanging), ['cut', 'cut', 'cut']);
  const again = await startAzure({ port: other.port });
  assert.equal(again.port, other.port);
  await again.close();
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited 5 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('applications, their credentials and service account tokens can be had at the admin port', async () => {
  const made = await admin('POST', 'applications', { displayName: 'from outside' });
  assert.equal(made.status, 201);
  const { clientId, principalId, clientSecret } = made.json;
  await tokenFor(azure, azure.keyVaultAudience, { clientId, clientSecret });
  const second = await admin('POST', `applications/${clientId}/secrets`, { lifetimeSeconds: 60 });
  assert.ok(await tokenFor(azure, azure.keyVaultAudience, { clientId, clientSecret: second.json.secret }));
  const { certificatePem } = await makeClientCertificate('from outside');
  const certificate = await admin('POST', `applications/${principalId}/certificates`, {
    pem: certificatePem,
  });
  assert.match(certificate.json.thumbprint, /^[0-9A-F]{40}$/);
  const token = await admin('POST', 'aks-tokens', { namespace: 'ns', serviceAccount: 'sa' });
  assert.equal(token.json.issuer, azure.aksIssuerUrl);
  const credential = {
    name: 'pod',
    properties: {
      issuer: token.json.issuer,
      subject: 'system:serviceaccount:ns:sa',
      audiences: ['api://AzureADTokenExchange'],
    },
  };
  const federated = `applications/${clientId}/federated-credentials`;
  assert.equal((await admin('POST', federated, credential)).status, 201);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    scope: `${azure.keyVaultAudience}/.default`,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token.json.token,
  });
  const url = `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`;
  assert.equal((await send(azure, 'POST', url, { body: form.toString() })).status, 200);

  const refusals: [number, string, unknown][] = [
    [400, 'applications', {}],
    [400, 'applications', { displayName: '' }],
    [404, `applications/${azure.systemAssigned.clientId}/secrets`, {}],
    [400, `applications/${clientId}/secrets`, { lifetimeSeconds: -1 }],
    [400, `applications/${clientId}/certificates`, { pem: 'nonsense' }],
    [400, federated, { name: 'pod' }],
    [409, federated, { ...credential, name: 'pod-2' }],
    [400, 'aks-tokens', { namespace: 'ns' }],
    [400, 'aks-tokens', { namespace: 'NS', serviceAccount: 'sa' }],
    [400, 'aks-tokens', { namespace: 'ns', serviceAccount: 'sa', lifetimeSeconds: 'long' }],
  ];
  for (const [status, path, body] of refusals) {
    assert.equal((await admin('POST', path, body)).status, status, `${path} ${JSON.stringify(body)}`);
    assert.equal((await admin('POST', path, body, 'wrong')).status, 401);
  }
});
