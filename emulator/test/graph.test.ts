// Microsoft Graph over HTTP, with real tokens, and what its changes do to sign-in.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GRAPH_OPERATIONS } from '../src/graph/operations.ts';
import { type Azure, makeClientCertificate, startAzure } from '../src/index.ts';
import { send, tokenFor } from './clients.ts';

let azure: Azure;
let token: string;

before(async () => {
  azure = await startAzure();
  token = await tokenFor(azure, `${azure.authorityUrl}/graph/`);
});

after(() => azure.close());

interface Body {
  id: string;
  appId: string;
  value: { id: string; appId: string; displayName: string; [name: string]: unknown }[];
  secretText: string;
  keyId: string;
  passwordCredentials: { keyId: string; secretText: null; displayName: string }[];
  keyCredentials: { customKeyIdentifier: string }[];
  error: { code: string; message: string };
  [name: string]: unknown;
}

async function graph(method: string, path: string, body?: unknown, as = token) {
  const answer = await send(azure, method, `${azure.authorityUrl}/graph/v1.0/${path}`, {
    token: as,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = (answer.json ?? {}) as Body;
  return { status: answer.status, json, code: json.error?.code };
}

const filtered = (list: string, filter: string) =>
  graph('GET', `${list}?%24filter=${encodeURIComponent(filter)}`);

for (const operation of GRAPH_OPERATIONS) {
  test(`${operation.method} ${operation.pattern} needs a token for Graph and a right in the directory`, async () => {
    const path = operation.pattern.replaceAll('*', 'x');
    const body = operation.method === 'GET' || operation.method === 'DELETE' ? undefined : {};
    const bare = await graph(operation.method, path, body, 'a.b.c');
    assert.equal(bare.code, 'InvalidAuthenticationToken');
    const arm = await tokenFor(azure, 'https://management.azure.com');
    const audience = await graph(operation.method, path, body, arm);
    assert.equal(audience.status, 401);
    assert.match(audience.json.error.message, /Invalid audience/);
    const nobody = azure.createApplication('nobody');
    const weak = await tokenFor(azure, 'https://graph.microsoft.com', nobody);
    const refused = await graph(operation.method, path, body, weak);
    assert.equal(refused.status, 403);
    assert.equal(refused.code, 'Authorization_RequestDenied');
    azure.deleteApplication(nobody.principalId);
  });
}

test('an identity is a service principal at once, by client id and by object id', async () => {
  const identity = azure.createIdentity('vault-identity');
  const found = await filtered(
    'servicePrincipals',
    `servicePrincipalNames/any(c:c eq '${identity.clientId}')`,
  );
  assert.equal(found.json.value.length, 1);
  assert.equal(found.json.value[0]?.id, identity.principalId);
  assert.equal(found.json.value[0]?.['servicePrincipalType'], 'ManagedIdentity');
  const stubs = await graph('POST', 'directoryObjects/getByIds', { ids: [identity.principalId, 'unknown'] });
  assert.deepEqual(
    stubs.json.value.map((stub) => [stub['@odata.type'], stub.id]),
    [['#microsoft.graph.servicePrincipal', identity.principalId]],
  );
  assert.equal(
    (await graph('GET', `servicePrincipals(appId='${identity.clientId}')`)).json.id,
    identity.principalId,
  );
  assert.equal((await graph('DELETE', `servicePrincipals/${identity.principalId}`)).status, 400);
});

test('an application signs in once it has a secret and a service principal, and no longer than it has both', async () => {
  const app = (await graph('POST', 'applications', { displayName: 'by-graph' })).json;
  const made = await graph('POST', `applications/${app.id}/addPassword`, {
    passwordCredential: { displayName: 'rbac', endDateTime: '2099-01-01T00:00:00Z' },
  });
  assert.equal(made.status, 200);
  const credentials = { clientId: app.appId, clientSecret: made.json.secretText };
  const signIn = async () => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      scope: `${azure.keyVaultAudience}/.default`,
    });
    const answer = await send(azure, 'POST', `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`, {
      body: form.toString(),
    });
    return (answer.json as { error_codes?: number[] }).error_codes?.[0] ?? answer.status;
  };
  assert.equal(await signIn(), 7000229);
  const principal = await graph('POST', 'servicePrincipals', { appId: app.appId });
  assert.equal(principal.status, 201);
  assert.notEqual(principal.json.id, app.id);
  assert.equal(await signIn(), 200);
  const again = await graph('POST', 'servicePrincipals', { appId: app.appId });
  assert.equal(again.status, 409);
  const shown = (await graph('GET', `applications/${app.id}`)).json.passwordCredentials[0];
  assert.deepEqual([shown?.keyId, shown?.displayName, shown?.secretText], [made.json.keyId, 'rbac', null]);
  await graph('POST', `applications/${app.id}/removePassword`, { keyId: made.json.keyId });
  assert.equal(await signIn(), 7000215);
  assert.equal((await graph('DELETE', `applications/${app.id}`)).status, 204);
  assert.equal(await signIn(), 700016);
  assert.equal((await graph('GET', `servicePrincipals/${principal.json.id}`)).status, 404);
});

test('certificates of an application are replaced as a list', async () => {
  const [first, second] = [await makeClientCertificate('a'), await makeClientCertificate('b')];
  const der = (pem: string) => new X509Certificate(pem).raw.toString('base64');
  const app = await graph('POST', 'applications', {
    displayName: 'certified',
    keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key: der(first.certificatePem) }],
  });
  assert.equal(app.json.keyCredentials.length, 1);
  const patched = await graph('PATCH', `applications/${app.json.id}`, {
    keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key: der(second.certificatePem) }],
  });
  assert.equal(patched.status, 204);
  const [only, ...others] = (await graph('GET', `applications/${app.json.id}`)).json.keyCredentials;
  assert.equal(
    only?.customKeyIdentifier,
    new X509Certificate(second.certificatePem).fingerprint.replaceAll(':', ''),
  );
  assert.equal(others.length, 0);
  const wrong = await graph('POST', 'applications', { displayName: 'x', keyCredentials: [{ key: 'AAAA' }] });
  assert.equal(wrong.status, 400);
  assert.equal((await filtered('applications', "displayName eq 'x'")).json.value.length, 0);
});

test('federated credentials of an application', async () => {
  const app = (await graph('POST', 'applications', { displayName: 'federated' })).json;
  const path = `applications/${app.id}/federatedIdentityCredentials`;
  const body = {
    name: 'from-aks',
    issuer: azure.aksIssuerUrl,
    subject: 'system:serviceaccount:a:b',
    audiences: ['api://AzureADTokenExchange'],
  };
  assert.equal((await graph('POST', path, body)).status, 201);
  assert.equal((await graph('POST', path, body)).status, 409);
  assert.equal(
    (await graph('PATCH', `${path}/from-aks`, { subject: 'system:serviceaccount:a:c' })).status,
    204,
  );
  assert.equal((await graph('GET', `${path}/from-aks`)).json['subject'], 'system:serviceaccount:a:c');
  assert.equal((await graph('GET', path)).json.value.length, 1);
  assert.equal((await graph('DELETE', `${path}/from-aks`)).status, 204);
  assert.equal((await graph('DELETE', `${path}/from-aks`)).status, 404);
});

test('what is not there, and what makes no sense', async () => {
  assert.equal((await graph('GET', 'me')).status, 400);
  assert.equal((await graph('GET', 'users/someone')).code, 'Request_ResourceNotFound');
  assert.deepEqual((await filtered('users', "userPrincipalName eq 'a@b.c'")).json.value, []);
  const orphan = await graph('POST', 'servicePrincipals', { appId: azure.tenantId });
  assert.match(orphan.json.error.message, / does not reference a valid application object/);
  assert.equal((await filtered('servicePrincipals', "owner eq 'x'")).code, 'Request_UnsupportedQuery');
  assert.equal((await graph('POST', 'applications', {})).status, 400);
  assert.equal((await graph('PUT', 'applications')).status, 405);
  assert.equal((await graph('GET', 'planner')).status, 400);
  assert.equal((await send(azure, 'GET', `${azure.authorityUrl}/graph/v9/me`, { token })).status, 400);
  const late = { passwordCredential: { endDateTime: '1999-01-01T00:00:00Z' } };
  const app = (await graph('POST', 'applications', { displayName: 'late' })).json;
  assert.equal((await graph('POST', `applications/${app.id}/addPassword`, late)).status, 400);
});
