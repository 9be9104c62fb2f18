// ARM through the official JavaScript clients: vaults, identities, role definitions and assignments.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { KeyVaultManagementClient } from '@azure/arm-keyvault';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { type Azure, startAzure } from '../src/index.ts';
import { agentFor, agentPolicy, collect, secretClient, secretCredential, send, tokenFor } from './clients.ts';

const GROUP = 'my-resource-group';
let azure: Azure;
let vaults: KeyVaultManagementClient;
let identities: ManagedServiceIdentityClient;
let roles: AuthorizationManagementClient;

before(async () => {
  azure = await startAzure();
  const options = {
    endpoint: azure.armUrl,
    additionalPolicies: [agentPolicy(agentFor(azure))],
    retryOptions: { maxRetries: 0 },
  };
  const credential = secretCredential(azure);
  vaults = new KeyVaultManagementClient(credential, azure.subscriptionId, options);
  identities = new ManagedServiceIdentityClient(credential, azure.subscriptionId, options);
  roles = new AuthorizationManagementClient(credential, azure.subscriptionId, options);
  await send(
    azure,
    'PUT',
    `${azure.armUrl}/subscriptions/${azure.subscriptionId}/resourcegroups/${GROUP}?api-version=2021-04-01`,
    { token: await tokenFor(azure, 'https://management.azure.com'), body: '{"location":"eastus"}' },
  );
});

after(() => azure.close());

function vaultParameters(name: string, enableRbacAuthorization: boolean) {
  return vaults.vaults.createOrUpdate(GROUP, name, {
    location: 'eastus',
    properties: {
      tenantId: azure.tenantId,
      sku: { family: 'A', name: 'standard' },
      accessPolicies: [],
      enableRbacAuthorization,
    },
  });
}

test('arm-keyvault: a vault is made, changed, deleted, recovered and purged', async () => {
  const made = await vaultParameters('by-client', true);
  assert.equal(made.properties.vaultUri, `${azure.vaultUri('by-client')}/`);
  const taken = await vaults.vaults.checkNameAvailability({
    name: 'by-client',
    type: 'Microsoft.KeyVault/vaults',
  });
  assert.equal(taken.nameAvailable, false);
  const patched = await vaults.vaults.update(GROUP, 'by-client', { tags: { a: 'b' } });
  assert.deepEqual(patched.tags, { a: 'b' });
  assert.deepEqual(
    (await collect(vaults.vaults.listByResourceGroup(GROUP))).map(({ name }) => name),
    ['by-client'],
  );
  await vaults.vaults.delete(GROUP, 'by-client');
  await assert.rejects(vaults.vaults.get(GROUP, 'by-client'), { statusCode: 404 });
  const deleted = await vaults.vaults.getDeleted('by-client', 'eastus');
  assert.equal(deleted.properties?.location, 'eastus');
  await vaults.vaults.createOrUpdate(GROUP, 'by-client', {
    location: 'eastus',
    properties: { tenantId: azure.tenantId, sku: { family: 'A', name: 'standard' }, createMode: 'recover' },
  });
  assert.equal((await vaults.vaults.get(GROUP, 'by-client')).name, 'by-client');
  await vaults.vaults.delete(GROUP, 'by-client');
  await vaults.vaults.purgeDeleted('by-client', 'eastus');
  assert.deepEqual(await collect(vaults.vaults.listDeleted()), []);
});

test('arm-keyvault: access policies are felt by the data plane', async () => {
  await vaultParameters('with-policies', false);
  const client = secretClient(azure, 'with-policies');
  await assert.rejects(client.setSecret('s', 'v'), { statusCode: 403 });
  await vaults.vaults.updateAccessPolicy(GROUP, 'with-policies', 'add', {
    properties: {
      accessPolicies: [
        {
          tenantId: azure.tenantId,
          objectId: azure.operator.objectId,
          permissions: { secrets: ['get', 'set'] },
        },
      ],
    },
  });
  await client.setSecret('s', 'v');
  assert.equal((await client.getSecret('s')).value, 'v');
});

test('arm-msi and arm-authorization: an identity is given a role, and it is taken away again', async () => {
  const { id: scope } = await vaultParameters('with-roles', true);
  assert.ok(scope);
  const identity = await identities.userAssignedIdentities.createOrUpdate(GROUP, 'by-client', {
    location: 'eastus',
  });
  const federated = await identities.federatedIdentityCredentials.createOrUpdate(
    GROUP,
    'by-client',
    'from-aks',
    {
      issuer: azure.aksIssuerUrl,
      subject: 'system:serviceaccount:a:b',
      audiences: ['api://AzureADTokenExchange'],
    },
  );
  assert.equal(federated.name, 'from-aks');
  const [role] = await collect(
    roles.roleDefinitions.list(scope, { filter: "roleName eq 'Key Vault Secrets User'" }),
  );
  assert.ok(role?.id && identity.principalId);
  const assignment = await roles.roleAssignments.create(scope, randomUUID(), {
    roleDefinitionId: role.id,
    principalId: identity.principalId,
    principalType: 'ServicePrincipal',
  });
  const listed = async () =>
    (await collect(roles.roleAssignments.listForScope(scope, { filter: 'atScope()' }))).filter(
      ({ principalId }) => principalId === identity.principalId,
    ).length;
  assert.equal(await listed(), 1);
  await roles.roleAssignments.deleteById(String(assignment.id));
  assert.equal(await listed(), 0);
});

test('arm-authorization: a custom role down to one secret', async () => {
  const { id: vaultId } = await vaultParameters('one-secret', true);
  const scope = `/subscriptions/${azure.subscriptionId}`;
  const name = randomUUID();
  await roles.roleDefinitions.createOrUpdate(scope, name, {
    roleName: 'Secret reader',
    assignableScopes: [scope],
    permissions: [{ dataActions: ['Microsoft.KeyVault/vaults/secrets/getSecret/action'] }],
  });
  const app = azure.createApplication('one-secret');
  await roles.roleAssignments.create(`${vaultId}/secrets/mine`, randomUUID(), {
    roleDefinitionId: `${scope}/providers/Microsoft.Authorization/roleDefinitions/${name}`,
    principalId: app.principalId,
  });
  azure.secrets('one-secret').set('mine', 'v');
  azure.secrets('one-secret').set('theirs', 'v');
  const client = secretClient(azure, 'one-secret', secretCredential(azure, app));
  assert.equal((await client.getSecret('mine')).value, 'v');
  await assert.rejects(client.getSecret('theirs'), { statusCode: 403 });
});
