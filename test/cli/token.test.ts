// What a real server says of the caller's own token.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';

test('token lookup, of the own token and of one that nobody issued', async () => {
  await using server = await DevServer.start();
  const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
  for (const line of ['token lookup', 'token lookup root']) {
    const { code, out, err } = await run(line, env);
    assert.deepEqual([code, err], [0, ''], line);
    assert.match(out, /^policies +\[root\]$/m);
  }
  assert.match((await run('token lookup -format=yaml', env)).out, /^ {2}policies:\n {2}- root$/m);
  const unknown = await run('token lookup', { ...env, VAULT_TOKEN: 'hvs.nobody' });
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /^Error looking up token: Error making API request\.\n(.*\n)*Code: 403/);
});
