// Steps 1 to 5: Azure, the vault and the identity, three servers, one init, one secret.

import { runLatchkey } from './command-line.ts';
import { expect, until } from './conditions.ts';
import { unsealed } from './server-process.ts';
import { GROUP, IDENTITY, LOCATION, SECRET_NAME, type Stage, VAULT } from './stage.ts';
import type { Step } from './step.ts';

const UNSEALED_WITHIN_MS = 5_000;

export const SETUP_STEPS: readonly Step[] = [
  {
    number: 1,
    title: 'A local Azure starts: Entra, IMDS, ARM and Key Vault on loopback',
    byHand: ['(on Azure: nothing to do, it is there)'],
    run: startAzure,
  },
  {
    number: 2,
    title: 'Resource group, Key Vault, identity, and the role that lets the identity keep a secret there',
    byHand: [
      `az group create --name ${GROUP} --location ${LOCATION}`,
      `az keyvault create --name ${VAULT} --resource-group ${GROUP} --location ${LOCATION}`,
      `az identity create --name ${IDENTITY} --resource-group ${GROUP}`,
      'az role assignment create --role "Key Vault Secrets Officer" --assignee <client-id> --scope <vault-id>',
    ],
    run: createResources,
  },
  {
    number: 3,
    title: 'Three servers start on one shared store; each answers, sealed and not initialised',
    byHand: ['vault server -config=vault-0.hcl   (and vault-1, vault-2)', 'vault status   # exit code 2'],
    run: startServers,
  },
  {
    number: 4,
    title: 'operator init, once: all three unseal, and the KEK is a secret in the Key Vault',
    byHand: [
      'vault operator init',
      `az keyvault secret show --vault-name ${VAULT} --name ${SECRET_NAME} --query attributes`,
    ],
    run: initialise,
  },
  {
    number: 5,
    title: 'A secret is written, and read back through a standby',
    byHand: [
      'vault write sys/mounts/secret type=kv-v2   # vault secrets enable -path=secret kv-v2',
      'vault kv put secret/hello message=world',
      'VAULT_ADDR=<a standby> vault kv get secret/hello',
    ],
    run: putSecret,
  },
];

async function startAzure(stage: Stage): Promise<readonly string[]> {
  const { addresses } = await stage.startAzure();
  return [
    `Entra and ARM on ${addresses.armUrl}, IMDS on ${addresses.imdsUrl}`,
    `its CA certificate: ${addresses.caFile}`,
  ];
}

async function createResources(stage: Stage): Promise<readonly string[]> {
  const { azure } = stage;
  await azure.login();
  await azure.createResourceGroup(GROUP, LOCATION);
  const vault = await azure.createKeyVault(GROUP, VAULT, LOCATION);
  const identity = await azure.createIdentity(GROUP, IDENTITY, LOCATION);
  stage.roleAssignment = await azure.assignRole('Key Vault Secrets Officer', identity.principalId, vault.id);
  stage.found({ vault, identity });
  return [`Key Vault ${vault.vaultUri}`, `identity ${IDENTITY}, client id ${identity.clientId}`];
}

async function startServers(stage: Stage, firstPort: number): Promise<readonly string[]> {
  const servers = await stage.prepareServers(firstPort);
  for (const server of servers) server.start();
  const seen: string[] = [];
  for (const server of servers) {
    const { value: status } = await until(`${server.name} to answer`, () => server.client.sealStatus());
    expect(!status.initialized && status.sealed, `${server.name} to be sealed and not initialised`);
    const printed = await runLatchkey(server, ['status'], stage.rootToken);
    expect(printed.code === 2, `\`status\` on ${server.name} to exit with 2, not ${printed.code}`);
    seen.push(`${server.name} on ${server.address}: initialised false, sealed true, \`status\` exits with 2`);
  }
  return seen;
}

async function initialise(stage: Stage): Promise<readonly string[]> {
  const [first] = stage.servers;
  if (first === undefined) throw new Error('there is no server');
  const answer = await first.client.init({ recoveryShares: 5, recoveryThreshold: 3 });
  expect(answer.recoveryKeysBase64.length === 5, 'five recovery keys');
  stage.rootToken = answer.rootToken;
  stage.secrets.push(...answer.recoveryKeysBase64);
  const startedAt = performance.now();
  const seen: string[] = [];
  for (const server of stage.servers) {
    const { value: status } = await until(
      `${server.name} to unseal`,
      () => unsealed(server),
      UNSEALED_WITHIN_MS,
    );
    const tookMs = Math.round(performance.now() - startedAt);
    expect(status.sealKey.includes(`/secrets/${SECRET_NAME}/`), 'the status to name the KEK');
    seen.push(`${server.name} unsealed ${tookMs} ms after the answer of init`);
  }
  const { vault, identity } = stage.cluster;
  const names = await stage.azure.secretNames(vault.vaultUri, identity.clientId);
  expect(
    names.length === 1 && names[0] === SECRET_NAME,
    `the KEK to be the only secret, not ${names.join(', ')}`,
  );
  seen.push(`the Key Vault holds one secret now: ${SECRET_NAME}`);
  return seen;
}

async function putSecret(stage: Stage): Promise<readonly string[]> {
  const active = await stage.active();
  await active.client.withToken(stage.rootToken).write('sys/mounts/secret', { type: 'kv-v2' });
  const put = await runLatchkey(active, ['kv', 'put', 'secret/hello', 'message=world'], stage.rootToken);
  expect(put.code === 0, `kv put to succeed: ${put.stderr}`);
  const standby = stage.servers.find((server) => server !== active);
  if (standby === undefined) throw new Error('there is no standby');
  const get = await runLatchkey(standby, ['kv', 'get', '-field=message', 'secret/hello'], stage.rootToken);
  expect(get.stdout.trim() === 'world', `the standby to give the secret back: ${get.stderr}`);
  return [`written on ${active.name} (active), read through ${standby.name} (standby): message=world`];
}
