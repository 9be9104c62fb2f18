// Policies over the API of a real server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DevServer } from './dev-server.ts';

const TEXT = 'path "secret/data/app" { capabilities = ["read"] }';

describe('policies', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  test('are written, shown, listed and removed, by the newer path and the older', async () => {
    const { client } = server;
    await client.write('sys/policies/acl/App', { policy: TEXT });
    assert.deepEqual((await client.read('sys/policies/acl/app'))?.data, { name: 'app', policy: TEXT });
    assert.deepEqual((await client.read('sys/policy/app'))?.data, { name: 'app', rules: TEXT });
    assert.deepEqual((await client.list('sys/policies/acl'))?.data, { keys: ['app', 'default', 'root'] });
    const old = await client.request({ method: 'GET', path: 'sys/policy' });
    assert.deepEqual((old.body as { policies: string[] }).policies, ['app', 'default', 'root']);
    await client.delete('sys/policy/app');
    assert.equal(await client.read('sys/policies/acl/app'), undefined);
  });

  test('base64 is taken, what is no policy is refused with its place, and reserved names stay', async () => {
    const { client } = server;
    await client.write('sys/policies/acl/b64', { policy: Buffer.from(TEXT).toString('base64') });
    assert.equal((await client.read('sys/policies/acl/b64'))?.data?.['policy'], TEXT);
    await assert.rejects(
      client.write('sys/policies/acl/x', { policy: 'path "a" {\n  capabilities = ["fly"] }' }),
      /2/,
    );
    await assert.rejects(client.write('sys/policies/acl/x', {}), /not supplied or empty/);
    await assert.rejects(
      client.write('sys/policies/acl/root', { policy: TEXT }),
      /cannot update "root" policy/,
    );
    await assert.rejects(client.delete('sys/policies/acl/default'), /cannot delete default policy/);
  });

  test('a root token may do all there is', async () => {
    const answer = await server.client.write('sys/capabilities-self', { paths: ['secret/data/x'] });
    assert.deepEqual(answer?.data, { 'secret/data/x': ['root'], capabilities: ['root'] });
    await assert.rejects(server.client.write('sys/capabilities-self', {}), /paths must be supplied/);
  });
});
