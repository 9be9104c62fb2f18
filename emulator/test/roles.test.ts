// Custom roles and federated credentials through ARM, and what they open.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Application, type Azure, startAzure } from '../src/index.ts';
import { send, tokenFor } from './clients.ts';

const ARM = 'https://management.azure.com';
const WRAP = 'Microsoft.KeyVault/vaults/keys/wrap/action';
let azure: Azure;
let token: string;
let group: string;
let vaultId: string;

before(async () => {
  azure = await startAzure();
  vaultId = azure.createVault('roles').id;
  group = vaultId.split('/').slice(0, 5).join('/');
  token = await tokenFor(azure, ARM);
});

after(() => azure.close());

async function arm(method: string, path: string, body?: unknown, as = token) {
  const answer = await send(azure, method, `${azure.armUrl}${path}?api-version=2022-05-01-preview`, {
    token: as,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return {
    status: answer.status,
    json: answer.json as { error?: { code: string }; [name: string]: unknown },
  };
}

function rolePath(scope: string, name: string): string {
  return `${scope}/providers/Microsoft.Authorization/roleDefinitions/${name}`;
}

function roleBody(roleName: string, permissions: Record<string, string[]>, assignableScopes = [group]) {
  return { properties: { roleName, type: 'CustomRole', permissions: [permissions], assignableScopes } };
}

async function wrapStatus(app: Application, key: string): Promise<number> {
  const vaultToken = await tokenFor(azure, azure.keyVaultAudience, app);
  const answer = await send(azure, 'POST', `${azure.vaultUri('roles')}/keys/${key}/wrapkey?api-version=7.3`, {
    token: vaultToken,
    body: JSON.stringify({ alg: 'RSA-OAEP-256', value: 'AAAA' }),
  });
  return answer.status;
}

test('a custom role opens what it names; changing it changes that at once; in use it cannot be deleted', async () => {
  await azure.keys('roles').create('k');
  const app = azure.createApplication('wrapper');
  const name = randomUUID();
  const created = await arm('PUT', rolePath(group, name), roleBody('Wrapper', { dataActions: [WRAP] }));
  assert.equal(created.status, 201);
  assert.deepEqual(created.json['properties'], {
    roleName: 'Wrapper',
    type: 'CustomRole',
    description: '',
    assignableScopes: [group],
    permissions: [{ actions: [], notActions: [], dataActions: [WRAP], notDataActions: [] }],
  });
  assert.equal(await wrapStatus(app, 'k'), 403);
  const assigned = await arm(
    'PUT',
    `${vaultId}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`,
    {
      properties: { roleDefinitionId: created.json['id'], principalId: app.principalId },
    },
  );
  assert.equal(assigned.status, 201);
  assert.equal(await wrapStatus(app, 'k'), 200);
  const wide = { dataActions: ['Microsoft.KeyVault/vaults/keys/*'], notDataActions: [WRAP] };
  assert.equal((await arm('PUT', rolePath(group, name), roleBody('Wrapper', wide))).status, 200);
  assert.equal(await wrapStatus(app, 'k'), 403);
  const inUse = await arm('DELETE', rolePath(group, name));
  assert.deepEqual([inUse.status, inUse.json.error?.code], [400, 'RoleDefinitionHasAssignments']);
  azure.removeRoles({ role: 'Wrapper' });
  assert.equal((await arm('DELETE', rolePath(group, name))).status, 200);
  assert.equal((await arm('DELETE', rolePath(group, name))).status, 204);
  assert.equal((await arm('GET', rolePath(group, name))).status, 404);
});

test('assignable scopes: it is listed and assigned there and nowhere else', async () => {
  const far = azure.createVault('far-away', { resourceGroup: 'far-group' });
  const role = azure.createRole({ roleName: 'Near', dataActions: [WRAP], assignableScopes: [group] });
  const list = async (scope: string) => {
    const { json } = await arm('GET', `${scope}/providers/Microsoft.Authorization/roleDefinitions`);
    return (json['value'] as { name: string }[]).some((item) => item.name === role);
  };
  assert.ok(await list(vaultId));
  assert.ok(!(await list(far.id)));
  const app = azure.createApplication('near');
  assert.throws(
    () => azure.assignRole({ principalId: app.principalId, role: 'Near', scope: far.id }),
    (error: { code?: string }) => error.code === 'RoleAssignmentScopeNotAssignableToRoleDefinition',
  );
  azure.assignRole({ principalId: app.principalId, role, scope: `${vaultId}/keys/k` });
  assert.throws(() => azure.deleteRole('Near'), /existing role assignments/);
  azure.removeRoles({ role: 'Near' });
  azure.deleteRole('Near');
  assert.throws(() => azure.deleteRole('Near'), /no role Near/);
});

test('what ARM refuses of a role', async () => {
  const name = randomUUID();
  const owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
  const good = roleBody('Good', { dataActions: [WRAP] });
  const cases: [number, string, string, unknown][] = [
    [400, 'InvalidRoleDefinitionId', 'no-guid', good],
    [403, 'RoleDefinitionIsBuiltIn', owner, good],
    [409, 'RoleDefinitionWithSameNameExists', name, roleBody('owner', { dataActions: [WRAP] })],
    [400, 'InvalidRoleDefinition', name, {}],
    [400, 'InvalidRoleDefinition', name, roleBody('', { dataActions: [WRAP] })],
    [400, 'InvalidRoleDefinition', name, roleBody('Empty', {})],
    [400, 'InvalidRoleDefinition', name, { properties: { ...good.properties, permissions: [] } }],
    [400, 'InvalidRoleDefinition', name, { properties: { ...good.properties, type: 'BuiltInRole' } }],
    [400, 'InvalidRoleDefinition', name, roleBody('None', { dataActions: [WRAP] }, [])],
    [400, 'InvalidActionOrNotAction', name, roleBody('Bad', { dataActions: ['wrap everything'] })],
    [400, 'InvalidAssignableScope', name, roleBody('Root', { dataActions: [WRAP] }, ['/'])],
    [400, 'InvalidAssignableScope', name, roleBody('Vault', { dataActions: [WRAP] }, [vaultId])],
    [
      403,
      'LinkedAuthorizationFailed',
      name,
      roleBody('Foreign', { dataActions: [WRAP] }, [group, `/subscriptions/${randomUUID()}`]),
    ],
  ];
  for (const [status, code, guid, body] of cases) {
    const answer = await arm('PUT', rolePath(group, guid), body);
    assert.deepEqual([answer.status, answer.json.error?.code], [status, code], JSON.stringify(body));
  }
  azure.createVault('other', { resourceGroup: 'other-group' });
  const elsewhere = group.replace(/[^/]+$/, 'other-group');
  const outside = await arm('PUT', rolePath(elsewhere, name), good);
  assert.equal(outside.json.error?.code, 'RoleDefinitionScopeNotAssignable');
  assert.equal((await arm('DELETE', rolePath(group, owner))).status, 403);
  assert.equal((await arm('GET', rolePath(group, name))).status, 404);
});

test('the owner of one group makes no role for the whole subscription, nor takes one over', async () => {
  const app = azure.createApplication('group-owner');
  azure.assignRole({ principalId: app.principalId, role: 'Owner', scope: group });
  const own = await tokenFor(azure, ARM, app);
  const subscription = `/subscriptions/${azure.subscriptionId}`;
  const wide = roleBody('Wide', { actions: ['*'] }, [subscription, group]);
  const refused = await arm('PUT', rolePath(group, randomUUID()), wide, own);
  assert.deepEqual([refused.status, refused.json.error?.code], [403, 'LinkedAuthorizationFailed']);
  const name = azure.createRole({ roleName: 'Of the subscription', actions: ['*/read'] });
  const taken = await arm(
    'PUT',
    rolePath(group, name),
    roleBody('Of the subscription', { actions: ['*'] }),
    own,
  );
  assert.equal(taken.status, 403);
  assert.equal((await arm('DELETE', rolePath(group, name), undefined, own)).status, 403);
  const narrow = await arm('PUT', rolePath(group, randomUUID()), roleBody('Narrow', { actions: ['*'] }), own);
  assert.equal(narrow.status, 201);
});

test('federated credentials of an identity through ARM: PUT, GET, list, DELETE, and they open the door', async () => {
  const identity = azure.createIdentity('federated');
  const base = `${identity.resourceId}/federatedIdentityCredentials`;
  const subject = 'system:serviceaccount:ns:sa';
  const properties = { issuer: azure.aksIssuerUrl, subject, audiences: ['api://AzureADTokenExchange'] };
  const created = await arm('PUT', `${base}/one`, { properties });
  assert.equal(created.status, 201);
  assert.deepEqual(created.json, {
    id: `${base}/one`,
    name: 'one',
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
    properties,
  });
  assert.equal((await arm('PUT', `${base}/one`, { properties })).status, 200);
  assert.deepEqual((await arm('GET', `${base}/ONE`)).json['properties'], properties);
  assert.equal(((await arm('GET', base)).json['value'] as unknown[]).length, 1);
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: identity.clientId,
    scope: `${azure.keyVaultAudience}/.default`,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await azure.aksToken({ namespace: 'ns', serviceAccount: 'sa' }),
  });
  const url = `${azure.authorityUrl}/${azure.tenantId}/oauth2/v2.0/token`;
  assert.equal((await send(azure, 'POST', url, { body: form.toString() })).status, 200);

  const refusals: [number, string, unknown][] = [
    [409, 'two', { properties }],
    [400, 'x', { properties }],
    [400, 'two', {}],
    [400, 'two', { properties: { ...properties, audiences: [] } }],
    [400, 'two', { properties: { ...properties, audiences: ['a', 'b'] } }],
    [400, 'two', { properties: { ...properties, issuer: 'not a url' } }],
    [400, 'two', { properties: { ...properties, subject: '' } }],
    [400, 'two', { properties: { ...properties, subject: 's'.repeat(601) } }],
  ];
  for (const [status, name, body] of refusals) {
    assert.equal((await arm('PUT', `${base}/${name}`, body)).status, status, JSON.stringify(body));
  }
  for (let count = 1; count < 20; count++) {
    const more = { properties: { ...properties, subject: `s${count}` } };
    assert.equal((await arm('PUT', `${base}/more-${count}`, more)).status, 201);
  }
  const tooMany = await arm('PUT', `${base}/too-many`, { properties: { ...properties, subject: 'last' } });
  assert.equal(tooMany.status, 400);

  assert.equal((await arm('DELETE', `${base}/one`)).status, 200);
  assert.equal((await arm('DELETE', `${base}/one`)).status, 204);
  assert.equal((await arm('GET', `${base}/one`)).status, 404);
  assert.equal((await send(azure, 'POST', url, { body: form.toString() })).status, 401);
  const none = base.replace('/federated/', '/none/');
  assert.equal((await arm('GET', none)).status, 404);
});
