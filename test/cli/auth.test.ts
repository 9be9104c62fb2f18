// `auth …`, `secrets tune`, `secrets move`, `kv enable-versioning` and logins against a real server.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';
import { noteSecrets } from '../leaks/ledger.ts';

describe('auth methods at the command line', () => {
  let server: DevServer;
  let home: string;
  before(async () => {
    server = await DevServer.start();
    home = await mkdtemp(join(tmpdir(), 'latchkey-auth-'));
  });
  after(async () => {
    await rm(home, { recursive: true });
    await server[Symbol.asyncDispose]();
  });

  const vault = async (line: string) =>
    run(line, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token, HOME: home });
  const ok = async (line: string) => {
    const { code, out, err } = await vault(line);
    assert.deepEqual([code, err], [0, ''], `${line}: ${err}`);
    return out;
  };

  test('a method is enabled, listed, tuned, moved and disabled', async () => {
    assert.match(await ok('auth enable -path=people userpass'), /Enabled userpass auth method at: people\//);
    assert.match(await ok('auth list'), /^people\/ +userpass +auth_userpass_\w+/m);
    await ok('auth tune -default-lease-ttl=10m -token-type=batch -description=us people/');
    assert.match(await ok('read sys/auth/people/tune'), /^token_type +batch$/m);
    assert.match(await ok('auth move people/ folk/'), /Success! Finished moving auth method auth\/people\//);
    assert.match(await ok('auth list -detailed'), /^folk\/ +userpass .* batch /m);
    await ok('auth disable folk/');
    assert.doesNotMatch(await ok('auth list'), /folk/);
    const { code, err } = await vault('auth enable nonsense');
    assert.equal(code, 2);
    assert.match(err, /Error enabling nonsense auth: .*plugin not found in the catalog: nonsense/s);
  });

  test('a user logs in, and the token is kept', async () => {
    await ok('auth enable userpass');
    await ok('write auth/userpass/users/ann password=wombat-1 policies=default');
    const env = { VAULT_ADDR: server.address, HOME: home };
    const { code, out } = await run('login -method=userpass username=ann password=wombat-1', env);
    assert.equal(code, 0);
    assert.match(out, /^token_meta_username +ann$/m);
    noteSecrets([(await readFile(join(home, '.vault-token'), 'utf8')).trim()]);
    assert.match((await run('token lookup', env)).out, /^display_name +userpass-ann$/m);
    const refused = await run('login -method=userpass username=ann password=wrong', env);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /Code: 400.*invalid username or password/s);
  });

  test('a machine logs in', async () => {
    await ok('auth enable approle');
    await ok('write auth/approle/role/app token_policies=default');
    const role = await ok('read -field=role_id auth/approle/role/app/role-id');
    const secret = await ok('write -f -field=secret_id auth/approle/role/app/secret-id');
    noteSecrets([role, secret]);
    const out = await ok(`write -field=token auth/approle/login role_id=${role} secret_id=${secret}`);
    noteSecrets([out]);
    assert.match(out, /^hvs\./);
  });

  test('a kv mount is tuned, moved, and turned into version 2', async () => {
    await ok('secrets enable -path=old -version=1 kv');
    await ok('kv put old/a x=y');
    await ok('secrets tune -description=ours -max-lease-ttl=2h old');
    assert.match(await ok('secrets list'), /^old\/ .* ours$/m);
    await ok('secrets move old new/place');
    assert.match(
      await ok('kv enable-versioning new/place'),
      /Success! Tuned the secrets engine at: new\/place\//,
    );
    await until('the secret to be version 1', async () => {
      const { out } = await vault('kv get new/place/a');
      return /^version +1$/m.test(out) || undefined;
    });
    assert.match(await ok('kv get -field=x new/place/a'), /^y/);
  });
});
