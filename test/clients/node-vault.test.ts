// A foreign client, unmodified: node-vault from npm, which sends the LIST verb and reads Vault's own members.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import nodeVault from 'node-vault';
import { DevServer } from '../api/dev-server.ts';

describe('node-vault', () => {
  let server: DevServer;
  let vault: nodeVault.client;
  before(async () => {
    server = await DevServer.start();
    vault = nodeVault({ endpoint: server.address, token: server.token });
  });
  after(() => server[Symbol.asyncDispose]());

  test('asks for the state: initialized, status, health, leader', async () => {
    assert.deepEqual(await vault.initialized(), { initialized: true });
    assert.equal((await vault.status())['sealed'], false);
    assert.equal((await vault.health())['standby'], false);
    assert.equal((await vault.leader())['is_self'], true);
  });

  test('writes, reads, lists and deletes secrets of kv version 2', async () => {
    await vault.write('secret/data/node/one', { data: { message: 'wörld' } });
    await vault.write('secret/data/node/two', { data: { message: 'two' } });
    const read = (await vault.read('secret/data/node/one')) as { data: { data: unknown } };
    assert.deepEqual(read.data.data, { message: 'wörld' });
    const listed = (await vault.list('secret/metadata/node')) as { data: { keys: string[] } };
    assert.deepEqual(listed.data.keys, ['one', 'two']);
    await vault.delete('secret/data/node/one');
    await assert.rejects(vault.read('secret/data/node/one'), /404/);
  });

  test('mounts and unmounts', async () => {
    await vault.mount({ mount_point: 'from-node', type: 'kv', description: 'by node-vault' });
    const mounts = (await vault.mounts()) as Record<string, { description?: string }>;
    assert.equal(mounts['from-node/']?.description, 'by node-vault');
    await vault.unmount({ mount_point: 'from-node' });
    assert.equal(((await vault.mounts()) as Record<string, unknown>)['from-node/'], undefined);
  });

  test('looks its token up, and is told in words it shows why a stranger is refused', async () => {
    const self = (await vault.tokenLookupSelf()) as { data: { policies: string[] } };
    assert.deepEqual(self.data.policies, ['root']);
    const stranger = nodeVault({ endpoint: server.address, token: 'hvs.stranger' });
    await assert.rejects(stranger.read('secret/data/node/two'), /permission denied/);
  });
});
