// Step 9: the story once more, in short, with a Key Vault key as the KEK.

import { runLatchkey } from './command-line.ts';
import { expect, until } from './conditions.ts';
import { forbiddenWith, startAndAwait } from './restarts.ts';
import { type ServerProcess, unsealed } from './server-process.ts';
import { GROUP, LOCATION, type Stage } from './stage.ts';
import type { Step } from './step.ts';

const VAULT = 'my-vault-with-a-key';
const IDENTITY = 'vault-key-identity';
const KEY = 'unseal';
const ROLE = 'Key Vault Crypto Service Encryption User';
const SERVER = 'vault-key';

export const KEY_STEPS: readonly Step[] = [
  {
    number: 9,
    title: 'The same with key_name: the KEK is a Key Vault key that never leaves Azure',
    byHand: [
      `az keyvault create --name ${VAULT} --resource-group ${GROUP} --location ${LOCATION}`,
      `az identity create --name ${IDENTITY} --resource-group ${GROUP}`,
      'az role assignment create --role "Key Vault Crypto Officer" --assignee <yourself> --scope <vault-id>',
      `az keyvault key create --vault-name ${VAULT} --name ${KEY} --kty RSA --size 2048 --ops wrapKey unwrapKey`,
      `vault server -config=${SERVER}.hcl && vault operator init   # refused: says which role is missing`,
      `az role assignment create --role "${ROLE}" --assignee <client-id> --scope <vault-id>`,
      'vault operator init',
      'kill -9 <pid>; vault server …   # unseals; without the role it stays sealed and says why; with it it opens',
    ],
    run: tellWithKey,
  },
];

async function tellWithKey(stage: Stage): Promise<readonly string[]> {
  const { azure } = stage;
  const vault = await azure.createKeyVault(GROUP, VAULT, LOCATION);
  const identity = await azure.createIdentity(GROUP, IDENTITY, LOCATION);
  await azure.assignRole('Key Vault Crypto Officer', azure.addresses.operatorObjectId, vault.id);
  await azure.createKey(vault.vaultUri, KEY);
  const server = await stage.prepareKeyServer(SERVER, { vault, identity }, KEY);
  server.start();
  await until(`${SERVER} to answer`, () => server.client.sealStatus());
  const seen = [`${SERVER} on ${server.address}, Key Vault ${vault.vaultUri}, key ${KEY}, no role yet`];
  seen.push('init is refused, nothing is written:', ...(await initRefused(server, identity.principalId)));

  const grant = () => azure.assignRole(ROLE, identity.principalId, vault.id);
  const role = await grant();
  const answer = await server.client.init({ recoveryShares: 5, recoveryThreshold: 3 });
  stage.secrets.push(answer.rootToken, ...answer.recoveryKeysBase64);
  const { value: status } = await until(`${SERVER} to unseal`, () => unsealed(server));
  expect(status.sealKey.includes(`/keys/${KEY}/`), 'the status to name the key');
  const client = server.client.withToken(answer.rootToken);
  await client.write('sys/mounts/secret', { type: 'kv-v2' });
  await client.kvPut('secret', 'hello', { message: 'key' });
  seen.push(`role given, initialised, unsealed with ${status.sealKey}`);

  await server.stop('SIGKILL');
  seen.push(`killed and started again: unsealed after ${await startAndAwait(server)} ms`);

  await azure.deleteRoleAssignment(role);
  await server.stop('SIGTERM');
  server.start();
  seen.push('started without the role: it answers, sealed, and `status` says:');
  seen.push(...(await forbiddenWith(server, [identity.clientId, `/keys/${KEY}`, ROLE])));
  const givenAt = performance.now();
  await grant();
  await until(`${SERVER} to unseal by itself`, () => unsealed(server));
  const data = await client.kvGet('secret', 'hello');
  expect(data?.['message'] === 'key', 'the secret to read back');
  const tookMs = Math.round(performance.now() - givenAt);
  seen.push(`role given back: unsealed by itself ${tookMs} ms later; the secret reads back`);
  await server.stop('SIGTERM');
  return seen;
}

/** What `operator init` prints, by whoever has no role yet. */
async function initRefused(server: ServerProcess, principalId: string): Promise<readonly string[]> {
  const printed = await runLatchkey(server, ['operator', 'init'], '');
  expect(printed.code !== 0, '`operator init` to be refused');
  for (const words of ['Nothing was written', ROLE, principalId]) {
    expect(printed.stderr.includes(words), `the refusal to name ${words}:\n${printed.stderr}`);
  }
  const status = await server.client.sealStatus();
  expect(!status.initialized && status.sealed, 'the server to be as it was');
  return printed.stderr.split('\n').filter((line) => /^(\* |To mend it)/.test(line));
}
