// kill -9 of the active node while a mount is changed, moved or taken away: what the next leader finds is whole.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { type Asked, Asker, tokenOf } from '../api/asker.ts';
import { noteSecrets } from '../leaks/ledger.ts';
import { Rig } from './rig.ts';

const PASSWORD = 'numbat-4410-password';
const SECRETS = 400;
const LOGINS = 6;

describe('mounts of a node that is killed', { timeout: 170_000 }, () => {
  let rig: Rig;
  let token: string;
  before(async () => {
    noteSecrets([PASSWORD]);
    rig = await Rig.build(2);
    token = (await rig.startInitialised()).rootToken;
  });
  after(() => rig[Symbol.asyncDispose]());

  const leader = async () => new Asker((await rig.active()).client.address, token);

  /** Sends the request, kills the active node when `ripe` says so, and gives what was heard: undefined if nothing was. */
  async function killDuring(
    request: (asker: Asker) => Promise<Asked>,
    ripe: (asked: Promise<Asked>) => Promise<unknown>,
  ): Promise<Asked | undefined> {
    const server = await rig.active();
    const asked = request(new Asker(server.client.address, token));
    const heard = asked.catch(() => undefined);
    await ripe(asked);
    await server.stop('SIGKILL');
    server.start();
    return heard;
  }

  const pause = (milliseconds: number) => () => new Promise((resolve) => setTimeout(resolve, milliseconds));

  test('a kv mount that turns into version 2 loses nothing, whenever it is cut off', async () => {
    const root = await leader();
    await root.post('sys/mounts/old', { type: 'kv' });
    for (let at = 0; at < SECRETS; at += 20) {
      const some = Array.from({ length: 20 }, (_, index) => at + index);
      await Promise.all(some.map((number) => root.post(`old/f${number % 7}/s${number}`, { number })));
    }
    const heard = await killDuring(
      (asker) => asker.post('sys/mounts/old/tune', { options: { version: '2' } }),
      (asked) => asked,
    );
    assert.equal(heard?.status, 200);
    const after = await leader();
    await until('the mount to serve', async () => {
      const { status, errors } = await after.list('old/metadata');
      assert.ok(status === 200 || /^Upgrading from non-versioned/.test(errors), `${status} ${errors}`);
      return status === 200 || undefined;
    });
    const logs = (await Promise.all(rig.servers.map((server) => rig.logOf(server)))).join('\n');
    const begun = logs.match(/kv: turning secrets into version 2/g)?.length ?? 0;
    assert.ok(begun >= 2, 'the kill came while it ran');
    for (let number = 0; number < SECRETS; number += 1) {
      const { data } = await after.get(`old/data/f${number % 7}/s${number}`);
      assert.deepEqual(data['data'], { number });
      assert.equal((data['metadata'] as { version?: number }).version, 1);
    }
  });

  for (const waitMs of [3, 30]) {
    test(`a method that is being disabled is there or gone after ${waitMs} ms; disabled again, no token is left`, async () => {
      const root = await leader();
      await root.post('sys/auth/temp', { type: 'approle' });
      await root.post('auth/temp/role/app', { token_ttl: '1h' });
      const roleId = (await root.get('auth/temp/role/app/role-id')).data['role_id'] ?? '';
      const secretId = (await root.post('auth/temp/role/app/secret-id')).data['secret_id'] ?? '';
      noteSecrets([String(roleId), String(secretId)]);
      const login = (asker: Asker) =>
        asker.as('').post('auth/temp/login', { role_id: roleId, secret_id: secretId });
      const tokens: string[] = [];
      for (let count = 0; count < LOGINS; count += 1) tokens.push(tokenOf(await login(root)));
      const heard = await killDuring((asker) => asker.delete('sys/auth/temp'), pause(waitMs));
      const next = await leader();
      const alive = async () => {
        const looked = await Promise.all(tokens.map((one) => next.as(one).get('auth/token/lookup-self')));
        return looked.filter(({ status }) => status === 200).length;
      };
      if (heard?.status === 204) assert.equal(await alive(), 0, 'what was acknowledged is done');
      if ((await alive()) < LOGINS)
        assert.notEqual((await login(next)).status, 200, 'half gone lets nobody in');
      assert.equal((await next.delete('sys/auth/temp')).status, 204);
      assert.equal(await alive(), 0);
      assert.equal((await next.get('sys/auth/temp')).status, 400);
    });
  }

  test('a mount that is being moved is at one path or the other, with its data', async () => {
    const root = await leader();
    await root.post('sys/mounts/here', { type: 'kv-v2' });
    await root.post('here/data/a', { data: { x: 'y' } });
    await killDuring(
      (asker) => asker.post('sys/remount', { from: 'here', to: 'there' }),
      (asked) => asked,
    );
    const next = await leader();
    const read = async (path: string) => (await next.get(`${path}/data/a`)).data['data'];
    const places = [await read('here'), await read('there')].filter((data) => data !== undefined);
    assert.deepEqual(places, [{ x: 'y' }]);
  });
});
