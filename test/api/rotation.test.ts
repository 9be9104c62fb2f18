// Rotating the key of the data, and setting when it rotates by itself.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DevServer } from './dev-server.ts';

let server: DevServer;
before(async () => {
  server = await DevServer.start();
});
after(() => server[Symbol.asyncDispose]());

test('both names rotate, and what was written before is still there', async () => {
  const { client } = server;
  await client.kvPut('secret', 'a', { n: 1 });
  const term = async () => Number((await client.read('sys/key-status'))?.data?.['term']);
  const first = await term();
  await client.write('sys/rotate', {});
  await client.write('sys/rotate/keyring', {});
  assert.equal(await term(), first + 2);
  assert.deepEqual(await client.kvGet('secret', 'a'), { n: 1 });
});

test('the setting has two names, takes durations, and refuses what is out of range', async () => {
  const { client } = server;
  const read = async (path: string) => (await client.read(path))?.data;
  assert.deepEqual(await read('sys/rotate/config'), {
    max_operations: 3_865_470_566,
    enabled: true,
    interval: 0,
  });
  await client.write('sys/rotate/config', { interval: '720h', max_operations: 2_000_000 });
  await client.write('sys/rotate/keyring/config', { enabled: false });
  const expected = { max_operations: 2_000_000, enabled: false, interval: '720h0m0s' };
  assert.deepEqual(await read('sys/rotate/config'), expected);
  assert.deepEqual(await read('sys/rotate/keyring/config'), expected);
  await assert.rejects(client.write('sys/rotate/config', { interval: '1h' }), /greater or equal to 24h0m0s/);
});
