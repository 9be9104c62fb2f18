import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesFor, forwardTarget, isPublic, placeOf, tunnelTarget } from './hosts.ts';

const PLACES: [host: string, path: string, service: string][] = [
  ['localhost', '/subscriptions/x', 'arm'],
  ['localhost', '/tenants', 'arm'],
  ['localhost', '/metadata/endpoints', 'arm'],
  ['localhost', '/Graph/v1.0/me', 'graph'],
  ['localhost', '/aks/x', 'aks'],
  ['localhost', '/adfs/oauth2/token', 'entra'],
  ['127.0.0.1', '/common/discovery/instance', 'entra'],
  ['management.azure.com', '/', 'arm'],
  ['graph.microsoft.com', '/v1.0/me', 'graph'],
  ['login.microsoftonline.com', '/subscriptions', 'entra'],
  ['kv.vault.localhost', '/', 'vault'],
  ['kv.vault.azure.net', '/', 'vault'],
  ['vault.azure.net', '/', 'none'],
  ['a.b.vault.azure.net', '/', 'none'],
  ['evil-login.microsoftonline.com', '/', 'none'],
  ['example.com', '/', 'none'],
];

for (const [host, path, service] of PLACES) {
  test(`${host}${path} is ${service}`, () => {
    assert.equal(placeOf({ host, segments: path.split('/').filter(Boolean) }).service, service);
  });
}

test('addresses stand on the names that the request came by', () => {
  assert.equal(isPublic({ host: 'management.azure.com' }), true);
  assert.equal(isPublic({ host: 'kv.vault.localhost' }), false);
  assert.equal(addressesFor({ host: 'management.azure.com' }, 8443).vaultSuffix, 'vault.azure.net');
  assert.deepEqual(addressesFor({ host: '127.0.0.1' }, 8443), {
    authority: 'https://localhost:8443',
    loginEndpoint: 'https://localhost:8443/adfs',
    arm: 'https://localhost:8443',
    graph: 'https://localhost:8443/graph/',
    vaultSuffix: 'vault.localhost:8443',
  });
});

test('the proxy leads to the emulator alone, and to the public names only where they are intercepted', () => {
  const tunnel = (host: string, port: number, intercept: boolean) =>
    tunnelTarget({ host, port }, 8443, intercept);
  assert.equal(tunnel('kv.vault.localhost', 8443, false), 8443);
  assert.equal(tunnel('localhost', 8443, false), 8443);
  assert.equal(tunnel('localhost', 22, false), undefined);
  assert.equal(tunnel('kv.vault.azure.net', 443, false), undefined);
  assert.equal(tunnel('kv.vault.azure.net', 443, true), 8443);
  assert.equal(tunnel('kv.vault.azure.net', 8443, true), undefined);
  assert.equal(tunnel('example.com', 443, true), undefined);
  assert.equal(forwardTarget({ host: '169.254.169.254', port: 80 }, 8444), 8444);
  assert.equal(forwardTarget({ host: '127.0.0.1', port: 8444 }, 8444), 8444);
  assert.equal(forwardTarget({ host: '127.0.0.1', port: 8200 }, 8444), undefined);
});
