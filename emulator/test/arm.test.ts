// ARM over HTTP, with real tokens.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Azure, startAzure } from '../src/index.ts';
import { send, tokenFor } from './clients.ts';

let azure: Azure;
let ownerToken: string;

before(async () => {
  azure = await startAzure();
  ownerToken = await tokenFor(azure, 'https://management.azure.com');
});

after(() => azure.close());

const VERSIONS: Record<string, string> = {
  'Microsoft.KeyVault': '2023-02-01',
  'Microsoft.ManagedIdentity': '2023-01-31',
  'Microsoft.Authorization': '2022-04-01',
};

async function arm(
  method: string,
  path: string,
  body?: unknown,
  options: { token?: string; version?: string } = {},
) {
  const provider = Object.keys(VERSIONS).find((name) => path.includes(name)) ?? '';
  const version = options.version ?? VERSIONS[provider] ?? '2021-04-01';
  const mark = path.includes('?') ? '&' : '?';
  const answer = await send(azure, method, `${azure.armUrl}${path}${mark}api-version=${version}`, {
    token: options.token ?? ownerToken,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = (answer.json ?? {}) as Record<string, never> & {
    id: string;
    location: string;
    value: { id: string; name: string; properties: Record<string, unknown> }[];
    error: { code: string; message: string };
    properties: Record<string, unknown>;
  };
  return { status: answer.status, headers: answer.headers, json, code: json.error?.code, text: answer.text };
}

function sub(path = ''): string {
  return `/subscriptions/${azure.subscriptionId}${path}`;
}

function vaultPath(name: string, group = 'my-resource-group'): string {
  return sub(`/resourceGroups/${group}/providers/Microsoft.KeyVault/vaults/${name}`);
}

function vaultBody(properties: Record<string, unknown> = {}) {
  return {
    location: 'eastus',
    properties: {
      tenantId: azure.tenantId,
      sku: { family: 'A', name: 'standard' },
      accessPolicies: [],
      enableRbacAuthorization: true,
      ...properties,
    },
  };
}

async function makeGroup(name = 'my-resource-group') {
  await arm('PUT', sub(`/resourceGroups/${name}`), { location: 'eastus' });
}

async function roleIdOf(name: string): Promise<string> {
  const filter = encodeURIComponent(`roleName eq '${name}'`);
  const found = await arm('GET', sub(`/providers/Microsoft.Authorization/roleDefinitions?$filter=${filter}`));
  assert.equal(found.json.value.length, 1, name);
  return found.json.value[0]?.id ?? '';
}

test('the story of the article: group, vault, identity, role assignment', async () => {
  const group = await arm('PUT', sub('/resourcegroups/my-resource-group'), { location: 'East US' });
  assert.equal(group.status, 201);
  assert.deepEqual(
    [group.json.location, group.json.properties['provisioningState']],
    ['eastus', 'Succeeded'],
  );
  assert.equal(
    (await arm('PUT', sub('/resourcegroups/MY-RESOURCE-GROUP'), { location: 'eastus' })).status,
    200,
  );

  const name = 'my-vault-for-auto-unseal';
  const absent = await arm('GET', vaultPath(name));
  assert.deepEqual([absent.status, absent.code], [404, 'ResourceNotFound']);
  assert.match(
    absent.json.error.message,
    /The Resource 'Microsoft.KeyVault\/vaults\/my-vault-for-auto-unseal' under resource group 'my-resource-group' was not found/,
  );
  assert.equal(absent.headers['x-ms-failure-cause'], 'gateway');
  const vault = await arm('PUT', vaultPath(name), vaultBody());
  assert.equal(vault.status, 201);
  assert.equal(vault.json.properties['vaultUri'], `${azure.vaultUri(name)}/`);
  assert.equal(vault.json.properties['provisioningState'], 'Succeeded');
  assert.equal((await arm('PUT', vaultPath(name), vaultBody())).status, 200);

  const identityPath = sub(
    '/resourceGroups/my-resource-group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/vault-identity',
  );
  const identity = await arm('PUT', identityPath, { location: 'eastus' });
  assert.equal(identity.status, 201);
  const again = await arm('PUT', identityPath, { location: 'eastus' });
  assert.equal(again.status, 200);
  assert.deepEqual(again.json.properties, identity.json.properties);
  const principalId = identity.json.properties['principalId'];

  const roleDefinitionId = await roleIdOf('Key Vault Secrets Officer');
  const body = { properties: { roleDefinitionId, principalId, principalType: 'ServicePrincipal' } };
  const path = (scope: string) =>
    `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
  const assigned = await arm('PUT', path(vault.json.id), body);
  assert.equal(assigned.status, 201);
  assert.equal(assigned.json.properties['scope'], vault.json.id);
  const repeated = await arm(
    'PUT',
    path(vault.json.id.toUpperCase().replace('SUBSCRIPTIONS', 'subscriptions')),
    body,
  );
  assert.deepEqual([repeated.status, repeated.code], [409, 'RoleAssignmentExists']);
  assert.match(repeated.json.error.message, /role assignment already exists/);
  const listed = await arm(
    'GET',
    `${vault.json.id}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()`,
  );
  assert.ok(listed.json.value.some((item) => item.id === assigned.json.id));
  assert.equal((await arm('PUT', assigned.json.id, body)).status, 200);
  assert.equal((await arm('GET', assigned.json.id)).status, 200);
  assert.equal((await arm('DELETE', assigned.json.id)).status, 200);
  assert.equal((await arm('DELETE', assigned.json.id)).status, 204);
  assert.equal((await arm('GET', assigned.json.id)).code, 'RoleAssignmentNotFound');
});

test('refusals of role assignments', async () => {
  await makeGroup();
  const roleDefinitionId = await roleIdOf('Reader');
  const at = (scope: string, name: string = randomUUID()) =>
    `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
  const body = (change: Record<string, unknown> = {}) => ({
    properties: { roleDefinitionId, principalId: randomUUID(), ...change },
  });
  const group = sub('/resourceGroups/my-resource-group');
  const cases: [number, string, string, unknown][] = [
    [400, 'PrincipalNotFound', at(group), body()],
    [400, 'InvalidRoleAssignmentId', at(group, 'not-a-guid'), body()],
    [400, 'InvalidRoleDefinitionId', at(group), body({ roleDefinitionId: 'Reader' })],
    [
      404,
      'RoleDefinitionDoesNotExist',
      at(group),
      body({ roleDefinitionId: randomUUID(), principalType: 'ServicePrincipal' }),
    ],
    [400, 'BadRequest', at(group), body({ principalId: 'me' })],
    [501, 'NotImplemented', at(group), body({ condition: '@Resource[x] StringEquals y' })],
    [404, 'ResourceNotFound', at(vaultPath('absent')), body()],
    [404, 'ResourceGroupNotFound', at(sub('/resourceGroups/absent')), body()],
    [400, 'InvalidRequestContent', at(group), {}],
  ];
  for (const [status, code, path, content] of cases) {
    const answer = await arm('PUT', path, content);
    assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
  }
  const ghost = await arm('PUT', at(group), body({ principalType: 'ServicePrincipal' }));
  assert.equal(ghost.status, 201, 'with a principalType the principal is not looked up');
  const moved = await arm('PUT', ghost.json.id, body({ principalType: 'ServicePrincipal' }));
  assert.deepEqual([moved.status, moved.code], [400, 'RoleAssignmentUpdateNotPermitted']);
});

test('who may assign roles: Owner yes, Contributor no, the Data Access Administrator only data roles', async () => {
  await makeGroup();
  const vault = azure.createVault('who-may-assign', { resourceGroup: 'my-resource-group' });
  const target = azure.createApplication('target');
  const cases: [string, string, number][] = [
    ['Owner', 'Key Vault Secrets User', 201],
    ['Contributor', 'Key Vault Secrets User', 403],
    ['Key Vault Data Access Administrator', 'Key Vault Secrets User', 201],
    ['Key Vault Data Access Administrator', 'Owner', 403],
    ['Key Vault Administrator', 'Key Vault Secrets User', 403],
  ];
  for (const [role, wanted, status] of cases) {
    const app = azure.createApplication(role);
    azure.assignRole({ principalId: app.principalId, role, scope: vault.id });
    const token = await tokenFor(azure, 'https://management.azure.com', app);
    const path = `${vault.id}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
    const properties = { roleDefinitionId: await roleIdOf(wanted), principalId: target.principalId };
    const answer = await arm('PUT', path, { properties }, { token });
    assert.equal(answer.status, status, `${role} assigns ${wanted}: ${answer.text}`);
    if (status === 403) assert.equal(answer.code, 'AuthorizationFailed');
    azure.removeRoles({ principalId: target.principalId });
  }
});

test('vault names, bodies and name clashes', async () => {
  await makeGroup();
  await makeGroup('other-group');
  for (const name of ['ab', '1abc', 'a--b', 'abc-', 'x'.repeat(25), 'under_score']) {
    assert.equal((await arm('PUT', vaultPath(name), vaultBody())).code, 'VaultNameNotValid', name);
  }
  const bad: [string, unknown][] = [
    ['BadRequest', { location: 'eastus' }],
    ['BadRequest', vaultBody({ tenantId: 'mine' })],
    ['BadRequest', vaultBody({ sku: { name: 'gold' } })],
    ['BadRequest', vaultBody({ enableRbacAuthorization: 'yes' })],
    ['BadRequest', vaultBody({ softDeleteRetentionInDays: 6 })],
    ['BadRequest', vaultBody({ accessPolicies: [{ tenantId: azure.tenantId }] })],
    ['LocationRequired', { ...vaultBody(), location: undefined }],
    ['InvalidRequestContent', []],
  ];
  for (const [code, body] of bad) {
    const answer = await arm('PUT', vaultPath('well-named'), body);
    assert.deepEqual([answer.status, answer.code], [400, code], JSON.stringify(body));
  }
  assert.equal((await arm('GET', vaultPath('well-named'))).status, 404);
  assert.equal((await arm('PUT', vaultPath('taken'), vaultBody())).status, 201);
  assert.equal((await arm('PUT', vaultPath('TAKEN', 'other-group'), vaultBody())).code, 'VaultAlreadyExists');
  const moved = await arm('PUT', vaultPath('taken'), { ...vaultBody(), location: 'westus' });
  assert.deepEqual([moved.status, moved.code], [409, 'InvalidResourceLocation']);
});

test('RBAC or policies when the body does not say: the api-version decides, and an update leaves it', async () => {
  await makeGroup();
  const unsaid = vaultBody({ enableRbacAuthorization: null });
  const old = await arm('PUT', vaultPath('old-default'), unsaid, { version: '2022-07-01' });
  assert.equal(old.json.properties['enableRbacAuthorization'], false);
  const young = await arm('PUT', vaultPath('new-default'), unsaid, { version: '2026-02-01' });
  assert.equal(young.json.properties['enableRbacAuthorization'], true);
  const updated = await arm('PUT', vaultPath('new-default'), unsaid, { version: '2022-07-01' });
  assert.equal(updated.json.properties['enableRbacAuthorization'], true);
});

test('a deleted vault keeps its name until it is recovered or purged', async () => {
  await makeGroup();
  const path = vaultPath('soft-deleted');
  await arm('PUT', path, vaultBody());
  azure.secrets('soft-deleted').set('s', 'v');
  assert.equal((await arm('HEAD', path)).status, 204);
  assert.equal((await arm('DELETE', path)).status, 200);
  assert.equal((await arm('DELETE', path)).status, 204);
  assert.equal((await arm('HEAD', path)).status, 404);
  assert.equal((await arm('PUT', path, vaultBody())).code, 'ConflictError');
  const deleted = sub('/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/soft-deleted');
  assert.equal((await arm('GET', deleted)).json.properties['vaultId'], path);
  const list = await arm('GET', sub('/providers/Microsoft.KeyVault/deletedVaults'));
  assert.ok(list.json.value.some((item) => item.name === 'soft-deleted'));
  const recovered = await arm('PUT', path, { location: 'eastus', properties: { createMode: 'recover' } });
  assert.equal(recovered.status, 200);
  assert.equal(azure.secrets('soft-deleted').get('s').value, 'v');
  await arm('DELETE', path);
  assert.equal((await arm('POST', `${deleted}/purge`)).status, 200);
  assert.equal((await arm('POST', `${deleted}/purge`)).code, 'DeletedVaultNotFound');
  assert.equal((await arm('PUT', path, vaultBody())).status, 201);
  assert.deepEqual(azure.secrets('soft-deleted').names(), []);
});

test('lists, subscriptions, and a group that takes along what lies in it', async () => {
  await makeGroup('doomed');
  await arm('PUT', vaultPath('doomed-vault', 'doomed'), vaultBody());
  const identity = sub(
    '/resourceGroups/doomed/providers/Microsoft.ManagedIdentity/userAssignedIdentities/doomed-id',
  );
  await arm('PUT', identity, { location: 'eastus' });
  for (const path of [
    sub('/resourceGroups/doomed/providers/Microsoft.KeyVault/vaults'),
    sub('/resourceGroups/doomed/providers/Microsoft.ManagedIdentity/userAssignedIdentities'),
  ]) {
    assert.equal((await arm('GET', path)).json.value.length, 1, path);
  }
  assert.ok((await arm('GET', sub('/providers/Microsoft.KeyVault/vaults'))).json.value.length >= 1);
  assert.ok((await arm('GET', sub('/resourceGroups'))).json.value.some((group) => group.name === 'doomed'));
  assert.equal((await arm('GET', '/subscriptions')).json.value.length, 1);
  assert.equal((await arm('GET', sub())).json.id, sub());
  assert.equal((await arm('DELETE', sub('/resourceGroups/doomed'))).status, 200);
  assert.equal((await arm('GET', sub('/resourceGroups/doomed'))).code, 'ResourceGroupNotFound');
  assert.equal((await arm('GET', identity)).code, 'ResourceGroupNotFound');
  assert.equal((await arm('DELETE', sub('/resourceGroups/doomed'))).status, 404);
});

test('paths and versions that are not there', async () => {
  const other = `/subscriptions/${randomUUID()}/resourceGroups`;
  assert.equal((await arm('GET', other)).code, 'SubscriptionNotFound');
  assert.equal(
    (await arm('GET', sub('/providers/Microsoft.Compute/virtualMachines'))).code,
    'InvalidResourceType',
  );
  assert.equal((await arm('PATCH', sub('/resourceGroups/my-resource-group'), {})).status, 405);
  const unversioned = await send(azure, 'GET', `${azure.armUrl}${sub()}`, { token: ownerToken });
  assert.equal((unversioned.json as { error: { code: string } }).error.code, 'MissingApiVersionParameter');
});
