// Steps 6 to 8: a crash, rights taken away and given back, and the whole cluster at once.

import { expect, until } from './conditions.ts';
import { forbiddenWith, startAndAwait } from './restarts.ts';
import { unsealed } from './server-process.ts';
import { SECRET_NAME, type Stage, VAULT } from './stage.ts';
import type { Step } from './step.ts';

export const UNSEAL_STEPS: readonly Step[] = [
  {
    number: 6,
    title: 'kill -9 of the active node: another leads; the killed one is started again and unseals itself',
    byHand: [
      'kill -9 <pid of the active node>',
      'vault server -config=vault-0.hcl',
      'vault status   # exit code 0',
    ],
    run: crashAndReturn,
  },
  {
    number: 7,
    title:
      'Rights: get and list are enough for a restart; without any it stays sealed and says why; with them it opens',
    byHand: [
      'az role assignment create --role "Key Vault Secrets User" --assignee <client-id> --scope <vault-id>',
      'az role assignment delete --role "Key Vault Secrets Officer" --assignee <client-id> --scope <vault-id>',
      'vault status   # names identity, action, vault, and the command that mends it',
    ],
    run: takeAndGiveRights,
  },
  {
    number: 8,
    title: 'All three stop and start at once: all unseal, the secret is still there',
    byHand: ['systemctl restart vault   # on every machine'],
    run: restartAll,
  },
];

async function crashAndReturn(stage: Stage): Promise<readonly string[]> {
  const killed = await stage.active();
  const killedAt = performance.now();
  await killed.stop('SIGKILL');
  const next = await stage.active();
  const failOverMs = Math.round(performance.now() - killedAt);
  expect(next !== killed, 'another node to lead');
  const openMs = await startAndAwait(killed);
  const leader = await killed.client.leader();
  expect(!leader.isSelf, `${killed.name} to come back as a standby`);
  await readEverywhere(stage);
  return [
    `${killed.name} killed; ${next.name} leads ${failOverMs} ms later`,
    `${killed.name} started again: unsealed ${openMs} ms after its process started, now a standby`,
    'the secret reads back from each node',
  ];
}

async function takeAndGiveRights(stage: Stage): Promise<readonly string[]> {
  const { azure, cluster } = stage;
  const seen: string[] = [];
  const reader = await azure.assignRole(
    'Key Vault Secrets User',
    cluster.identity.principalId,
    cluster.vault.id,
  );
  await azure.deleteRoleAssignment(stage.roleAssignment);
  const server = stage.servers[1];
  if (server === undefined) throw new Error('there is no vault-1');
  await server.stop('SIGTERM');
  seen.push(
    `Key Vault Secrets User alone: ${server.name} restarted, unsealed after ${await startAndAwait(server)} ms`,
  );

  await azure.deleteRoleAssignment(reader);
  await server.stop('SIGTERM');
  server.start();
  seen.push('no role at all: it answers, sealed, and `status` says:');
  seen.push(...(await forbiddenWith(server, [cluster.identity.clientId, 'getSecret', VAULT])));

  const pid = server.pid;
  const givenAt = performance.now();
  stage.roleAssignment = await azure.assignRole(
    'Key Vault Secrets Officer',
    cluster.identity.principalId,
    cluster.vault.id,
  );
  await until(`${server.name} to unseal by itself`, () => unsealed(server));
  expect(server.pid === pid, 'the same process, without a restart');
  seen.push(
    `role given back: unsealed by itself ${Math.round(performance.now() - givenAt)} ms later, no restart`,
  );
  return seen;
}

async function restartAll(stage: Stage): Promise<readonly string[]> {
  await Promise.all(stage.servers.map((server) => server.stop('SIGTERM')));
  const times = await Promise.all(stage.servers.map(startAndAwait));
  await stage.active();
  await readEverywhere(stage);
  return [
    `unsealed after ${times.join(', ')} ms; the secret reads back from each node`,
    `the KEK is still the secret ${SECRET_NAME} of ${VAULT}`,
  ];
}

async function readEverywhere(stage: Stage): Promise<void> {
  for (const server of stage.servers) {
    const data = await server.client.withToken(stage.rootToken).kvGet('secret', 'hello');
    expect(data?.['message'] === 'world', `the secret to read back from ${server.name}`);
  }
}
