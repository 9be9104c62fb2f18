// Rows about whole vaults: access policies, the firewall, deletion.

import { expect } from '../demo/conditions.ts';
import {
  assign,
  field,
  GROUP,
  initialise,
  ok,
  POLICY_VAULT,
  type Proof,
  refusedInit,
  text,
  VAULT,
} from './proof-az-proof.ts';
import { restart, untilSealedBy, untilUnsealed } from './proof-az-site.ts';

const PLACE = ['--resource-group', GROUP, '--location', 'eastus'];
const CREATE = ['keyvault', 'create', '--name', POLICY_VAULT, ...PLACE];

export async function createPolicyVault(proof: Proof): Promise<string> {
  const { json } = ok(await proof.site.az(...CREATE, '--enable-rbac-authorization', 'false'));
  const properties = field(json, 'properties');
  proof.policyVaultUri = text(properties, 'vaultUri').replace(/\/$/, '');
  proof.policyCluster = await proof.site.cluster('policy', 1, proof.managed(proof.policyVaultUri));
  ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId, text(json, 'id')));
  proof.policyServer.start();
  const words = await refusedInit(proof.policyServer, /403/);
  return `a role does not count there: init is refused (${words})`;
}

export async function setPolicy(proof: Proof): Promise<string> {
  const { site } = proof;
  const set = (...permissions: string[]) =>
    site.az(
      'keyvault',
      'set-policy',
      '--name',
      POLICY_VAULT,
      '--spn',
      proof.clientId,
      '--secret-permissions',
      ...permissions,
    );
  ok(await set('get', 'list'));
  const words = await refusedInit(proof.policyServer, /403/);
  ok(await set('get', 'list', 'set'));
  await initialise(proof.policyServer);
  await untilUnsealed(proof.policyServer);
  ok(await set('get', 'list'));
  await restart(proof.policyCluster);
  return `with get and list init is refused (${words}); with set it initialises; then get and list are enough to unseal after kill -9`;
}

export async function closeFirewall(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'update', '--name', POLICY_VAULT, '--default-action', 'Deny'));
  const sealed = await untilSealedBy(proof.policyServer, 'keyvault_forbidden_firewall');
  ok(
    await site.az('keyvault', 'network-rule', 'add', '--name', POLICY_VAULT, '--ip-address', '127.0.0.1/32'),
  );
  await untilUnsealed(proof.policyServer);
  return `closed: ${sealed}; with this machine’s address it unseals`;
}

export async function deleteAndRecover(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'delete', '--name', VAULT));
  const gone = await untilSealedBy(proof.secretServer, 'tcp_reset');
  const deleted = ok(await site.az('keyvault', 'list-deleted', '--resource-type', 'vault'));
  expect(Array.isArray(deleted.json) && deleted.json.length === 1, 'one deleted vault');
  ok(await site.az('keyvault', 'recover', '--name', VAULT));
  const bare = await untilSealedBy(proof.secretServer, 'keyvault_forbidden_rbac');
  ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId));
  await restart(proof.secretCluster);
  return `deleted: ${gone}; recovered without its role assignments, as on Azure: ${bare}; with the role all three unseal`;
}

export async function purge(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'delete', '--name', POLICY_VAULT));
  const taken = await site.az(...CREATE);
  expect(
    taken.code !== 0 && /deleted state|recover or purge/.test(taken.err),
    `the name to be taken, not: ${taken.err}`,
  );
  ok(await site.az('keyvault', 'purge', '--name', POLICY_VAULT));
  const late = await site.az('keyvault', 'recover', '--name', POLICY_VAULT);
  expect(late.code !== 0, 'a purged vault not to be recovered');
  ok(await site.az(...CREATE, '--enable-rbac-authorization', 'true'));
  ok(
    await assign(
      proof,
      'Key Vault Secrets Officer',
      proof.clientId,
      proof.vaultId.replace(VAULT, POLICY_VAULT),
    ),
  );
  const sealed = await untilSealedBy(proof.policyServer, 'keyvault_secret_not_found');
  return `the name is taken until then, and free afterwards; the data sealed by it stays sealed: ${sealed}`;
}
