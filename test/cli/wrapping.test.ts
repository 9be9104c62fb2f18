// Wrapped answers at the command line, on a real server: what is asked on the way is never wrapped.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';
import { noteSecrets } from '../leaks/ledger.ts';

const VALUE = 'wombat-6613-value';

suite('wrapping at the command line', () => {
  let server: DevServer;
  let env: Record<string, string>;

  before(async () => {
    noteSecrets([VALUE]);
    server = await DevServer.start();
    env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    await server.client.kvPut('secret', 'app', { password: VALUE });
  });
  after(() => server[Symbol.asyncDispose]());

  async function wrapped(line: string, more: Record<string, string> = {}): Promise<string> {
    const { code, out, err } = await run(line, { ...env, ...more });
    assert.deepEqual([code, err], [0, ''], line);
    assert.match(out, /^hvs\.\w{24}$/);
    noteSecrets([out]);
    return out;
  }

  test('kv get asks where the secret lies, and has the answer alone wrapped', async () => {
    for (const [line, more] of [
      ['kv get -wrap-ttl=5m -field=wrapping_token secret/app', {}],
      ['kv get -field=wrapping_token secret/app', { VAULT_WRAP_TTL: '5m' }],
      ['kv get -wrap-ttl=5m -field=wrapping_token -mount=secret app', {}],
    ] as const) {
      const token = await wrapped(line, more);
      const { code, out } = await run(`unwrap -format=json ${token}`, env);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(out).data.data, { password: VALUE });
      assert.match((await run(`unwrap ${token}`, env)).err, /wrapping token is not valid or does not exist/);
    }
  });

  test('a secret is changed and rolled back by reading it, and only the outcome is wrapped', async () => {
    for (const line of ['kv patch -method=rw -wrap-ttl=1m', 'kv rollback -version=1 -wrap-ttl=1m']) {
      const pairs = line.includes('patch') ? ' more=x' : '';
      const { code, out } = await run(`${line} secret/app${pairs}`, env);
      assert.equal(code, 0);
      assert.match(out, /^wrapping_token_creation_path: +secret\/data\/app$/m);
    }
    assert.deepEqual(await server.client.kvGet('secret', 'app'), { password: VALUE });
  });

  test('sys/wrapping/wrap needs no TTL: it is five minutes', async () => {
    const { out } = await run('write -format=json sys/wrapping/wrap a=b', env);
    assert.equal(JSON.parse(out).wrap_info.ttl, 300);
  });

  test('a token is made wrapped, and the wrapping token is enough to take it out', async () => {
    const token = await wrapped('token create -policy=default -wrap-ttl=60s -field=wrapping_token');
    const taken = await run('unwrap -field=token', { ...env, VAULT_TOKEN: token });
    assert.equal(taken.code, 0);
    noteSecrets([taken.out]);
    const { out } = await run('token lookup -field=policies', { ...env, VAULT_TOKEN: taken.out });
    assert.equal(out.trim(), '[default]');
  });
});
