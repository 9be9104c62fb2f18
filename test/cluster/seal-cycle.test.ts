// An operator seals a node: it stays sealed, says so, and opens with recovery shares or a restart alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { Rig } from './rig.ts';

test('sealed by an operator: sticky, told, and undone by recovery shares', { timeout: 60_000 }, async () => {
  await using rig = await Rig.build();
  const { server } = rig;
  const init = await rig.startInitialised();
  const root = server.client.withToken(init.rootToken);
  await root.seal();
  const sealed = await server.client.sealStatus();
  assert.equal(sealed.sealed, true);
  assert.equal(sealed.unsealState, 'operator');
  assert.equal(sealed.threshold, 2);
  // A second seal finds it sealed and asks for no token, as in Vault.
  await server.client.seal();

  const [first, second, third] = init.recoveryKeysBase64;
  assert.ok(first && second && third);
  const progressed = await server.client.unseal(first);
  assert.equal(progressed.progress, 1);
  assert.notEqual(progressed.nonce, '');
  // The same share again counts once.
  assert.equal((await server.client.unseal(first)).progress, 1);
  assert.equal((await server.client.resetUnseal()).progress, 0);

  // A wrong last share drops the progress and leaves the node sealed.
  await server.client.unseal(first);
  const wrong = Buffer.from(second, 'base64');
  wrong[0] = (wrong[0] ?? 0) ^ 1;
  await assert.rejects(server.client.unseal(wrong.toString('base64')), /failed to verify recovery key/);
  const after = await server.client.sealStatus();
  assert.deepEqual([after.sealed, after.progress, after.nonce], [true, 0, '']);

  await server.client.unseal(first);
  const opened = await server.client.unseal(third);
  assert.equal(opened.sealed, false);
  await until('the node to lead again', async () =>
    (await server.client.leader()).isSelf ? true : undefined,
  );
  assert.equal((await root.read('auth/token/lookup-self'))?.data?.['display_name'], 'root');
});

test('sealed by an operator: a restart opens it again', { timeout: 60_000 }, async () => {
  await using rig = await Rig.build();
  const { server } = rig;
  const init = await rig.startInitialised();
  await server.client.withToken(init.rootToken).seal();
  assert.equal((await server.client.sealStatus()).unsealState, 'operator');
  await server.stop('SIGTERM');
  server.start();
  await rig.untilUnsealed(server);
});

test('a standby refuses to seal, and step-down hands the lead to the other', {
  timeout: 60_000,
}, async () => {
  await using rig = await Rig.build(2);
  const init = await rig.startInitialised();
  const roles = async () => {
    const leaders = await Promise.all(rig.servers.map((server) => server.client.leader()));
    return leaders.filter((leader) => leader.isSelf).length === 1 ? leaders : undefined;
  };
  const { value: before } = await until('one leader', roles);
  const active = rig.servers[before.findIndex((leader) => leader.isSelf)];
  const standby = rig.servers[before.findIndex((leader) => !leader.isSelf)];
  assert.ok(active && standby);
  await assert.rejects(
    standby.client.withToken(init.rootToken).seal(),
    /vault cannot seal when in standby mode; please restart instead/,
  );
  await assert.rejects(active.client.stepDown(), /permission denied/);
  // Through the standby: it is forwarded.
  await standby.client.withToken(init.rootToken).stepDown();
  const { value: after } = await until('the other to lead', async () => {
    const now = await roles();
    return now?.some((leader, index) => leader.isSelf !== before[index]?.isSelf) ? now : undefined;
  });
  assert.equal(after.filter((leader) => leader.isSelf).length, 1);
});
