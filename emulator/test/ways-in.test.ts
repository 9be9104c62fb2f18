// How clients find the emulator: the cloud's metadata, the AD FS form of the authority, the proxy, interception.

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Azure, startAzure } from '../src/index.ts';
import { send } from './clients.ts';

let azure: Azure;
let intercepting: Azure;

before(async () => {
  [azure, intercepting] = await Promise.all([startAzure(), startAzure({ intercept: true })]);
});

after(() => Promise.all([azure.close(), intercepting.close()]));

/** CONNECT through the proxy; the status of its answer, and the socket when there is a tunnel. */
function tunnel(through: Azure, authority: string): Promise<{ status: number; socket: Socket }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; socket: Socket }>();
  const request = httpRequest(through.proxyUrl, { method: 'CONNECT', path: authority, agent: false });
  request.on('connect', (response, socket) => resolve({ status: response.statusCode ?? 0, socket }));
  request.on('error', reject);
  request.end();
  return promise;
}

/** One GET through the proxy over TLS, certificate and name checked. */
async function getThrough(through: Azure, host: string, port: number, path: string) {
  const { status, socket } = await tunnel(through, `${host}:${port}`);
  assert.equal(status, 200);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const secure = connectTls({ socket, servername: host, ca: through.caPem }, () => {
    secure.write(
      `GET ${path} HTTP/1.1\r\nHost: ${port === 443 ? host : `${host}:${port}`}\r\nConnection: close\r\n\r\n`,
    );
  });
  let text = '';
  secure.on('data', (chunk) => {
    text += chunk;
  });
  secure.on('error', reject);
  secure.on('close', () => resolve(text));
  return promise;
}

function bodyOf(answer: string): Record<string, unknown> {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
}

test('the metadata of the cloud is there for everybody and names the AD FS form', async () => {
  const answer = await send(azure, 'GET', `${azure.armUrl}/metadata/endpoints?api-version=2022-09-01`);
  assert.equal(answer.status, 200);
  const body = answer.json as Record<string, unknown> & { suffixes: Record<string, string> };
  assert.deepEqual(body['authentication'], {
    loginEndpoint: `${azure.authorityUrl}/adfs`,
    audiences: ['https://management.core.windows.net/', 'https://management.azure.com/'],
    tenant: azure.tenantId,
    identityProvider: 'AAD',
  });
  assert.equal(body.suffixes['keyVaultDns'], `vault.localhost:${azure.port}`);
  assert.equal(body['microsoftGraphResourceId'], `${azure.authorityUrl}/graph/`);
});

test('the AD FS form: discovery without a version, a token by scope or by resource, and the tenant stays what it is', async () => {
  const base = `${azure.authorityUrl}/adfs`;
  const discovery = await send(azure, 'GET', `${base}/.well-known/openid-configuration`);
  const { issuer, token_endpoint } = discovery.json as Record<string, string>;
  assert.ok(issuer?.startsWith(azure.authorityUrl));
  assert.equal(token_endpoint, `${base}/oauth2/token`);
  for (const [name, value] of [
    ['scope', `${azure.keyVaultAudience}/.default openid offline_access profile`],
    ['resource', azure.keyVaultAudience],
  ] as const) {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: azure.operator.clientId,
      client_secret: azure.operator.clientSecret,
      [name]: value,
    });
    const answer = await send(azure, 'POST', String(token_endpoint), { body: form.toString() });
    assert.equal(answer.status, 200, name);
    const { access_token, expires_in } = answer.json as { access_token: string; expires_in: number };
    assert.equal(typeof expires_in, 'number');
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(claims.tid, azure.tenantId);
    assert.equal(claims.aud, azure.keyVaultAudience);
  }
  assert.equal((await send(azure, 'GET', `${base}/v2.0/.well-known/openid-configuration`)).status, 404);
});

test('the challenge names the tenant, or on demand the AD FS form', async () => {
  azure.createVault('challenge');
  const ask = async () =>
    String((await send(azure, 'GET', `${azure.vaultUri('challenge')}/keys`)).headers['www-authenticate']);
  assert.match(await ask(), new RegExp(`authorization="${azure.authorityUrl}/${azure.tenantId}"`));
  azure.settings.challengeAuthority = 'adfs';
  assert.match(await ask(), new RegExp(`authorization="${azure.authorityUrl}/adfs"`));
  azure.settings.challengeAuthority = 'tenant';
});

test('through the proxy a vault is reached by its name, without a hosts file', async () => {
  azure.createVault('by-proxy');
  const answer = await getThrough(azure, 'by-proxy.vault.localhost', azure.port, '/secrets?api-version=7.4');
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.match(answer, /AKV10000/);
});

test('the proxy leads nowhere else', async () => {
  for (const authority of [
    'example.com:443',
    'localhost:1',
    'kv.vault.azure.net:443',
    'nonsense',
    'localhost:',
  ]) {
    const { status, socket } = await tunnel(azure, authority);
    assert.equal(status, 403, authority);
    socket.destroy();
  }
  const plain = await new Promise<number>((resolve, reject) => {
    httpRequest(azure.proxyUrl, { path: 'http://example.com/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
  assert.equal(plain, 403);
});

test("the proxy knows the metadata service's own address", async () => {
  const path = `http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(azure.keyVaultAudience)}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  httpRequest(azure.proxyUrl, { path, headers: { metadata: 'true' }, agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk) => {
      text += chunk;
    });
    response.on('end', () => resolve(text));
  })
    .on('error', reject)
    .end();
  assert.equal(JSON.parse(await promise).client_id, azure.systemAssigned.clientId);
});

test("intercepted: the public cloud's names answer with its addresses", async () => {
  intercepting.createVault('by-public-name');
  const vault = await getThrough(
    intercepting,
    'by-public-name.vault.azure.net',
    443,
    '/keys?api-version=7.4',
  );
  assert.match(
    vault,
    new RegExp(
      `Bearer authorization="https://login.microsoftonline.com/${intercepting.tenantId}", resource="https://vault.azure.net"`,
    ),
  );
  const metadata = bodyOf(
    await getThrough(intercepting, 'management.azure.com', 443, '/metadata/endpoints?api-version=2022-09-01'),
  );
  assert.deepEqual((metadata['suffixes'] as Record<string, string>)['keyVaultDns'], 'vault.azure.net');
  const discovery = bodyOf(
    await getThrough(
      intercepting,
      'login.microsoftonline.com',
      443,
      `/${intercepting.tenantId}/v2.0/.well-known/openid-configuration`,
    ),
  );
  assert.equal(discovery['issuer'], `https://login.microsoftonline.com/${intercepting.tenantId}/v2.0`);
});

test('without interception the public names are neither served nor certified', async () => {
  const { socket } = await tunnel(azure, `localhost:${azure.port}`);
  const refused = await new Promise<Error>((resolve, reject) => {
    const secure = connectTls({ socket, servername: 'management.azure.com', ca: azure.caPem }, () =>
      reject(new Error('the name was certified')),
    );
    secure.on('error', (error) => {
      secure.destroy();
      resolve(error);
    });
  });
  assert.match(refused.message, /does not match certificate/);
});
