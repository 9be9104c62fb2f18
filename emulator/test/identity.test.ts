// Entra and IMDS through @azure/identity, and their errors.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { type Azure, startAzure } from '../src/index.ts';
import { secretCredential, send } from './clients.ts';

let azure: Azure;
let identity: { clientId: string; principalId: string; resourceId: string };

before(async () => {
  azure = await startAzure();
  identity = azure.createIdentity('vault-identity', { resourceGroup: 'my-resource-group' });
});

after(() => azure.close());

interface ImdsReply {
  access_token: string;
  client_id: string;
  error: string;
  error_description: string;
  [name: string]: string;
}

async function imds(
  query: Record<string, string>,
  headers: Record<string, string> = { metadata: 'true' },
  path = 'token',
) {
  const url = `${azure.imdsUrl}/metadata/identity/oauth2/${path}?${new URLSearchParams(query)}`;
  const response = await fetch(url, { headers });
  return { status: response.status, body: (await response.json()) as ImdsReply };
}

function basics(): Record<string, string> {
  return { 'api-version': '2018-02-01', resource: azure.keyVaultAudience };
}

async function token(
  form: Record<string, string>,
  path = 'oauth2/v2.0/token',
  headers: Record<string, string> = {},
) {
  const answer = await send(azure, 'POST', `${azure.authorityUrl}/${azure.tenantId}/${path}`, {
    body: new URLSearchParams(form).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
  return { status: answer.status, body: answer.json as Record<string, unknown> };
}

function secretForm(): Record<string, string> {
  return {
    grant_type: 'client_credentials',
    client_id: azure.operator.clientId,
    client_secret: azure.operator.clientSecret,
    scope: 'https://management.azure.com/.default',
  };
}

function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
}

test('ClientSecretCredential gets a token that the published key set verifies', async () => {
  const credential = secretCredential(azure);
  const { token: jwt } = await credential.getToken('https://management.azure.com/.default');
  const keys = await send(azure, 'GET', `${azure.authorityUrl}/${azure.tenantId}/discovery/v2.0/keys`);
  const { payload } = await jwtVerify(jwt, createLocalJWKSet(keys.json as JSONWebKeySet), {
    issuer: `https://sts.windows.net/${azure.tenantId}/`,
    audience: 'https://management.azure.com',
  });
  assert.equal(payload['oid'], azure.operator.objectId);
  assert.equal(payload['appid'], azure.operator.clientId);
});

test('discovery stands on the host that was asked', async () => {
  for (const [path, issuer] of [
    ['v2.0/.well-known/openid-configuration', `${azure.authorityUrl}/${azure.tenantId}/v2.0`],
    ['.well-known/openid-configuration', `${azure.authorityUrl}/${azure.tenantId}/`],
  ]) {
    const { json } = await send(azure, 'GET', `${azure.authorityUrl}/${azure.tenantId}/${path}`);
    const document = json as Record<string, string>;
    assert.equal(document['issuer'], issuer);
    assert.ok(document['token_endpoint']?.startsWith(azure.authorityUrl));
    assert.equal((await send(azure, 'GET', document['jwks_uri'] ?? '')).status, 200);
  }
  const query = new URLSearchParams({
    'api-version': '1.1',
    authorization_endpoint: `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/authorize`,
  });
  const { json } = await send(azure, 'GET', `${azure.authorityUrl}/common/discovery/instance?${query}`);
  const found = json as { tenant_discovery_endpoint: string };
  assert.equal((await send(azure, 'GET', found.tenant_discovery_endpoint)).status, 200);
});

test('scopes: Go appends OpenID scopes, and a double slash is meant', async () => {
  const go = await token({
    ...secretForm(),
    scope: 'https://vault.azure.net/.default openid offline_access profile',
  });
  assert.equal(claimsOf(String(go.body['access_token']))['aud'], 'https://vault.azure.net');
  assert.equal(go.body['expires_in'], 3599);
  const az = await token({ ...secretForm(), scope: 'https://management.core.windows.net//.default' });
  assert.equal(claimsOf(String(az.body['access_token']))['aud'], 'https://management.core.windows.net/');
});

test('the v1 endpoint takes a resource, and the secret may come by HTTP Basic', async () => {
  const { client_secret: _, scope: __, ...form } = secretForm();
  const pair = `${azure.operator.clientId}:${encodeURIComponent(azure.operator.clientSecret)}`;
  const answer = await token({ ...form, resource: 'https://vault.azure.net' }, 'oauth2/token', {
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.body['expires_in'], '3599');
  assert.equal(claimsOf(String(answer.body['access_token']))['aud'], 'https://vault.azure.net');
});

test('refusals carry the AADSTS number in code and text', async () => {
  const unknownId = '00000000-0000-4000-8000-000000000000';
  const cases: [number, number, string, Record<string, string>][] = [
    [7000215, 401, 'invalid_client', { client_secret: 'wrong' }],
    [7000218, 401, 'invalid_client', { client_secret: '' }],
    [700016, 400, 'unauthorized_client', { client_id: unknownId }],
    [700016, 400, 'unauthorized_client', { client_id: identity.clientId }],
    [500011, 400, 'invalid_resource', { scope: 'https://unknown.example/.default' }],
    [1002012, 400, 'invalid_scope', { scope: 'openid' }],
    [900144, 400, 'invalid_request', { scope: '' }],
    [900144, 400, 'invalid_request', { grant_type: '' }],
    [70003, 400, 'unsupported_grant_type', { grant_type: 'password' }],
  ];
  for (const [number, status, error, change] of cases) {
    const form = Object.fromEntries(
      Object.entries({ ...secretForm(), ...change }).filter(([, value]) => value),
    );
    const answer = await token(form);
    assert.equal(answer.status, status, JSON.stringify(change));
    assert.equal(answer.body['error'], error);
    assert.deepEqual(answer.body['error_codes'], [number]);
    assert.match(
      String(answer.body['error_description']),
      new RegExp(`^AADSTS${number}: .*\\r\\nTrace ID: `),
    );
    assert.ok(!JSON.stringify(answer.body).includes(azure.operator.clientSecret));
  }
  const other = await send(azure, 'POST', `${azure.authorityUrl}/${unknownId}/oauth2/v2.0/token`, {
    body: '',
  });
  assert.deepEqual((other.json as { error_codes: number[] }).error_codes, [90002]);
});

test('IMDS finds an identity by client id, object id and resource id; without one it is the machine', async () => {
  const selectors: Record<string, string>[] = [
    { client_id: identity.clientId.toUpperCase() },
    { object_id: identity.principalId },
    { msi_res_id: identity.resourceId.toLowerCase() },
  ];
  for (const selector of selectors) {
    const { status, body } = await imds({ ...basics(), ...selector });
    assert.equal(status, 200);
    assert.equal(body.client_id, identity.clientId);
    const claims = claimsOf(body.access_token);
    assert.equal(claims['oid'], identity.principalId);
    assert.equal(claims['aud'], azure.keyVaultAudience);
    assert.equal(claims['xms_mirid'], identity.resourceId);
    assert.ok(Object.values(body).every((value) => typeof value === 'string'));
    assert.equal(body['expires_in'], '86399');
    assert.equal(body['resource'], azure.keyVaultAudience);
    assert.equal(body['token_type'], 'Bearer');
  }
  const own = await imds(basics(), undefined, 'token/');
  assert.equal(own.body.client_id, azure.systemAssigned.clientId);
});

test('IMDS refuses what the real one refuses', async () => {
  const { resource: _, ...noResource } = basics();
  const { 'api-version': __, ...noVersion } = basics();
  const cases: [Record<string, string>, Record<string, string>, RegExp][] = [
    [basics(), {}, /metadata header/],
    [basics(), { metadata: 'false' }, /metadata header/],
    [basics(), { metadata: 'true', 'x-forwarded-for': '1.2.3.4' }, /X-Forwarded-For/],
    [noResource, { metadata: 'true' }, /'resource'/],
    [noVersion, { metadata: 'true' }, /'api-version'/],
    [{ ...basics(), 'api-version': 'latest' }, { metadata: 'true' }, /'api-version'/],
    [{ ...basics(), client_id: azure.operator.clientId }, { metadata: 'true' }, /^Identity not found$/],
    [{ ...basics(), client_id: '' }, { metadata: 'true' }, /^Identity not found$/],
    [{ ...basics(), client_id: identity.principalId }, { metadata: 'true' }, /^Identity not found$/],
    [{ ...basics(), client_id: 'a', object_id: 'b' }, { metadata: 'true' }, /Only one/],
    [{ ...basics(), resource: 'https://unknown.example' }, { metadata: 'true' }, /AADSTS500011/],
  ];
  for (const [query, headers, expected] of cases) {
    const { status, body } = await imds(query, headers);
    assert.equal(status, 400, JSON.stringify(query));
    assert.match(body.error_description, expected);
  }
  const posted = await fetch(`${azure.imdsUrl}/metadata/identity/oauth2/token`, {
    method: 'POST',
    headers: { metadata: 'true' },
  });
  assert.equal(posted.status, 405);
});

test('a detached identity is unknown until it is attached again', async () => {
  const query = { ...basics(), client_id: identity.clientId };
  assert.ok(azure.detachIdentity(identity.principalId));
  assert.equal((await imds(query)).status, 400);
  azure.attachIdentity(identity.principalId);
  assert.equal((await imds(query)).status, 200);
});

test('without a system-assigned identity the only user-assigned one answers, and two are ambiguous', async () => {
  azure.detachIdentity(azure.systemAssigned.principalId);
  try {
    assert.equal((await imds(basics())).body.client_id, identity.clientId);
    const second = azure.createIdentity('second');
    assert.match((await imds(basics())).body.error_description, /^Multiple user assigned identities exist/);
    assert.ok(azure.deleteIdentity('second'));
    azure.detachIdentity(identity.principalId);
    assert.match((await imds(basics())).body.error_description, /^Identity not found$/);
    assert.equal((await imds({ ...basics(), client_id: second.clientId })).status, 400);
  } finally {
    azure.attachIdentity(azure.systemAssigned.principalId);
    azure.attachIdentity(identity.principalId);
  }
});

test('the official ManagedIdentityCredential and SecretClient work with the environment alone', async () => {
  const { id } = azure.createVault('from-env');
  azure.assignRole({ principalId: identity.principalId, role: 'Key Vault Secrets Officer', scope: id });
  // Node does not resolve *.localhost by itself; a user of this process would have it in the hosts file.
  const script = `
    import dns from 'node:dns';
    const real = dns.lookup;
    dns.lookup = (name, options, callback) => real(name.endsWith('.localhost') ? '127.0.0.1' : name, options, callback);
    const { ManagedIdentityCredential } = await import('@azure/identity');
    const { SecretClient } = await import('@azure/keyvault-secrets');
    const client = new SecretClient(process.env.VAULT_URI, new ManagedIdentityCredential({ clientId: process.env.CLIENT_ID }));
    await client.setSecret('kek', 'from the child');
    process.stdout.write((await client.getSecret('kek')).value);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: azure.caFile,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsUrl,
      VAULT_URI: azure.vaultUri('from-env'),
      CLIENT_ID: identity.clientId,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, errors);
  assert.equal(out, 'from the child');
  assert.equal(azure.secrets('from-env').get('kek').value, 'from the child');
});
