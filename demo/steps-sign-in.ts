// Step 10: two of the servers sign in to Azure in other ways than by the managed identity.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from './conditions.ts';
import { startAndAwait } from './restarts.ts';
import type { SealStanza, ServerProcess } from './server-process.ts';
import { GROUP, IDENTITY, type Stage } from './stage.ts';
import type { Step } from './step.ts';

const ACCOUNT = { namespace: 'vault', serviceAccount: 'vault-2' };

export const SIGN_IN_STEPS: readonly Step[] = [
  {
    number: 10,
    title: 'vault-1 restarts as a service principal, vault-2 with a federated token file (AKS): both unseal',
    byHand: [
      'az ad sp create-for-rbac --name vault-1 --role "Key Vault Secrets User" --scopes <vault-id>',
      '(vault-1.hcl: client_id, client_secret = "file:///…"; or AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)',
      `az identity federated-credential create --name vault-2 --identity-name ${IDENTITY} --resource-group ${GROUP} \\`,
      `  --issuer <AKS OIDC issuer> --subject system:serviceaccount:${ACCOUNT.namespace}:${ACCOUNT.serviceAccount} --audiences api://AzureADTokenExchange`,
      '(vault-2.hcl: federated_token_file; AKS sets AZURE_FEDERATED_TOKEN_FILE in the pod)',
      'systemctl restart vault   # on vault-1 and vault-2',
    ],
    run: signInOtherwise,
  },
];

async function signInOtherwise(stage: Stage): Promise<readonly string[]> {
  const { azure, cluster } = stage;
  const [, second, third] = stage.servers;
  if (second === undefined || third === undefined) throw new Error('there are no three servers');

  const application = await azure.createServicePrincipal(second.name);
  stage.secrets.push(application.clientSecret);
  await azure.assignRole('Key Vault Secrets User', application.principalId, cluster.vault.id);

  await azure.trustServiceAccount(cluster.identity, third.name, ACCOUNT);
  const token = await azure.aksToken(ACCOUNT);
  stage.secrets.push(token);
  const tokenFile = join(stage.folder, `${third.name}.token`);
  await writeFile(tokenFile, token, { mode: 0o600 });
  const secretFile = join(stage.folder, `${second.name}.secret`);
  await writeFile(secretFile, application.clientSecret, { mode: 0o600 });

  const { clientId } = application;
  const stanza = stage.stanzaOf(cluster);
  return [
    await restartWith(
      stage,
      second,
      { ...stanza, client_id: clientId, client_secret: `file://${secretFile}` },
      `service principal ${clientId} (client secret)`,
    ),
    await restartWith(
      stage,
      third,
      { ...stanza, federated_token_file: tokenFile },
      `workload identity ${cluster.identity.clientId} (federated token)`,
    ),
  ];
}

/** Restarts it and looks into what its log says since. */
async function restartWith(
  stage: Stage,
  server: ServerProcess,
  seal: SealStanza,
  label: string,
): Promise<string> {
  await server.stop('SIGTERM');
  await stage.reconfigure(server, seal);
  const before = (await readFile(server.logFile)).length;
  const openMs = await startAndAwait(server);
  const log = (await readFile(server.logFile)).subarray(before).toString();
  expect(log.includes(`signing in to Azure as ${label}`), `the log to name ${label}:\n${log}`);
  const data = await server.client.withToken(stage.rootToken).kvGet('secret', 'hello');
  expect(data?.['message'] === 'world', `the secret to read back from ${server.name}`);
  return `${server.name} unsealed after ${openMs} ms; its log: signing in to Azure as ${label}`;
}
