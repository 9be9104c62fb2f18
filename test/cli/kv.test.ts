// The kv commands against a real server, from the first version to the last metadata.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';

describe('kv', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  const vault = async (line: string) => run(line, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token });
  const ok = async (line: string) => {
    const { code, out, err } = await vault(line);
    assert.deepEqual([code, err], [0, ''], `${line}: ${err}`);
    return out;
  };

  test('versions: put, patch, roll back, delete, undelete, destroy', async () => {
    await ok('kv put secret/v a=1 b=2');
    await ok('kv patch secret/v b=3');
    assert.equal(await ok('kv get -field=a secret/v'), '1');
    await ok('kv patch -method=rw -remove-data=a secret/v c=4');
    assert.deepEqual(JSON.parse(await ok('kv get -format=json -field=data secret/v')), { b: '3', c: '4' });
    assert.match(await ok('kv rollback -version=1 secret/v'), /^version +4$/m);
    assert.equal(await ok('kv get -field=b secret/v'), '2');
    const stale = await vault('kv patch -cas=1 secret/v b=9');
    assert.equal(stale.code, 2);
    assert.match(stale.err, /check-and-set/);
    await ok('kv delete secret/v');
    assert.equal((await vault('kv get -field=b secret/v')).code, 2);
    assert.equal(
      await ok('kv undelete -versions=4 secret/v'),
      'Success! Data written to: secret/undelete/v\n',
    );
    assert.equal(await ok('kv get -field=b secret/v'), '2');
    assert.equal(
      await ok('kv destroy -versions=1,2 secret/v'),
      'Success! Data written to: secret/destroy/v\n',
    );
    const refused = await vault('kv rollback -version=1 secret/v');
    assert.deepEqual(refused.code, 2, refused.err);
  });

  test('metadata: put, patch, get, delete', async () => {
    await ok(
      'kv metadata put -max-versions=3 -delete-version-after=2h -custom-metadata=a=1 -custom-metadata=b=2 secret/m',
    );
    await ok('kv metadata patch -remove-custom-metadata=b -cas-required secret/m');
    const { data } = JSON.parse(await ok('kv metadata get -format=json secret/m'));
    assert.deepEqual(data.custom_metadata, { a: '1' });
    assert.deepEqual([data.cas_required, data.max_versions, data.delete_version_after], [true, 3, '2h0m0s']);
    await ok('kv put -cas=0 secret/m x=y');
    assert.match(await ok('kv metadata get secret/m'), /\n\n=+ Version 1 =+\nKey/);
    await ok('kv metadata delete -mount=secret m');
    assert.equal((await vault('kv metadata get secret/m')).err, 'No value found at secret/metadata/m\n');
  });

  test('yaml', async () => {
    await ok('kv put secret/y yes=no n=1');
    const out = await ok('kv get -format=yaml secret/y');
    assert.match(out, /^data:\n {2}data:\n {4}"n": "1"\n {4}"yes": "no"\n {2}metadata:\n/);
    assert.equal(await ok('kv list -format=yaml secret/'), '- v\n- "y"\n');
    assert.match(await ok('status -format yaml'), /^sealed: false$/m);
  });
});
