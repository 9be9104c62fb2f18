// How applications and identities prove themselves: secrets, certificates, tokens of a federated issuer. First with
// the official credentials, then each check by itself.

import assert from 'node:assert/strict';
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { exportJWK, SignJWT } from 'jose';
import { type Application, type Azure, makeClientCertificate, startAzure } from '../src/index.ts';
import { agentFor, agentPolicy, keyClient, send } from './clients.ts';

const SUBJECT = 'system:serviceaccount:vault:vault-2';
let azure: Azure;
let now = Date.now();
let folder: string;

before(async () => {
  azure = await startAzure({ clock: { now: () => now } });
  folder = await mkdtemp(join(tmpdir(), 'credentials-test-'));
});

after(async () => {
  await azure.close();
  await rm(folder, { recursive: true, force: true });
});

function options() {
  return {
    authorityHost: azure.authorityUrl,
    disableInstanceDiscovery: true,
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries: 0 },
  };
}

function scope(): string {
  return `${azure.keyVaultAudience}/.default`;
}

async function ask(form: Record<string, string>) {
  const answer = await send(azure, 'POST', `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`, {
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: scope(), ...form }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const body = answer.json as {
    error?: string;
    error_codes?: number[];
    error_description?: string;
    access_token?: string;
  };
  return { status: answer.status, number: body.error_codes?.[0], ...body };
}

function assertionForm(clientId: string, assertion: string): Record<string, string> {
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return { client_id: clientId, client_assertion_type: type, client_assertion: assertion };
}

function claimsOf(token: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from((token ?? '').split('.')[1] ?? '', 'base64url').toString());
}

async function numberOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  assert.ok(error, 'the call went through');
  return /AADSTS\d+/.exec(error.message)?.[0];
}

test('ClientSecretCredential: any application, several secrets, each removable; an expired one says so', async () => {
  const app = azure.createApplication('with-secrets');
  const second = app.addSecret({ lifetimeSeconds: 60 });
  const credential = (secret: string) =>
    new ClientSecretCredential(azure.tenantId, app.clientId, secret, options());
  const { token } = await credential(app.clientSecret).getToken(scope());
  assert.equal(claimsOf(token)['oid'], app.principalId);
  assert.equal(claimsOf(token)['appidacr'], '1');
  await credential(second.secret).getToken(scope());
  now += 60_000;
  assert.equal(await numberOf(credential(second.secret).getToken(scope())), 'AADSTS7000222');
  await credential(app.clientSecret).getToken(scope());
  assert.ok(app.removeSecret(second.id));
  assert.equal(await numberOf(credential(second.secret).getToken(scope())), 'AADSTS7000215');
  assert.ok(app.removeSecret(app.clientSecret));
  assert.ok(!app.removeSecret(app.clientSecret));
  assert.equal(await numberOf(credential(app.clientSecret).getToken(scope())), 'AADSTS7000215');
  azure.deleteApplication(app.principalId);
  assert.equal(await numberOf(credential(app.clientSecret).getToken(scope())), 'AADSTS700016');
});

test('ClientCertificateCredential from a file works with its vault, until the certificate is removed', async () => {
  const app = azure.createApplication('with-certificate');
  const { pem, certificatePem } = await makeClientCertificate('with-certificate');
  const certificatePath = join(folder, 'client.pem');
  await writeFile(certificatePath, pem, { mode: 0o600 });
  const credential = () =>
    new ClientCertificateCredential(azure.tenantId, app.clientId, { certificatePath }, options());
  assert.equal(await numberOf(credential().getToken(scope())), 'AADSTS700027');
  const thumbprint = app.addCertificate(certificatePem);
  assert.equal(thumbprint, new X509Certificate(certificatePem).fingerprint.replaceAll(':', ''));
  const { token } = await credential().getToken(scope());
  assert.equal(claimsOf(token)['appidacr'], '2');
  const vault = azure.createVault('by-certificate');
  await azure.keys('by-certificate').create('k');
  azure.assignRole({ principalId: app.principalId, role: 'Key Vault Crypto User', scope: vault.id });
  assert.equal((await keyClient(azure, 'by-certificate', credential()).getKey('k')).name, 'k');
  assert.ok(app.removeCertificate(thumbprint));
  assert.equal(await numberOf(credential().getToken(scope())), 'AADSTS700027');
  assert.throws(() => app.addCertificate('no certificate'), RangeError);
});

test('WorkloadIdentityCredential: a token file of the AKS issuer, for an application and for an identity', async () => {
  const tokenFilePath = join(folder, 'token');
  await writeFile(tokenFilePath, await azure.aksToken({ namespace: 'vault', serviceAccount: 'vault-2' }));
  const vault = azure.createVault('by-workload');
  await azure.keys('by-workload').create('k');
  const application = azure.createApplication('workload');
  const identity = azure.createIdentity('workload-identity');
  for (const { clientId, principalId } of [application, identity]) {
    const credential = () =>
      new WorkloadIdentityCredential({ ...options(), tenantId: azure.tenantId, clientId, tokenFilePath });
    assert.equal(await numberOf(credential().getToken(scope())), 'AADSTS70021');
    const name = azure.addFederatedCredential({
      principal: principalId,
      issuer: azure.aksIssuerUrl,
      subject: SUBJECT,
    });
    azure.assignRole({ principalId, role: 'Key Vault Crypto User', scope: vault.id });
    assert.equal((await keyClient(azure, 'by-workload', credential()).getKey('k')).name, 'k');
    assert.equal(claimsOf((await credential().getToken(scope()))?.token)['oid'], principalId);
    assert.ok(azure.removeFederatedCredential(principalId, name));
    assert.equal(await numberOf(credential().getToken(scope())), 'AADSTS70021');
  }
});

test('federation compares issuer, subject and audience to the letter, and the time', async () => {
  const app = azure.createApplication('strict');
  const issuer = azure.aksIssuerUrl;
  azure.addFederatedCredential({ principal: app.principalId, issuer, subject: SUBJECT });
  const request = { namespace: 'vault', serviceAccount: 'vault-2' };
  const outcome = async (change: Partial<Parameters<Azure['aksToken']>[0]>) =>
    ask(assertionForm(app.clientId, await azure.aksToken({ ...request, ...change })));
  assert.equal((await outcome({})).status, 200);
  const cases = [
    [{ serviceAccount: 'vault-1' }, 700213, 401, 'invalid_client'],
    [{ namespace: 'other' }, 700213, 401, 'invalid_client'],
    [{ audience: 'https://kubernetes.default.svc' }, 700212, 401, 'invalid_client'],
    [{ issuedSecondsAgo: 4000 }, 700024, 401, 'invalid_client'],
  ] as const;
  for (const [change, number, status, error] of cases) {
    const refused = await outcome(change);
    assert.deepEqual([refused.number, refused.status, refused.error], [number, status, error]);
    assert.match(refused.error_description ?? '', new RegExp(`^AADSTS${number}: `));
  }
  // Entra forgives five minutes of difference between clocks, not more.
  assert.equal((await outcome({ lifetimeSeconds: 60, issuedSecondsAgo: 300 })).status, 200);
  assert.equal((await outcome({ lifetimeSeconds: 60, issuedSecondsAgo: 360 })).number, 700024);

  const upper = azure.createApplication('upper');
  azure.addFederatedCredential({ principal: upper.principalId, issuer, subject: SUBJECT.toUpperCase() });
  const noSlash = azure.createApplication('no-slash');
  azure.addFederatedCredential({
    principal: noSlash.principalId,
    issuer: issuer.slice(0, -1),
    subject: SUBJECT,
  });
  const token = await azure.aksToken(request);
  assert.equal((await ask(assertionForm(upper.clientId, token))).number, 7002138);
  assert.equal((await ask(assertionForm(noSlash.clientId, token))).number, 700211);
});

test('a token that the issuer did not sign is refused, also after the issuer changed its key', async () => {
  const app = azure.createApplication('signature');
  azure.addFederatedCredential({ principal: app.principalId, issuer: azure.aksIssuerUrl, subject: SUBJECT });
  const request = { namespace: 'vault', serviceAccount: 'vault-2' };
  const good = await azure.aksToken(request);
  const [header = '', payload = ''] = good.split('.');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = String(JSON.parse(Buffer.from(header, 'base64url').toString())['kid']);
  const forged = await new SignJWT(JSON.parse(Buffer.from(payload, 'base64url').toString()))
    .setProtectedHeader({ alg: 'RS256', kid })
    .sign(privateKey);
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.AAAA`;
  for (const bad of [forged, none, `${header}.${payload}.AAAA`]) {
    const refused = await ask(assertionForm(app.clientId, bad));
    assert.deepEqual([refused.status, refused.number], [401, 50013]);
  }
  assert.equal((await ask(assertionForm(app.clientId, good))).status, 200);
  azure.rotateAksKey();
  assert.equal((await ask(assertionForm(app.clientId, good))).number, 50013);
  assert.equal((await ask(assertionForm(app.clientId, await azure.aksToken(request)))).status, 200);
});

test('an issuer of a test’s own on loopback http; issuers elsewhere, silent or wrong, are refused in words', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] };
  let named = '';
  const server: Server = createServer((request, response) => {
    const discovery = request.url === '/.well-known/openid-configuration';
    response.end(JSON.stringify(discovery ? { issuer: named, jwks_uri: `${named}/keys` } : keys));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  named = issuer;
  const app = azure.createApplication('own-issuer');
  azure.addFederatedCredential({ principal: app.principalId, issuer, subject: 'repo:x', audience: 'aud' });
  azure.addFederatedCredential({
    principal: app.principalId,
    issuer: 'https://oidc.example.com',
    subject: 'repo:x',
    audience: 'aud',
  });
  const signed = (iss: string) =>
    new SignJWT({ iss, sub: 'repo:x', aud: ['other', 'aud'], exp: Math.floor(now / 1000) + 60 })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(privateKey);
  assert.equal((await ask(assertionForm(app.clientId, await signed(issuer)))).status, 200);
  const outside = await ask(assertionForm(app.clientId, await signed('https://oidc.example.com')));
  assert.deepEqual([outside.status, outside.number], [400, 90061]);
  assert.match(outside.error_description ?? '', /loopback only, not oidc\.example\.com/);
  named = 'http://127.0.0.1:1';
  assert.match(
    (await ask(assertionForm(app.clientId, await signed(issuer)))).error_description ?? '',
    /^AADSTS90061: .* names the issuer http:\/\/127\.0\.0\.1:1/,
  );
  await new Promise((resolve) => server.close(resolve));
  assert.equal((await ask(assertionForm(app.clientId, await signed(issuer)))).number, 90061);
});

test('faults on the AKS issuer show as an unreachable issuer', async () => {
  const app = azure.createApplication('issuer-down');
  azure.addFederatedCredential({ principal: app.principalId, issuer: azure.aksIssuerUrl, subject: SUBJECT });
  const token = await azure.aksToken({ namespace: 'vault', serviceAccount: 'vault-2' });
  azure.faults.add({ target: 'aks', kind: 'status', status: 503 });
  try {
    const refused = await ask(assertionForm(app.clientId, token));
    assert.equal(refused.number, 90061);
    assert.match(refused.error_description ?? '', /answered 503/);
  } finally {
    azure.faults.clear('aks');
  }
});

test('certificate assertions: each claim and the header are checked', async () => {
  const app: Application = azure.createApplication('own-assertion');
  const other = azure.createApplication('other-application');
  const { pem, certificatePem } = await makeClientCertificate('own-assertion');
  app.addCertificate(certificatePem);
  const { raw } = new X509Certificate(certificatePem);
  const key = createPrivateKey(pem);
  const sha256 = createHash('sha256').update(raw).digest('base64url');
  const sha1 = createHash('sha1').update(raw).digest('base64url');
  const endpoint = `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`;
  const seconds = Math.floor(now / 1000);
  const good = {
    iss: app.clientId,
    sub: app.clientId,
    aud: endpoint,
    nbf: seconds,
    exp: seconds + 600,
    jti: randomUUID(),
  };
  const outcome = async (
    claims: Record<string, unknown>,
    header: Record<string, string> = {},
    alg = 'PS256',
  ) => {
    const headers = Object.keys(header).length > 0 ? header : { 'x5t#S256': sha256 };
    const jwt = await new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg, ...headers }).sign(key);
    return (await ask(assertionForm(app.clientId, jwt))).number;
  };
  assert.equal(await outcome({}), undefined);
  assert.equal(await outcome({}, { x5t: sha1 }, 'RS256'), undefined);
  assert.equal(await outcome({ aud: `https://login.microsoftonline.com/${azure.tenantId}/v2.0` }), undefined);
  assert.equal(await outcome({}, { kid: 'x' }), 700027);
  assert.equal(await outcome({}, { 'x5t#S256': sha1 }), 700027);
  assert.equal(await outcome({}, { 'x5t#S256': sha256 }, 'RS512'), 700027);
  assert.equal(await outcome({ sub: other.clientId }), 700021);
  assert.equal(await outcome({ iss: other.clientId }), 700021);
  assert.equal(await outcome({ aud: 'https://example.com' }), 700023);
  assert.equal(await outcome({ aud: `${azure.authorityUrl}/${azure.tenantId}x` }), 700023);
  assert.equal(await outcome({ nbf: seconds - 1000, exp: seconds - 301 }), 700024);
  assert.equal(await outcome({ nbf: seconds + 301 }), 700024);
  const old = await makeClientCertificate('old', { notAfter: new Date(now - 1000) });
  app.addCertificate(old.certificatePem);
  const oldRaw = new X509Certificate(old.certificatePem).raw;
  const expired = await new SignJWT(good)
    .setProtectedHeader({ alg: 'PS256', 'x5t#S256': createHash('sha256').update(oldRaw).digest('base64url') })
    .sign(createPrivateKey(old.pem));
  const refused = await ask(assertionForm(app.clientId, expired));
  assert.equal(refused.number, 700027);
  assert.match(refused.error_description ?? '', /The key used is expired/);
});

test('assertions that are wrong in form', async () => {
  const app = azure.createApplication('form');
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'https://x', sub: 's', aud: 'a', exp: 1 };
  const bad = [
    'x',
    'a.b',
    'a.b.c',
    `${part({})}.${part(null)}.AAAA`,
    `${part([])}.${part(claims)}.AAAA`,
    `${part({})}.${part({ ...claims, exp: '1' })}.AAAA`,
    `${part({})}.${part({ ...claims, iss: 5 })}.AAAA`,
    `${part({})}.${part({ ...claims, sub: undefined })}.AAAA`,
    `${part({})}.${part({ ...claims, aud: [1] })}.AAAA`,
    `${part({})}.${part({ ...claims, aud: undefined })}.AAAA`,
    `${part({})}.${part(claims)}.`,
    'A'.repeat(20_000),
  ];
  for (const assertion of bad) {
    const refused = await ask(assertionForm(app.clientId, assertion));
    assert.deepEqual([refused.status, refused.number], [400, 50027], assertion.slice(0, 60));
  }
  const { client_assertion_type: _, ...untyped } = assertionForm(app.clientId, 'x.y.z');
  assert.equal((await ask(untyped)).number, 900144);
  assert.equal((await ask({ client_id: app.clientId })).number, 7000218);
  azure.addFederatedCredential({
    principal: app.principalId,
    issuer: 'https://x',
    subject: 's',
    audience: 'a',
  });
  const huge = `${part({})}.${part({ ...claims, exp: 1e300, nbf: 1e300 })}.AAAA`;
  assert.equal((await ask(assertionForm(app.clientId, huge))).number, 700024);
});

test('the AKS issuer says who it is and hides its private key', async () => {
  const document = await send(azure, 'GET', `${azure.aksIssuerUrl}.well-known/openid-configuration`);
  const { issuer, jwks_uri } = document.json as { issuer: string; jwks_uri: string };
  assert.equal(issuer, azure.aksIssuerUrl);
  const { keys } = (await send(azure, 'GET', jwks_uri)).json as { keys: Record<string, string>[] };
  assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  assert.equal((await send(azure, 'GET', `${azure.authorityUrl}/aks/none/openid/v1/jwks`)).status, 404);
  assert.equal((await send(azure, 'POST', jwks_uri)).status, 405);
  await assert.rejects(azure.aksToken({ namespace: 'Not Valid', serviceAccount: 'x' }), RangeError);
});
