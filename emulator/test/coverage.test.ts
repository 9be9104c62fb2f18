// Every operation of Key Vault and ARM, tried without a token, with the wrong audience, another tenant's vault, the
// wrong role and the wrong scope. It walks the routing tables, so that a new operation cannot be left out.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { OPERATIONS } from '../src/arm/operations.ts';
import { parseArmPath } from '../src/arm/path.ts';
import { type Azure, startAzure } from '../src/index.ts';
import { VAULT_ROUTES } from '../src/key-vault/handler.ts';
import { type Answer, send, tokenFor } from './clients.ts';

let azure: Azure;
let vaultId: string;
let keyVersion: string;
let vaultToken: string;
let armToken: string;
let nobody: { clientId: string; clientSecret: string; principalId: string };
let nobodyVaultToken: string;
let nobodyArmToken: string;

before(async () => {
  azure = await startAzure();
  vaultId = azure.createVault('guarded').id;
  azure.createVault('neighbour');
  azure.createVault('elsewhere', { tenantId: randomUUID() });
  azure.secrets('guarded').set('s', 'v');
  keyVersion = await azure.keys('guarded').create('s');
  nobody = azure.createApplication('nobody');
  azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Administrator', scope: vaultId });
  vaultToken = await tokenFor(azure, azure.keyVaultAudience);
  armToken = await tokenFor(azure, 'https://management.core.windows.net/');
  nobodyVaultToken = await tokenFor(azure, azure.keyVaultAudience, nobody);
  nobodyArmToken = await tokenFor(azure, 'https://management.azure.com', nobody);
});

after(() => azure.close());

interface ErrorBody {
  error: { code: string; message: string; innererror?: { code: string } };
}

function errorOf(answer: Answer): ErrorBody['error'] {
  return (answer.json as ErrorBody).error;
}

function callVault(
  route: (typeof VAULT_ROUTES)[number],
  options: { token?: string; vault?: string; version?: string },
) {
  const path = route.pattern.replace(':name', 's').replace(':version', 'a'.repeat(32));
  const bodies: Record<string, string> = { PUT: '{"value":"changed"}', PATCH: '{}', POST: '{"kty":"RSA"}' };
  const body = bodies[route.method];
  return send(
    azure,
    route.method,
    `${azure.vaultUri(options.vault ?? 'guarded')}/${path}?api%2Dversion=7.4`,
    {
      token: options.token,
      body,
    },
  );
}

for (const route of VAULT_ROUTES) {
  test(`Key Vault ${route.method} ${route.pattern}`, async () => {
    const bare = await callVault(route, {});
    assert.equal(bare.status, 401);
    assert.deepEqual(bare.json, {
      error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' },
    });
    assert.equal(
      bare.headers['www-authenticate'],
      `Bearer authorization="${azure.authorityUrl}/${azure.tenantId}", resource="${azure.keyVaultAudience}"`,
    );
    const garbled = await callVault(route, { token: `${vaultToken.slice(0, -4)}AAAA` });
    assert.equal(garbled.status, 401);
    assert.match(String(garbled.headers['www-authenticate']), /, error="invalid_token"$/);
    const audience = await callVault(route, { token: armToken });
    assert.equal(audience.status, 401);
    assert.equal(
      errorOf(audience).message,
      `AKV10022: Invalid audience. Expected ${azure.keyVaultAudience}, found: https://management.core.windows.net/.`,
    );
    const tenant = await callVault(route, { token: vaultToken, vault: 'elsewhere' });
    assert.equal(tenant.status, 401);
    assert.match(
      errorOf(tenant).message,
      /^AKV10032: Invalid issuer\. Expected one of https:\/\/sts\.windows\.net\//,
    );
    const withoutRole = await callVault(route, { token: nobodyVaultToken });
    assert.equal(withoutRole.status, 403);
    assert.equal(errorOf(withoutRole).innererror?.code, 'ForbiddenByRbac');
    const wrongScope = await callVault(route, { token: vaultToken, vault: 'neighbour' });
    assert.equal(wrongScope.status, 403);
    assert.equal(azure.secrets('guarded').get('s').value, 'v');
    assert.deepEqual(azure.keys('guarded').versions('s'), [keyVersion]);
  });
}

test('each Key Vault operation needs its own action', async () => {
  for (const route of VAULT_ROUTES) {
    const from = azure.journal.entries().length;
    await callVault(route, { token: nobodyVaultToken });
    const [entry] = azure.journal.entries().slice(from);
    assert.equal(entry?.decision, 'denied');
    assert.equal(entry?.principalId, nobody.principalId);
    assert.equal(entry?.action, `Microsoft.KeyVault/vaults/${route.operation.action}`);
  }
});

/** One path for each kind of thing in ARM. The last two groups are scopes below what a caller may hold rights on. */
function armPath(kind: string, group = 'local', vault = 'guarded'): string {
  const sub = `/subscriptions/${azure.subscriptionId}`;
  const inGroup = `${sub}/resourceGroups/${group}`;
  const authorization = `${inGroup}/providers/Microsoft.KeyVault/vaults/${vault}/providers/Microsoft.Authorization`;
  const paths: Record<string, string> = {
    subscriptions: '/subscriptions',
    subscription: sub,
    tenants: '/tenants',
    locations: `${sub}/locations`,
    providers: `${sub}/providers`,
    provider: `${sub}/providers/Microsoft.KeyVault`,
    registerProvider: `${sub}/providers/Microsoft.KeyVault/register`,
    resources: `${inGroup}/resources`,
    checkVaultName: `${sub}/providers/Microsoft.KeyVault/checkNameAvailability`,
    checkHsmName: `${sub}/providers/Microsoft.KeyVault/checkMhsmNameAvailability`,
    managedHsms: `${inGroup}/providers/Microsoft.KeyVault/managedHSMs`,
    deletedManagedHsms: `${sub}/providers/Microsoft.KeyVault/deletedManagedHSMs`,
    accessPolicies: `${inGroup}/providers/Microsoft.KeyVault/vaults/${vault}/accessPolicies/add`,
    groups: `${sub}/resourceGroups`,
    group: inGroup,
    vaults: `${inGroup}/providers/Microsoft.KeyVault/vaults`,
    vault: `${inGroup}/providers/Microsoft.KeyVault/vaults/${vault}`,
    deletedVaults: `${sub}/providers/Microsoft.KeyVault/deletedVaults`,
    deletedVault: `${sub}/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/x`,
    purgeVault: `${sub}/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/x/purge`,
    identities: `${inGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`,
    identity: `${inGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x`,
    federatedCredentials: `${inGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x/federatedIdentityCredentials`,
    federatedCredential: `${inGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x/federatedIdentityCredentials/y`,
    roleAssignments: `${authorization}/roleAssignments`,
    roleAssignment: `${authorization}/roleAssignments/${randomUUID()}`,
    roleDefinitions: `${authorization}/roleDefinitions`,
    roleDefinition: `${authorization}/roleDefinitions/${randomUUID()}`,
  };
  const path = paths[kind];
  assert.ok(path, `no path for ${kind}: add one here`);
  assert.equal(parseArmPath(path.split('/').filter(Boolean))?.kind, kind);
  return path;
}

function callArm(
  operation: (typeof OPERATIONS)[number],
  options: { token?: string; group?: string; vault?: string },
) {
  const path = armPath(operation.kind, options.group, options.vault);
  return send(azure, operation.method, `${azure.armUrl}${path}?api-version=2023-02-01`, {
    token: options.token,
    body: operation.method === 'PUT' ? '{}' : undefined,
  });
}

for (const operation of OPERATIONS) {
  test(`ARM ${operation.method} ${operation.kind}`, async () => {
    const head = operation.method === 'HEAD';
    const bare = await callArm(operation, {});
    assert.equal(bare.status, 401);
    if (!head) assert.equal(errorOf(bare).code, 'AuthenticationFailed');
    assert.match(String(bare.headers['www-authenticate']), /^Bearer authorization_uri="/);
    const audience = await callArm(operation, { token: vaultToken });
    assert.equal(audience.status, 401);
    if (!head) assert.equal(errorOf(audience).code, 'InvalidAuthenticationTokenAudience');
    const withoutRole = await callArm(operation, { token: nobodyArmToken });
    if (operation.kind === 'tenants') {
      // Its own tenant is known to every caller.
      assert.equal(
        (withoutRole.json as { value: { tenantId: string }[] }).value[0]?.tenantId,
        azure.tenantId,
      );
      return;
    }
    if (operation.kind === 'subscriptions') {
      // Any caller may ask which subscriptions it sees; this one sees none.
      assert.deepEqual((withoutRole.json as { value: unknown[] }).value, []);
      return;
    }
    assert.equal(withoutRole.status, 403);
    if (!head) assert.equal(errorOf(withoutRole).code, 'AuthorizationFailed');
    if (!head) assert.ok(errorOf(withoutRole).message.includes(`'${operation.action}'`));
  });
}

test('ARM rights end at their scope', async () => {
  const app = azure.createApplication('one-vault-owner');
  azure.assignRole({ principalId: app.principalId, role: 'Owner', scope: vaultId });
  const token = await tokenFor(azure, 'https://management.azure.com', app);
  for (const operation of OPERATIONS) {
    const answer = await callArm(operation, { token, vault: 'neighbour' });
    if (operation.kind === 'tenants') assert.equal(answer.status, 200);
    else if (operation.kind === 'subscriptions')
      assert.deepEqual((answer.json as { value: unknown[] }).value, []);
    else assert.equal(answer.status, 403, `${operation.method} ${operation.kind}`);
  }
  const vault = OPERATIONS.find((operation) => operation.kind === 'vault' && operation.method === 'GET');
  assert.ok(vault);
  assert.equal((await callArm(vault, { token })).status, 200);
});

test('a Reader reads and writes nothing', async () => {
  const app = azure.createApplication('reader');
  azure.assignRole({
    principalId: app.principalId,
    role: 'Reader',
    scope: `/subscriptions/${azure.subscriptionId}`,
  });
  const token = await tokenFor(azure, 'https://management.azure.com', app);
  for (const operation of OPERATIONS) {
    const { status } = await callArm(operation, { token });
    // Asking whether a name is free is a POST, but a right to read.
    const reads = operation.action === undefined || operation.action.endsWith('/read');
    assert.equal(status === 403, !reads, `${operation.method} ${operation.kind}: ${status}`);
  }
});
