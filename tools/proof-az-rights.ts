// Rows in which rights and secrets of clusters that run are taken and given back.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '../demo/conditions.ts';
import {
  ACCOUNT,
  assign,
  field,
  GROUP,
  IDENTITY,
  KEY,
  ok,
  type Proof,
  SECRET,
  text,
  VAULT,
} from './proof-az-proof.ts';
import { restart, untilSealedBy, untilUnsealed } from './proof-az-site.ts';

/** Options by which az's commands name the secret that is the KEK. */
const KEK = ['--vault-name', VAULT, '--name', SECRET];

export async function deleteRole(proof: Proof): Promise<string> {
  const { site, clientId, vaultId } = proof;
  const remove = [
    'role',
    'assignment',
    'delete',
    '--assignee',
    clientId,
    '--role',
    'Key Vault Secrets Officer',
    '--scope',
    vaultId,
  ];
  ok(await site.az(...remove));
  const sealed = await untilSealedBy(proof.secretServer, 'keyvault_forbidden_rbac');
  ok(await assign(proof, 'Key Vault Secrets Officer', clientId));
  await untilUnsealed(proof.secretServer);
  return `a restarted server stays sealed: ${sealed}; with the role back it unseals by itself`;
}

/** The pod's way: no secret and no metadata service, but a token of the cluster's issuer. */
export async function federate(proof: Proof): Promise<string> {
  const { site } = proof;
  const tokenFile = join(site.folder, 'service-account-token');
  await appendFile(tokenFile, await site.aksToken(ACCOUNT.namespace, ACCOUNT.name), { mode: 0o600 });
  await site.reconfigure(proof.keyServer, [
    `vault_uri = "${proof.vaultUri}"`,
    `key_name = "${KEY}"`,
    `client_id = "${proof.clientId}"`,
    `federated_token_file = "${tokenFile}"`,
  ]);
  const before = await untilSealedBy(proof.keyServer, 'entra_no_federated_credential');
  const names = ['--name', 'vault-pods', '--identity-name', IDENTITY, '--resource-group', GROUP];
  const trust = [
    '--issuer',
    site.addresses.aksIssuerUrl,
    '--subject',
    `system:serviceaccount:${ACCOUNT.namespace}:${ACCOUNT.name}`,
  ];
  ok(
    await site.az(
      'identity',
      'federated-credential',
      'create',
      ...names,
      ...trust,
      '--audiences',
      'api://AzureADTokenExchange',
    ),
  );
  await untilUnsealed(proof.keyServer);
  return `before: ${before}; then a server with a service account’s token alone unseals`;
}

export async function createForRbac(proof: Proof): Promise<string> {
  const { site } = proof;
  const role = ['--role', 'Key Vault Crypto Service Encryption User', '--scopes', proof.vaultId];
  const { json } = ok(await site.az('ad', 'sp', 'create-for-rbac', '--name', 'latchkey', ...role));
  const secretFile = join(site.folder, 'application-secret');
  await appendFile(secretFile, text(json, 'password'), { mode: 0o600 });
  await site.reconfigure(proof.keyServer, [
    `vault_uri = "${proof.vaultUri}"`,
    `key_name = "${KEY}"`,
    `client_id = "${text(json, 'appId')}"`,
    `client_secret = "file://${secretFile}"`,
  ]);
  await restart(proof.keyCluster);
  return 'a server with that id and secret unseals after kill -9';
}

export async function listSecrets(proof: Proof): Promise<string> {
  const { site } = proof;
  const { json } = ok(await site.az('keyvault', 'secret', 'list', '--vault-name', VAULT));
  expect(
    Array.isArray(json) && json.length === 1 && field(json[0], 'name') === SECRET,
    'the KEK to be the only secret',
  );
  const shown = ok(await site.az('keyvault', 'secret', 'show', ...KEK));
  expect(Buffer.from(text(shown.json, 'value'), 'base64').length === 32, 'the KEK to be 32 bytes in base64');
  const { clusterId } = await proof.secretServer.client.sealStatus();
  const tagged = JSON.stringify(field(shown.json, 'tags')).includes(clusterId);
  expect(clusterId !== '' && tagged, 'the KEK to be tagged with the id of the cluster');
  return 'the cluster’s KEK is the only secret: 32 bytes in base64, tagged with the cluster’s id';
}

/** Somebody overwrites the KEK: the newest version is no longer the one that the data was sealed with. */
export async function setSecret(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'secret', 'set', ...KEK, '--value', 'overwritten'));
  const versions = ok(await site.az('keyvault', 'secret', 'list-versions', ...KEK));
  expect(Array.isArray(versions.json) && versions.json.length === 2, 'two versions of the KEK');
  await restart([proof.secretServer]);
  return 'overwritten; a server still unseals after kill -9, by the version that its data names';
}

export async function deleteSecret(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'secret', 'delete', ...KEK));
  const sealed = await untilSealedBy(proof.secretServer, 'keyvault_secret_deleted');
  const taken = await site.az('keyvault', 'secret', 'set', ...KEK, '--value', 'x');
  expect(
    taken.code !== 0 && /ObjectIsDeletedButRecoverable|deleted but recoverable/.test(taken.err),
    `the name to be taken, not: ${taken.err}`,
  );
  ok(await site.az('keyvault', 'secret', 'recover', ...KEK));
  await untilUnsealed(proof.secretServer);
  return `deleted: ${sealed}, and the name is taken; recovered: it unseals`;
}
