// Before init, unsealing, the second node, and what disturbs the other rows: rotation and sealing.

import assert from 'node:assert/strict';
import { asToken, at, type Cluster, note, refused, until, type Vault, works } from './row.ts';

export async function beforeInit(cluster: Cluster): Promise<void> {
  const { active } = cluster;
  await works('health.uninitialised', async () => {
    const health = await active.health();
    assert.deepEqual([at(health, 'initialized'), at(health, 'sealed')], [false, true]);
  });
  await works('seal-status.uninitialised', async () => {
    const status = await active.status();
    assert.deepEqual(
      [at(status, 'type'), at(status, 'initialized'), at(status, 'sealed')],
      ['shamir', false, true],
    );
  });
  await works('init.status', async () => {
    assert.deepEqual(await active.initialized(), { initialized: false });
  });
  await refused('init.bad-threshold', 400, 'threshold cannot be larger than shares', () =>
    active.init({ secret_shares: 2, secret_threshold: 3 }),
  );
  await works('init.init', async () => {
    const answer: unknown = await active.init({ secret_shares: 3, secret_threshold: 2 });
    const { keys, keys_base64, root_token } = answer as {
      keys: string[];
      keys_base64: string[];
      root_token: string;
    };
    note(root_token, ...keys, ...keys_base64);
    cluster.shares = keys_base64;
    cluster.root = root_token;
    assert.equal(keys_base64.length, 3);
  });
  await refused('init.again', 400, 'Vault is already initialized', () =>
    active.init({ secret_shares: 1, secret_threshold: 1 }),
  );
  await works('health.sealed', async () => {
    const health = await active.health();
    assert.deepEqual([at(health, 'initialized'), at(health, 'sealed')], [true, true]);
  });
  await refused('sealed.read', 503, 'Vault is sealed', () => asToken(cluster.root).read('secret/data/any'));
}

export async function unseal(cluster: Cluster): Promise<void> {
  const { active, standby } = cluster;
  const [first = '', second = ''] = cluster.shares;
  await works('unseal.progress', async () => {
    const status = await active.unseal({ key: first });
    assert.deepEqual([at(status, 'progress'), at(status, 't'), at(status, 'n')], [1, 2, 3]);
    assert.notEqual(at(status, 'nonce'), '');
  });
  await works('unseal.reset', async () => {
    assert.equal(at(await active.unseal({ reset: true }), 'progress'), 0);
  });
  await refused('unseal.wrong-share', 400, 'failed to decrypt keys from storage', async () => {
    await active.unseal({ key: first });
    const wrong = Buffer.from(second, 'base64');
    wrong[3] = (wrong[3] ?? 0) ^ 0xff;
    await active.unseal({ key: wrong.toString('base64') });
  });
  await works('unseal.unseal', () => open(cluster, active));
  await works('health.active', async () => {
    await until('the node to lead', async () => at(await active.leader(), 'is_self') === true);
    const health = await active.health();
    assert.deepEqual([at(health, 'sealed'), at(health, 'standby')], [false, false]);
    assert.ok(at(health, 'version') && at(health, 'cluster_id'));
  });
  active.token = cluster.root;
  standby.token = cluster.root;
}

/** The node that follows. */
export async function second(cluster: Cluster): Promise<void> {
  const { active, standby } = cluster;
  await works('unseal.standby', async () => {
    const knows = async (): Promise<boolean> => at(await standby.initialized(), 'initialized') === true;
    await until('the other node to know of the cluster', knows);
    await open(cluster, standby);
  });
  await works('health.standby', async () => {
    await until('it to say standby', async () => at(await standby.health(), 'standby') === true);
  });
  const leaderOf = async (vault: Vault): Promise<unknown[]> => {
    const leader: unknown = await vault.leader();
    return [at(leader, 'ha_enabled'), at(leader, 'is_self'), at(leader, 'leader_address')];
  };
  await works('leader.active', async () => {
    assert.deepEqual(await leaderOf(active), [true, true, active.endpoint]);
  });
  await works('leader.standby', async () => {
    assert.deepEqual(await leaderOf(standby), [true, false, active.endpoint]);
  });
  await works('standby.request', async () => {
    const passesOn = async (): Promise<boolean> =>
      at(await standby.tokenLookupSelf(), 'data', 'id') === cluster.root;
    await until('the standby to pass a request on', passesOn);
  });
  await works('ha-status', async () => {
    const nodes = async (): Promise<unknown> => at(await active.read('sys/ha-status'), 'nodes', 'length');
    await until('both nodes to be members', async () => (await nodes()) === 2);
  });
}

async function open({ shares }: Cluster, vault: Vault): Promise<void> {
  await vault.unseal({ key: shares[0] });
  assert.equal(at(await vault.unseal({ key: shares[2] }), 'sealed'), false);
}

export async function afterwards(cluster: Cluster): Promise<void> {
  const { active, standby } = cluster;
  const leads = async (vault: Vault): Promise<boolean> => at(await vault.leader(), 'is_self') === true;
  const term = async (): Promise<unknown> => at(await active.read('sys/key-status'), 'data', 'term');
  await works('key-status', async () => assert.equal(await term(), 1));
  await works('rotate', async () => {
    await active.rotate();
    assert.equal(await term(), 2);
  });
  await works('step-down', async () => {
    await active.stepDown();
    await until('the other to lead', () => leads(standby));
  });
  await works('seal.seal', async () => {
    await standby.seal();
    assert.equal(at(await standby.status(), 'sealed'), true);
  });
  await works('seal.take-over', () => until('the first to lead again', () => leads(active)));
  await works('seal.unseal', () => open(cluster, standby));
  await works('seal.data', () =>
    until(
      'the data to be there',
      async () => at(await standby.read('kv1/kept'), 'data', 'message') === 'kept',
    ),
  );
}
