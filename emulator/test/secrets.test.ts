// Key Vault's secrets through the official client.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { SecretClient } from '@azure/keyvault-secrets';
import { type Azure, startAzure } from '../src/index.ts';
import { collect, refusal, secretClient, secretCredential, send, tokenFor } from './clients.ts';

const VAULT = 'my-vault-for-auto-unseal';
let azure: Azure;
let client: SecretClient;
let officer: { clientId: string; clientSecret: string; principalId: string };
let vaultId: string;

before(async () => {
  azure = await startAzure();
  officer = azure.createApplication('officer');
  vaultId = azure.createVault(VAULT).id;
  azure.assignRole({ principalId: officer.principalId, role: 'Key Vault Secrets Officer', scope: vaultId });
  client = secretClient(azure, VAULT, secretCredential(azure, officer));
});

after(() => azure.close());

test('set and get, newest and by version; the id stands on the host and port that were asked', async () => {
  const first = await client.setSecret('kek', 'one', { tags: { cluster: 'c1' }, contentType: 'text/plain' });
  const second = await client.setSecret('kek', 'two');
  assert.match(first.properties.version ?? '', /^[0-9a-f]{32}$/);
  assert.equal(first.properties.id, `${azure.vaultUri(VAULT)}/secrets/kek/${first.properties.version}`);
  assert.equal((await client.getSecret('kek')).value, 'two');
  const old = await client.getSecret('kek', { version: first.properties.version });
  assert.equal(old.value, 'one');
  assert.deepEqual(old.properties.tags, { cluster: 'c1' });
  assert.equal(old.properties.contentType, 'text/plain');
  assert.equal(old.properties.recoveryLevel, 'Recoverable+Purgeable');
  assert.equal(old.properties.recoverableDays, 90);
  const versions = await collect(client.listPropertiesOfSecretVersions('kek'));
  assert.deepEqual(
    versions.map((version) => version.version),
    [first.properties.version, second.properties.version],
  );
  assert.equal((await client.getSecret('KEK')).properties.name, 'kek');
});

test('lists come in pages of 25, follow nextLink and hold no values', async () => {
  for (let index = 0; index < 53; index++) azure.secrets(VAULT).set(`page-${index}`, 'hidden-value');
  const names = (await collect(client.listPropertiesOfSecrets())).map((item) => item.name);
  assert.equal(names.filter((name) => name.startsWith('page-')).length, 53);
  assert.equal(new Set(names).size, names.length);
  const token = await tokenFor(azure, azure.keyVaultAudience, officer);
  const page = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets?api-version=7.4&maxresults=3`, {
    token,
  });
  const { value, nextLink } = page.json as { value: unknown[]; nextLink: string };
  assert.equal(value.length, 3);
  assert.ok(!page.text.includes('hidden-value'));
  const next = await send(azure, 'GET', nextLink, { token });
  assert.equal((next.json as { value: unknown[] }).value.length, 3);
});

test('update changes attributes and tags; a disabled version is refused by name', async () => {
  const { properties } = await client.setSecret('off', 'v');
  const version = properties.version ?? '';
  await client.updateSecretProperties('off', version, { enabled: false, tags: { a: '1' } });
  const refused = await refusal(client.getSecret('off'));
  assert.deepEqual([refused.status, refused.code, refused.inner], [403, 'Forbidden', 'SecretDisabled']);
  const [listed] = await collect(client.listPropertiesOfSecretVersions('off'));
  assert.equal(listed?.enabled, false);
  assert.deepEqual(listed?.tags, { a: '1' });
  await client.updateSecretProperties('off', version, { enabled: true });
  assert.equal((await client.getSecret('off')).value, 'v');
  assert.equal((await refusal(client.updateSecretProperties('none', version, {}))).code, 'SecretNotFound');
});

test('nbf and exp are a hint, as on Azure, unless the switch says otherwise', async () => {
  const past = new Date(Date.now() - 60_000);
  const future = new Date(Date.now() + 3_600_000);
  await client.setSecret('old', 'v', { expiresOn: past });
  await client.setSecret('young', 'v', { notBefore: future });
  assert.equal((await client.getSecret('old')).value, 'v');
  azure.settings.secretValidity = 'enforced';
  try {
    assert.equal((await refusal(client.getSecret('old'))).inner, 'SecretExpired');
    assert.equal((await refusal(client.getSecret('young'))).inner, 'SecretNotYetValid');
  } finally {
    azure.settings.secretValidity = 'informational';
  }
});

test('delete is soft: gone, name taken, recoverable, purgeable', async () => {
  await client.setSecret('temp', 'v');
  const poller = await client.beginDeleteSecret('temp', { intervalInMs: 1 });
  const deleted = await poller.pollUntilDone();
  assert.equal(deleted.recoveryId, `${azure.vaultUri(VAULT)}/deletedsecrets/temp`);
  const { deletedOn, scheduledPurgeDate } = deleted;
  assert.equal((scheduledPurgeDate?.getTime() ?? 0) - (deletedOn?.getTime() ?? 0), 90 * 86_400_000);
  assert.equal((await refusal(client.getSecret('temp'))).code, 'SecretNotFound');
  const taken = await refusal(client.setSecret('temp', 'again'));
  assert.deepEqual(
    [taken.status, taken.code, taken.inner],
    [409, 'Conflict', 'ObjectIsDeletedButRecoverable'],
  );
  assert.deepEqual(
    (await collect(client.listDeletedSecrets())).map((item) => item.name),
    ['temp'],
  );
  await (await client.beginRecoverDeletedSecret('temp', { intervalInMs: 1 })).pollUntilDone();
  assert.equal((await client.getSecret('temp')).value, 'v');
  await (await client.beginDeleteSecret('temp', { intervalInMs: 1 })).pollUntilDone();
  await client.purgeDeletedSecret('temp');
  assert.equal((await refusal(client.getDeletedSecret('temp'))).status, 404);
  await client.setSecret('temp', 'new');
  assert.equal((await client.getSecret('temp')).value, 'new');
});

test('purge protection forbids purging', async () => {
  const { id } = azure.createVault('protected', { purgeProtection: true });
  azure.assignRole({ principalId: officer.principalId, role: 'Key Vault Secrets Officer', scope: id });
  const guarded = secretClient(azure, 'protected', secretCredential(azure, officer));
  const { properties } = await guarded.setSecret('s', 'v');
  assert.equal(properties.recoveryLevel, 'Recoverable');
  await (await guarded.beginDeleteSecret('s', { intervalInMs: 1 })).pollUntilDone();
  assert.equal((await refusal(guarded.purgeDeletedSecret('s'))).status, 403);
  assert.equal((await guarded.getDeletedSecret('s')).name, 's');
});

test('limits: 25 KB a value, 15 tags, the name rule', async () => {
  await client.setSecret('big', 'x'.repeat(25_600));
  assert.equal((await refusal(client.setSecret('big', 'x'.repeat(25_601)))).code, 'BadParameter');
  assert.equal((await refusal(client.setSecret('big', 'ä'.repeat(12_801)))).code, 'BadParameter');
  const tags = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'v']));
  await client.setSecret('tagged', 'v', { tags: tags(15) });
  assert.equal((await refusal(client.setSecret('tagged', 'v', { tags: tags(16) }))).code, 'BadParameter');
  assert.equal(
    (await refusal(client.setSecret('tagged', 'v', { tags: { a: 'x'.repeat(257) } }))).status,
    400,
  );
  for (const name of ['under_score', 'dot.dot', 'x'.repeat(128)]) {
    assert.equal((await refusal(client.setSecret(name, 'v'))).status, 400, name);
  }
});

test('the 403 is word for word the one of Azure, with CRLF lines', async () => {
  const nobody = azure.createApplication('nobody');
  const token = await tokenFor(azure, azure.keyVaultAudience, nobody);
  const answer = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets/KEK/?api-version=7.4`, { token });
  assert.equal(answer.status, 403);
  assert.deepEqual(answer.json, {
    error: {
      code: 'Forbidden',
      message:
        'Caller is not authorized to perform action on resource.\r\n' +
        'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\n' +
        `Caller: appid=${nobody.clientId};oid=${nobody.principalId};iss=https://sts.windows.net/${azure.tenantId}/\r\n` +
        "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n" +
        `Resource: '${vaultId.toLowerCase()}/secrets/kek'\r\n` +
        'Assignment: (not found)\r\n' +
        'DenyAssignmentId: null\r\n' +
        "DecisionReason: 'DeniedWithNoValidRBAC' \r\n" +
        `Vault: ${VAULT};location=eastus\r\n`,
      innererror: { code: 'ForbiddenByRbac' },
    },
  });
});

test('a role on one secret opens that secret and no other', async () => {
  const reader = azure.createApplication('one-secret');
  azure.assignRole({
    principalId: reader.principalId,
    role: 'Key Vault Secrets User',
    scope: `${vaultId.toUpperCase().replace('/SUBSCRIPTIONS/', '/subscriptions/')}/secrets/only`,
  });
  await client.setSecret('only', 'yes');
  const narrow = secretClient(azure, VAULT, secretCredential(azure, reader));
  assert.equal((await narrow.getSecret('only')).value, 'yes');
  assert.equal((await refusal(narrow.getSecret('kek'))).inner, 'ForbiddenByRbac');
  assert.equal((await refusal(narrow.setSecret('only', 'no'))).inner, 'ForbiddenByRbac');
  azure.removeRoles({ principalId: reader.principalId });
  assert.equal((await refusal(narrow.getSecret('only'))).inner, 'ForbiddenByRbac');
});

test('in an access-policy vault policies decide and roles do not', async () => {
  const app = azure.createApplication('policy-app');
  const empty = { keys: [], certificates: [], storage: [] };
  const { id } = azure.createVault('policies', {
    rbac: false,
    accessPolicies: [
      {
        tenantId: azure.tenantId,
        objectId: app.principalId,
        permissions: { ...empty, secrets: ['Get', 'list', 'SET'] },
      },
    ],
  });
  azure.assignRole({ principalId: app.principalId, role: 'Key Vault Administrator', scope: id });
  const limited = secretClient(azure, 'policies', secretCredential(azure, app));
  await limited.setSecret('s', 'v');
  assert.equal((await limited.getSecret('s')).value, 'v');
  const refused = await refusal(limited.beginDeleteSecret('s'));
  assert.deepEqual([refused.status, refused.inner], [403, 'AccessDenied']);
  // A policy of another tenant is about another principal, even if the object id were the same.
  const stranger = azure.createApplication('stranger');
  const foreign = { tenantId: randomUUID(), objectId: stranger.principalId };
  azure.createVault('policies', {
    rbac: false,
    accessPolicies: [{ ...foreign, permissions: { ...empty, secrets: ['all'] } }],
  });
  const other = secretClient(azure, 'policies', secretCredential(azure, stranger));
  assert.equal((await refusal(other.getSecret('s'))).inner, 'AccessDenied');
  assert.match(
    refused.text,
    /does not have secrets delete permission on key vault 'policies;location=eastus'/,
  );
});

test('a deleted vault is a name that nobody knows, until it is recovered', async () => {
  const { id } = azure.createVault('short-lived');
  azure.assignRole({ principalId: officer.principalId, role: 'Key Vault Secrets Officer', scope: id });
  const there = secretClient(azure, 'short-lived', secretCredential(azure, officer));
  await there.setSecret('s', 'v');
  assert.ok(azure.deleteVault('short-lived'));
  assert.equal((await refusal(there.getSecret('s'))).code, 'ECONNRESET');
  azure.settings.unknownVault = 'not-found';
  assert.equal((await refusal(there.getSecret('s'))).status, 404);
  azure.settings.unknownVault = 'drop';
  assert.ok(azure.recoverVault('short-lived'));
  // Its role assignments went with it.
  assert.equal((await refusal(there.getSecret('s'))).inner, 'ForbiddenByRbac');
  azure.assignRole({ principalId: officer.principalId, role: 'Key Vault Secrets Officer', scope: id });
  assert.equal((await there.getSecret('s')).value, 'v');
});
