// Rows in which clusters of both variants are made.

import { expect } from '../demo/conditions.ts';
import type { ServerProcess } from '../demo/server-process.ts';
import {
  assign,
  field,
  GROUP,
  initialise,
  KEY,
  ok,
  only,
  type Proof,
  refusedInit,
  text,
  VAULT,
} from './proof-az-proof.ts';
import { restart, untilUnsealed } from './proof-az-site.ts';

/** Options by which az's commands name the key. */
const NAMED = ['--vault-name', VAULT, '--name', KEY];

export async function createVault(proof: Proof): Promise<string> {
  const { site } = proof;
  const create = ['keyvault', 'create', '--name', VAULT, '--resource-group', GROUP, '--location', 'eastus'];
  const { json } = ok(await site.az(...create));
  proof.vaultId = text(json, 'id');
  proof.vaultUri = text(field(json, 'properties'), 'vaultUri').replace(/\/$/, '');
  expect(field(field(json, 'properties'), 'enableRbacAuthorization') === true, 'an RBAC vault');
  const again = await site.az(...create);
  expect(
    again.code !== 0 && /already exist/.test(again.err),
    `a second create to be refused, not: ${again.err}`,
  );
  return `${proof.vaultUri}, roles decide; a second create says that it exists`;
}

/** The article's variant: the KEK is a secret of the vault. */
export async function initialiseSecretVariant(proof: Proof): Promise<string> {
  const servers = await proof.site.cluster('secret-variant', 3, proof.managed(proof.vaultUri));
  proof.secretCluster = servers;
  const before = await refusedWithoutRole(only(servers));
  ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId));
  for (const server of servers.slice(1)) server.start();
  await initialise(only(servers));
  for (const server of servers) await untilUnsealed(server);
  await restart(servers);
  return `before: ${before}; then three servers initialise, and unseal after kill -9 of all`;
}

/** Without the role, init is refused: a vault's owner has no right to what is in it. */
async function refusedWithoutRole(server: ServerProcess): Promise<string> {
  server.start();
  return refusedInit(server, /403/);
}

export async function createKey(proof: Proof): Promise<string> {
  const { site } = proof;
  const create = ['keyvault', 'key', 'create', ...NAMED, '--kty', 'RSA', '--size', '2048'];
  const early = await site.az(...create);
  expect(
    early.code !== 0 && /ForbiddenByRbac/.test(early.err),
    `the owner to have no data right, not: ${early.err}`,
  );
  ok(await assign(proof, 'Key Vault Administrator', site.addresses.operatorClientId));
  const { json } = ok(await site.az(...create));
  expect(text(field(json, 'key'), 'kid').startsWith(`${proof.vaultUri}/keys/${KEY}/`), 'the id of the key');
  return 'ForbiddenByRbac to the vault’s own creator, made once it is Key Vault Administrator';
}

export async function refuseKeyVariant(proof: Proof): Promise<string> {
  const { site } = proof;
  proof.keyCluster = await site.cluster(
    'key-variant',
    1,
    proof.managed(proof.vaultUri, `key_name = "${KEY}"`),
  );
  const { last } = await site.refusals(VAULT, 0);
  proof.keyServer.start();
  const words = await refusedInit(proof.keyServer, /403/);
  const { reasons } = await site.refusals(VAULT, last);
  expect(
    reasons.length > 0 && reasons.every((reason) => reason.startsWith('ForbiddenByRbac')),
    `403 ForbiddenByRbac, not ${reasons}`,
  );
  return `init is refused: ${words}; the vault said 403 ${reasons[0]}`;
}

export async function initialiseKeyVariant(proof: Proof): Promise<string> {
  ok(await assign(proof, 'Key Vault Crypto Service Encryption User', proof.clientId));
  await initialise(proof.keyServer);
  await untilUnsealed(proof.keyServer);
  await restart(proof.keyCluster);
  return 'the same server initialises, and unseals after kill -9';
}

export async function rotateKey(proof: Proof): Promise<string> {
  const before = (await proof.keyServer.client.sealStatus()).sealKey;
  ok(await proof.site.az('keyvault', 'key', 'rotate', ...NAMED));
  const { json } = ok(await proof.site.az('keyvault', 'key', 'list-versions', ...NAMED));
  expect(Array.isArray(json) && json.length === 2, 'two versions of the key');
  await restart(proof.keyCluster);
  const after = (await proof.keyServer.client.sealStatus()).sealKey;
  expect(before !== '' && before === after, 'the version that wrapped to be the one that unwraps');
  return 'two versions; after kill -9 it unseals by the old one, which wrapped';
}
