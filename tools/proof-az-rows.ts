// The rows of the proof: a command of the unmodified az, word for word, and what it does to a cluster.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, until } from '../demo/conditions.ts';
import type { ServerProcess } from '../demo/server-process.ts';
import { type Ran, restart, type Site, untilSealedBy, untilUnsealed } from './proof-az-site.ts';

const GROUP = 'my-resource-group';
const VAULT = 'my-vault-for-auto-unseal';
const POLICY_VAULT = 'my-policy-vault';
const IDENTITY = 'vault-identity';
const KEY = 'vault-unseal';
const SECRET = 'vault-unseal-key';
const ACCOUNT = { namespace: 'vault', name: 'vault-0' };

export interface Row {
  readonly command: string;
  /** Acts and checks; says what was seen. Throws if anything is not as it must be. */
  run(proof: Proof): Promise<string>;
}

/** What the rows find out on the way. */
export class Proof {
  readonly site: Site;
  vaultId = '';
  vaultUri = '';
  policyVaultUri = '';
  clientId = '';
  secretCluster: readonly ServerProcess[] = [];
  keyCluster: readonly ServerProcess[] = [];
  policyCluster: readonly ServerProcess[] = [];

  constructor(site: Site) {
    this.site = site;
  }

  get keyServer(): ServerProcess {
    return only(this.keyCluster);
  }

  get policyServer(): ServerProcess {
    return only(this.policyCluster);
  }

  /** Any of the secret variant's servers. */
  get secretServer(): ServerProcess {
    return only(this.secretCluster);
  }

  managed(vaultUri: string, ...further: string[]): string[] {
    return [
      `vault_uri = "${vaultUri}"`,
      'use_managed_identity = true',
      `client_id = "${this.clientId}"`,
      ...further,
    ];
  }
}

const ASSIGN = 'az role assignment create --role';

export const ROWS: readonly Row[] = [
  row('az version', async ({ site }) => {
    const { json } = ok(await site.az('version'));
    return `azure-cli ${field(json, 'azure-cli')}, unmodified, from PyPI`;
  }),
  row('az cloud register -n LocalAzure --endpoint-resource-manager <arm>; az cloud set', async ({ site }) => {
    ok(
      await site.az(
        'cloud',
        'register',
        '-n',
        'LocalAzure',
        '--endpoint-resource-manager',
        site.addresses.armUrl,
      ),
    );
    ok(await site.az('cloud', 'set', '-n', 'LocalAzure'));
    const { json } = ok(await site.az('cloud', 'show'));
    return `suffix ${field(field(json, 'suffixes'), 'keyvaultDns')}`;
  }),
  row('az login --service-principal -u <operator> -p @<file> --tenant <tenant>', async ({ site }) => {
    const { operatorClientId, tenantId, subscriptionId } = site.addresses;
    const wrong = await site.az(
      'login',
      '--service-principal',
      '-u',
      operatorClientId,
      '-p',
      'wrong',
      '--tenant',
      tenantId,
    );
    expect(
      wrong.code !== 0 && /AADSTS7000215/.test(wrong.err),
      `a wrong secret to be refused, not: ${wrong.err}`,
    );
    ok(
      await site.az(
        'login',
        '--service-principal',
        '-u',
        operatorClientId,
        '-p',
        `@${site.secretFile}`,
        '--tenant',
        tenantId,
      ),
    );
    const { json } = ok(await site.az('account', 'show'));
    expect(field(json, 'id') === subscriptionId, 'the subscription to be found');
    return 'a wrong secret is AADSTS7000215, the right one finds the subscription';
  }),
  row(`az group create --name ${GROUP} --location eastus`, async ({ site }) => {
    ok(await site.az('group', 'create', '--name', GROUP, '--location', 'eastus'));
    return 'made';
  }),
  row(`az keyvault create --name ${VAULT} --resource-group ${GROUP} --location eastus`, createVault),
  row(`az identity create --name ${IDENTITY} --resource-group ${GROUP}`, async (proof) => {
    const { json } = ok(
      await proof.site.az('identity', 'create', '--name', IDENTITY, '--resource-group', GROUP),
    );
    proof.clientId = text(json, 'clientId');
    return `client id ${proof.clientId.slice(0, 8)}…, known to IMDS at once`;
  }),
  row(
    `${ASSIGN} "Key Vault Secrets Officer" --assignee <client id> --scope <vault>`,
    initialiseSecretVariant,
  ),
  row(`${ASSIGN} "Key Vault Secrets Officer" … (again)`, async (proof) => {
    ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId));
    return 'answered with the assignment that is there';
  }),
  row(`az keyvault key create --vault-name ${VAULT} --name ${KEY}`, createKey),
  row('(key variant, with Key Vault Secrets Officer alone)', refuseKeyVariant),
  row(
    `${ASSIGN} "Key Vault Crypto Service Encryption User" --assignee <client id> --scope <vault>`,
    initialiseKeyVariant,
  ),
  row(`az keyvault key rotate --vault-name ${VAULT} --name ${KEY}`, rotateKey),
  row(
    'az role assignment delete --assignee <client id> --role "Key Vault Secrets Officer" --scope <vault>',
    deleteRole,
  ),
  row(
    'az identity federated-credential create --identity-name … --issuer … --subject system:serviceaccount:vault:vault-0',
    federate,
  ),
  row(
    `az ad sp create-for-rbac --name latchkey --role "Key Vault Crypto Service Encryption User" --scopes <vault>`,
    createForRbac,
  ),
  row(`az keyvault secret list|show --vault-name ${VAULT} --name ${SECRET}`, listSecrets),
  row(`az keyvault secret set --vault-name ${VAULT} --name ${SECRET} --value …`, setSecret),
  row(`az keyvault secret delete|recover --vault-name ${VAULT} --name ${SECRET}`, deleteSecret),
  row(`az keyvault create --name ${POLICY_VAULT} … --enable-rbac-authorization false`, createPolicyVault),
  row(
    `az keyvault set-policy --name ${POLICY_VAULT} --spn <client id> --secret-permissions get list`,
    setPolicy,
  ),
  row(`az keyvault network-rule / update --default-action Deny (${POLICY_VAULT})`, closeFirewall),
  row(`az keyvault delete --name ${VAULT}; az keyvault recover --name ${VAULT}`, deleteAndRecover),
  row(`az keyvault purge --name ${POLICY_VAULT}`, purge),
];

function row(command: string, run: Row['run']): Row {
  return { command, run };
}

async function createVault(proof: Proof): Promise<string> {
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
async function initialiseSecretVariant(proof: Proof): Promise<string> {
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

async function createKey(proof: Proof): Promise<string> {
  const { site } = proof;
  const create = [
    'keyvault',
    'key',
    'create',
    '--vault-name',
    VAULT,
    '--name',
    KEY,
    '--kty',
    'RSA',
    '--size',
    '2048',
  ];
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

async function refuseKeyVariant(proof: Proof): Promise<string> {
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

async function initialiseKeyVariant(proof: Proof): Promise<string> {
  ok(await assign(proof, 'Key Vault Crypto Service Encryption User', proof.clientId));
  await initialise(proof.keyServer);
  await untilUnsealed(proof.keyServer);
  await restart(proof.keyCluster);
  return 'the same server initialises, and unseals after kill -9';
}

async function rotateKey(proof: Proof): Promise<string> {
  const before = (await proof.keyServer.client.sealStatus()).sealKey;
  ok(await proof.site.az('keyvault', 'key', 'rotate', '--vault-name', VAULT, '--name', KEY));
  const { json } = ok(
    await proof.site.az('keyvault', 'key', 'list-versions', '--vault-name', VAULT, '--name', KEY),
  );
  expect(Array.isArray(json) && json.length === 2, 'two versions of the key');
  await restart(proof.keyCluster);
  const after = (await proof.keyServer.client.sealStatus()).sealKey;
  return `two versions; after kill -9 it unseals by ${before === after ? 'the old one, which wrapped' : 'the new one'}`;
}

async function deleteRole(proof: Proof): Promise<string> {
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
async function federate(proof: Proof): Promise<string> {
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

async function createForRbac(proof: Proof): Promise<string> {
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

async function listSecrets(proof: Proof): Promise<string> {
  const { site } = proof;
  const { json } = ok(await site.az('keyvault', 'secret', 'list', '--vault-name', VAULT));
  expect(
    Array.isArray(json) && json.length === 1 && field(json[0], 'name') === SECRET,
    'the KEK to be the only secret',
  );
  const shown = ok(await site.az('keyvault', 'secret', 'show', '--vault-name', VAULT, '--name', SECRET));
  expect(Buffer.from(text(shown.json, 'value'), 'base64').length === 32, 'the KEK to be 32 bytes in base64');
  const { clusterId } = await proof.secretServer.client.sealStatus();
  const tagged = JSON.stringify(field(shown.json, 'tags')).includes(clusterId);
  expect(clusterId !== '' && tagged, 'the KEK to be tagged with the id of the cluster');
  return 'the cluster’s KEK is the only secret: 32 bytes in base64, tagged with the cluster’s id';
}

/** Somebody overwrites the KEK: the newest version is no longer the one that the data was sealed with. */
async function setSecret(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(
    await site.az(
      'keyvault',
      'secret',
      'set',
      '--vault-name',
      VAULT,
      '--name',
      SECRET,
      '--value',
      'overwritten',
    ),
  );
  const versions = ok(
    await site.az('keyvault', 'secret', 'list-versions', '--vault-name', VAULT, '--name', SECRET),
  );
  expect(Array.isArray(versions.json) && versions.json.length === 2, 'two versions of the KEK');
  await restart([proof.secretServer]);
  return 'overwritten; a server still unseals after kill -9, by the version that its data names';
}

async function deleteSecret(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'secret', 'delete', '--vault-name', VAULT, '--name', SECRET));
  const sealed = await untilSealedBy(proof.secretServer, 'keyvault_secret_deleted');
  const taken = await site.az(
    'keyvault',
    'secret',
    'set',
    '--vault-name',
    VAULT,
    '--name',
    SECRET,
    '--value',
    'x',
  );
  expect(
    taken.code !== 0 && /ObjectIsDeletedButRecoverable|deleted but recoverable/.test(taken.err),
    `the name to be taken, not: ${taken.err}`,
  );
  ok(await site.az('keyvault', 'secret', 'recover', '--vault-name', VAULT, '--name', SECRET));
  await untilUnsealed(proof.secretServer);
  return `deleted: ${sealed}, and the name is taken; recovered: it unseals`;
}

async function createPolicyVault(proof: Proof): Promise<string> {
  const create = [
    'keyvault',
    'create',
    '--name',
    POLICY_VAULT,
    '--resource-group',
    GROUP,
    '--location',
    'eastus',
  ];
  const { json } = ok(await proof.site.az(...create, '--enable-rbac-authorization', 'false'));
  const properties = field(json, 'properties');
  proof.policyVaultUri = text(properties, 'vaultUri').replace(/\/$/, '');
  proof.policyCluster = await proof.site.cluster('policy', 1, proof.managed(proof.policyVaultUri));
  ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId, text(json, 'id')));
  proof.policyServer.start();
  const words = await refusedInit(proof.policyServer, /403/);
  return `a role does not count there: init is refused (${words})`;
}

async function setPolicy(proof: Proof): Promise<string> {
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

async function closeFirewall(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'update', '--name', POLICY_VAULT, '--default-action', 'Deny'));
  const sealed = await untilSealedBy(proof.policyServer, 'keyvault_forbidden_firewall');
  ok(
    await site.az('keyvault', 'network-rule', 'add', '--name', POLICY_VAULT, '--ip-address', '127.0.0.1/32'),
  );
  await untilUnsealed(proof.policyServer);
  return `closed: ${sealed}; with this machine’s address it unseals`;
}

async function deleteAndRecover(proof: Proof): Promise<string> {
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

async function purge(proof: Proof): Promise<string> {
  const { site } = proof;
  ok(await site.az('keyvault', 'delete', '--name', POLICY_VAULT));
  const create = [
    'keyvault',
    'create',
    '--name',
    POLICY_VAULT,
    '--resource-group',
    GROUP,
    '--location',
    'eastus',
  ];
  const taken = await site.az(...create);
  expect(
    taken.code !== 0 && /deleted state|recover or purge/.test(taken.err),
    `the name to be taken, not: ${taken.err}`,
  );
  ok(await site.az('keyvault', 'purge', '--name', POLICY_VAULT));
  const late = await site.az('keyvault', 'recover', '--name', POLICY_VAULT);
  expect(late.code !== 0, 'a purged vault not to be recovered');
  ok(await site.az(...create, '--enable-rbac-authorization', 'true'));
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

function assign(proof: Proof, role: string, assignee: string, scope = proof.vaultId): Promise<Ran> {
  return proof.site.az(
    'role',
    'assignment',
    'create',
    '--role',
    role,
    '--assignee',
    assignee,
    '--scope',
    scope,
  );
}

async function initialise(server: ServerProcess): Promise<void> {
  await server.client.init({ recoveryShares: 3, recoveryThreshold: 2 });
}

/** Init once the server answers; gives what its refusal says of the vault's answer. */
async function refusedInit(server: ServerProcess, expected: RegExp): Promise<string> {
  await until(`${server.name} to answer`, () => server.client.sealStatus());
  const error = await initialise(server).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  if (error === undefined) throw new Error('init went through');
  expect(expected.test(error.message), `init to be refused by the vault, not: ${error.message}`);
  const sentence = /Nothing was written\. ([^\n]+)/.exec(error.message)?.[1];
  if (sentence === undefined) throw new Error(`init to say that nothing was written, not: ${error.message}`);
  return `“${sentence.split(/(?<=\.) |;/)[0]}”`;
}

function ok(ran: Ran): Ran {
  if (ran.code !== 0) throw new Error(`az ended with ${ran.code}: ${ran.err.trim().slice(0, 600)}`);
  return ran;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  if (typeof found !== 'string') throw new Error(`az said nothing of ${name}`);
  return found;
}

function only(servers: readonly ServerProcess[]): ServerProcess {
  const [first] = servers;
  if (first === undefined) throw new Error('an earlier row has not made this cluster');
  return first;
}
