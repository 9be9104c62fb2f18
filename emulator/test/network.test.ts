// A vault's firewall, its patches and its access policies: set by ARM, felt on the data plane.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Azure, startAzure } from '../src/index.ts';
import { send, tokenFor } from './clients.ts';

let azure: Azure;
let armToken: string;
let vaultToken: string;
let vaultId: string;

before(async () => {
  azure = await startAzure();
  vaultId = azure.createVault('walled').id;
  azure.secrets('walled').set('s', 'v');
  azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Administrator', scope: vaultId });
  armToken = await tokenFor(azure, 'https://management.azure.com');
  vaultToken = await tokenFor(azure, azure.keyVaultAudience);
});

after(() => azure.close());

async function arm(method: string, path: string, body?: unknown) {
  const answer = await send(azure, method, `${azure.armUrl}${path}?api-version=2023-02-01`, {
    token: armToken,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return {
    status: answer.status,
    properties: (answer.json as { properties: Record<string, unknown> }).properties,
  };
}

/** How reading the secret ends: its status, or the inner code of its refusal. */
async function read(): Promise<string | number> {
  const answer = await send(azure, 'GET', `${azure.vaultUri('walled')}/secrets/s?api-version=7.4`, {
    token: vaultToken,
  });
  const { error } = answer.json as { error?: { innererror?: { code: string } } };
  return error?.innererror?.code ?? answer.status;
}

const acls = (defaultAction: string, ipRules: { value: string }[] = []) => ({
  properties: { networkAcls: { bypass: 'None', defaultAction, ipRules } },
});

test('network rules let loopback in only where they name it', async () => {
  assert.equal(await read(), 200);
  const denied = await arm('PATCH', vaultId, acls('Deny', [{ value: '10.0.0.0/8' }]));
  assert.deepEqual(denied.properties['networkAcls'], {
    bypass: 'None',
    defaultAction: 'Deny',
    ipRules: [{ value: '10.0.0.0/8' }],
    virtualNetworkRules: [],
  });
  assert.equal(await read(), 'ForbiddenByFirewall');
  await arm('PATCH', vaultId, acls('Deny', [{ value: '127.0.0.1' }]));
  assert.equal(await read(), 200);
  await arm('PATCH', vaultId, acls('Allow'));
  assert.equal(await read(), 200);
});

test('without public access nobody gets in', async () => {
  await arm('PATCH', vaultId, { properties: { publicNetworkAccess: 'disabled' } });
  assert.equal(await read(), 'ForbiddenByConnection');
  await arm('PATCH', vaultId, { properties: { publicNetworkAccess: 'Enabled' } });
  assert.equal(await read(), 200);
});

test('a patch leaves what it does not name', async () => {
  await arm('PATCH', vaultId, { tags: { a: 'b' }, properties: { enabledForDeployment: true } });
  const { properties } = await arm('PATCH', vaultId, { properties: {} });
  assert.equal(properties['enabledForDeployment'], true);
  assert.equal(properties['enableRbacAuthorization'], true);
});

for (const [what, properties] of Object.entries({
  'an address that is none': { networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '300.1.1.1' }] } },
  'a mask that is none': { networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '10.0.0.0/33' }] } },
  'a rule without value': { networkAcls: { defaultAction: 'Deny', ipRules: [{}] } },
  'an action that is none': { networkAcls: { defaultAction: 'Perhaps' } },
  'rules that are no object': { networkAcls: 'Deny' },
  'an access that is none': { publicNetworkAccess: 'Sometimes' },
  'a sku that is none': { sku: { name: 'gold' } },
})) {
  test(`refused: ${what}`, async () => {
    assert.equal((await arm('PATCH', vaultId, { properties })).status, 400);
  });
}

test('access policies are added to, replaced and removed from', async () => {
  await arm('PATCH', vaultId, { properties: { enableRbacAuthorization: false } });
  assert.equal(await read(), 'AccessDenied');
  const change = (verb: string, secrets: string[]) =>
    arm('PUT', `${vaultId}/accessPolicies/${verb}`, {
      properties: {
        accessPolicies: [
          { tenantId: azure.tenantId, objectId: azure.operator.objectId, permissions: { secrets } },
        ],
      },
    });
  await change('add', ['List']);
  assert.equal(await read(), 'AccessDenied');
  const added = await change('add', ['Get']);
  const [policy] = added.properties['accessPolicies'] as { permissions: { secrets: string[] } }[];
  assert.deepEqual(policy?.permissions.secrets, ['list', 'get']);
  assert.equal(await read(), 200);
  await change('remove', ['get']);
  assert.equal(await read(), 'AccessDenied');
  await change('replace', ['all']);
  assert.equal(await read(), 200);
  assert.deepEqual((await change('remove', ['all'])).properties['accessPolicies'], []);
  assert.equal(await read(), 'AccessDenied');
  assert.equal((await change('invent', ['get'])).status, 400);
});
