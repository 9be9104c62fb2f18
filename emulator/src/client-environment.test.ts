import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { type Addresses, azConfigFiles, clientEnvironment, shellExports } from './client-environment.ts';

const ADDRESSES: Addresses = {
  authorityUrl: 'https://localhost:8443',
  armUrl: 'https://localhost:8443',
  keyVaultAudience: 'https://vault.localhost:8443',
  keyVaultDnsSuffix: 'vault.localhost:8443',
  imdsUrl: 'http://127.0.0.1:8444',
  proxyUrl: 'http://127.0.0.1:8446',
  adminUrl: 'http://127.0.0.1:8445',
  aksIssuerUrl: 'https://localhost:8443/aks/x/',
  tenantId: 'tenant',
  subscriptionId: 'subscription',
  operatorClientId: 'client',
  operatorObjectId: 'object',
  caFile: "/tmp/it's here/ca.pem",
  azConfigDir: '/tmp/az',
  intercept: false,
  pid: 1,
};

test('a shell reads back what was meant', () => {
  const script = `${shellExports(clientEnvironment(ADDRESSES))}\nprintf %s "$SSL_CERT_FILE"`;
  assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), ADDRESSES.caFile);
});

test('intercepted clients are told nothing of the authority', () => {
  const variables = clientEnvironment({ ...ADDRESSES, intercept: true });
  assert.equal(variables['AZURE_AUTHORITY_HOST'], undefined);
  assert.equal(variables['AZURE_TENANT_ID'], 'tenant');
  const files = azConfigFiles({ ...ADDRESSES, intercept: true });
  assert.deepEqual(Object.keys(files), ['config']);
});

test("az's files name the cloud, and an account only where one is given", () => {
  const files = azConfigFiles(ADDRESSES);
  assert.deepEqual(Object.keys(files).sort(), ['clouds.config', 'config']);
  assert.match(files['clouds.config'] ?? '', /^suffix_keyvault_dns = \.vault\.localhost:8443$/m);
  const signedIn = azConfigFiles(ADDRESSES, { clientId: 'client', clientSecret: 'quite secret' });
  assert.match(signedIn['service_principal_entries.json'] ?? '', /quite secret/);
  const { subscriptions } = JSON.parse(signedIn['azureProfile.json'] ?? '');
  assert.equal(subscriptions[0].environmentName, 'LocalAzure');
});
