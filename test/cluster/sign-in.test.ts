// Server processes that are told of their seal by the environment alone: the key variant, opened by a client secret, by a
// certificate and by a federated token, each after a restart, and by one that is put right while the node runs.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeClientCertificate } from '@latchkey/azure-emulator';
import { noteSecrets } from '../leaks/ledger.ts';
import { Rig, VAULT_NAME } from './rig.ts';

const ROLE = 'Key Vault Crypto Service Encryption User';
const ACCOUNT = { namespace: 'vault', serviceAccount: 'latchkey' };

let rig: Rig;
const earlier = { ...process.env };
before(async () => {
  rig = await Rig.build();
});
after(async () => {
  for (const name of Object.keys(process.env)) if (!(name in earlier)) delete process.env[name];
  await rig[Symbol.asyncDispose]();
});

/** Server processes inherit it. */
function setEnvironment(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

async function restart(): Promise<void> {
  await rig.server.stop('SIGKILL');
  rig.server.start();
}

test('environment only: key_name and a service principal; then a certificate; then a federated token', async () => {
  const { azure, server } = rig;
  const hcl = await readFile(server.configFile, 'utf8');
  await writeFile(server.configFile, hcl.slice(0, hcl.indexOf('seal "azurekeyvault"')));
  await azure.keys(VAULT_NAME).create('unseal');
  const application = azure.createApplication('latchkey');
  azure.assignRole({ principalId: application.principalId, role: ROLE, scope: rig.vault.id });
  noteSecrets([application.clientSecret]);
  setEnvironment({
    VAULT_SEAL_TYPE: 'azurekeyvault',
    VAULT_AZUREKEYVAULT_VAULT_NAME: VAULT_NAME,
    VAULT_AZUREKEYVAULT_KEY_NAME: 'unseal',
    // The local Azure has a suffix, an authority and a CA of its own; on Azure itself these three are not set.
    AZURE_AD_RESOURCE: `vault.localhost:${azure.port}`,
    AZURE_AUTHORITY_HOST: azure.authorityUrl,
    NODE_EXTRA_CA_CERTS: azure.caFile,
    AZURE_TENANT_ID: azure.tenantId,
    AZURE_CLIENT_ID: application.clientId,
    AZURE_CLIENT_SECRET: application.clientSecret,
  });
  await rig.start();
  const answer = await server.client.init({ recoveryShares: 3, recoveryThreshold: 2 });
  noteSecrets([answer.rootToken, ...answer.recoveryKeysBase64]);
  await rig.untilUnsealed(server);

  const { pem, certificatePem } = await makeClientCertificate('latchkey');
  application.addCertificate(certificatePem);
  const certificateFile = join(rig.folder, 'client.pem');
  await writeFile(certificateFile, pem, { mode: 0o600 });
  setEnvironment({ AZURE_CLIENT_SECRET: undefined, AZURE_CLIENT_CERTIFICATE_PATH: certificateFile });
  await restart();
  await rig.untilUnsealed(server);

  const tokenFile = join(rig.folder, 'token');
  azure.addFederatedCredential({
    principal: application.principalId,
    issuer: azure.aksIssuerUrl,
    subject: `system:serviceaccount:${ACCOUNT.namespace}:${ACCOUNT.serviceAccount}`,
  });
  await writeFile(tokenFile, await azure.aksToken({ ...ACCOUNT, issuedSecondsAgo: 7_200 }));
  setEnvironment({ AZURE_CLIENT_CERTIFICATE_PATH: undefined, AZURE_FEDERATED_TOKEN_FILE: tokenFile });
  await restart();
  const { lastError } = await rig.untilFault(server, 'entra_assertion_expired');
  assert.match(lastError?.sentence ?? '', /the clocks agree, so the token itself is old/);
  await writeFile(tokenFile, await azure.aksToken(ACCOUNT));
  // It is tried again by itself within a minute; a SIGHUP does not wait for that.
  process.kill(server.pid ?? 0, 'SIGHUP');
  await rig.untilUnsealed(server);

  const log = await rig.logOf(server);
  for (const way of ['client secret', 'certificate', 'federated token']) {
    assert.ok(log.includes('signing in to Azure as') && log.includes(`(${way})`), way);
  }
  assert.equal(azure.journal.entries({ target: 'imds' }).length, 0);
});
