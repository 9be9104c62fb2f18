// The kv commands that work on versions and metadata, played against fixed answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlayServer, run } from './test-rig.ts';

const KV2 = { body: { data: { path: 'secret/', type: 'kv', options: { version: '2' } } } };
const KV1 = { body: { data: { path: 'old/', type: 'kv', options: { version: '1' } } } };
const WRITTEN = { body: { data: { version: 4, destroyed: false } } };

function environment(play: PlayServer) {
  return { VAULT_ADDR: play.address, VAULT_TOKEN: 'hvs.not-a-real-token' };
}

test('kv patch merges at the server, and by itself where the server cannot', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/a': KV2,
    'PATCH /v1/secret/data/a': [WRITTEN, { status: 405, body: { errors: [] } }],
    'GET /v1/secret/data/a': {
      body: { data: { data: { keep: null, x: '0', gone: 1 }, metadata: { version: 3 } } },
    },
    'PUT /v1/secret/data/a': WRITTEN,
  });
  const env = environment(play);
  const first = await run('kv patch -cas=3 -remove-data=gone secret/a x=1', env);
  assert.deepEqual([first.code, first.err], [0, '']);
  assert.match(first.out, /^== Secret Path ==\nsecret\/data\/a\n\n=+ Metadata =+\n/);
  const second = await run('kv patch -remove-data=gone secret/a x=1', env);
  assert.equal(second.code, 0);
  const strict = await run('kv patch -method=patch secret/a x=1', env);
  assert.equal(strict.code, 2);
  assert.match(strict.err, /^Error writing data to secret\/data\/a: .*\n\nURL: PATCH .*\nCode: 405/);
  assert.deepEqual(
    play.lines.filter((line) => /^P(UT|ATCH)/.test(line)),
    [
      'PATCH /v1/secret/data/a {"data":{"x":"1","gone":null},"options":{"cas":3}}',
      'PATCH /v1/secret/data/a {"data":{"x":"1","gone":null},"options":{}}',
      'PUT /v1/secret/data/a {"data":{"keep":null,"x":"1"},"options":{"cas":3}}',
      'PATCH /v1/secret/data/a {"data":{"x":"1"},"options":{}}',
    ],
  );
});

test('kv patch of what is not there writes nothing', async () => {
  await using play = await PlayServer.start({ 'GET /v1/sys/internal/ui/mounts/secret/none': KV2 });
  for (const method of ['patch', 'rw']) {
    const { code, err } = await run(`kv patch -method=${method} secret/none x=1`, environment(play));
    assert.deepEqual([code, err], [2, 'No value found at secret/data/none\n']);
  }
  assert.ok(play.lines.every((line) => !line.startsWith('PUT')));
});

test('kv undelete, destroy and rollback', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/a': KV2,
    'PUT /v1/secret/undelete/a': { status: 204 },
    'PUT /v1/secret/destroy/a': { status: 204 },
    'GET /v1/secret/data/a': { body: { data: { data: null, metadata: { version: 7 } } } },
    'GET /v1/secret/data/a?version=2': { body: { data: { data: { x: 'old' }, metadata: { version: 2 } } } },
    'GET /v1/secret/data/a?version=3': {
      status: 404,
      body: { data: { data: null, metadata: { version: 3 } } },
    },
    'PUT /v1/secret/data/a': WRITTEN,
  });
  const env = environment(play);
  const back = await run('kv undelete -versions=1,2 -versions 5 secret/a', env);
  assert.deepEqual(back, { code: 0, out: 'Success! Data written to: secret/undelete/a\n', err: '' });
  const gone = await run('kv destroy -versions=1 secret/a', env);
  assert.deepEqual(gone, { code: 0, out: 'Success! Data written to: secret/destroy/a\n', err: '' });
  assert.match((await run('kv destroy secret/a', env)).err, /No versions provided/);
  assert.match((await run('kv rollback -version=2 secret/a', env)).out, /Metadata/);
  assert.deepEqual(await run('kv rollback -version=3 secret/a', env), {
    code: 2,
    out: '',
    err: 'Version 3 of secret/data/a is not there, or was deleted\n',
  });
  assert.equal((await run('kv rollback secret/a', env)).code, 1);
  assert.deepEqual(
    play.lines.filter((line) => line.startsWith('PUT')),
    [
      'PUT /v1/secret/undelete/a {"versions":["1","2","5"]}',
      'PUT /v1/secret/destroy/a {"versions":["1"]}',
      'PUT /v1/secret/data/a {"data":{"x":"old"},"options":{"cas":7}}',
    ],
  );
});

test('kv metadata get prints a block for each version, in their order', async () => {
  const version = (deleted: string) => ({
    created_time: '2026-11-24T10:00:00Z',
    deletion_time: deleted,
    destroyed: false,
  });
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/creds': KV2,
    'GET /v1/secret/metadata/creds': {
      body: {
        data: {
          cas_required: false,
          current_version: 10,
          delete_version_after: '0s',
          versions: { 10: version(''), 9: version('2026-11-24T11:00:00Z') },
        },
      },
    },
  });
  const { code, out } = await run('kv metadata get secret/creds', environment(play));
  assert.equal(code, 0);
  assert.equal(
    out,
    `=== Metadata Path ===
secret/metadata/creds

========== Metadata ==========
Key                     Value
---                     -----
cas_required            false
current_version         10
delete_version_after    0s

====== Version 9 ======
Key              Value
---              -----
created_time     2026-11-24T10:00:00Z
deletion_time    2026-11-24T11:00:00Z
destroyed        false

===== Version 10 =====
Key              Value
---              -----
created_time     2026-11-24T10:00:00Z
deletion_time    n/a
destroyed        false
`,
  );
  assert.equal(
    (await run('kv metadata get -field=current_version secret/creds', environment(play))).out,
    '10',
  );
});

test('kv metadata put, patch and delete send what was given and no more', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/a': KV2,
    'PUT /v1/secret/metadata/a': { status: 204 },
    'PATCH /v1/secret/metadata/a': { status: 204 },
    'DELETE /v1/secret/metadata/a': { status: 204 },
  });
  const env = environment(play);
  const written = { code: 0, out: 'Success! Data written to: secret/metadata/a\n', err: '' };
  const put = 'kv metadata put -cas-required=false -max-versions=0 -delete-version-after=90m';
  assert.deepEqual(await run(`${put} -custom-metadata=a=b=c -custom-metadata d=e secret/a`, env), written);
  assert.deepEqual(await run('kv metadata put secret/a', env), written);
  const patch = 'kv metadata patch -remove-custom-metadata=d -custom-metadata=a=z secret/a';
  assert.deepEqual(await run(patch, env), written);
  assert.equal((await run('kv metadata put -custom-metadata=novalue secret/a', env)).code, 1);
  assert.equal(
    (await run('kv metadata delete secret/a', env)).out,
    'Success! Data deleted (if it existed) at: secret/metadata/a\n',
  );
  assert.deepEqual(
    play.lines.filter((line) => !line.startsWith('GET')),
    [
      'PUT /v1/secret/metadata/a {"cas_required":false,"max_versions":0,"delete_version_after":"1h30m0s","custom_metadata":{"a":"b=c","d":"e"}}',
      'PUT /v1/secret/metadata/a {}',
      'PATCH /v1/secret/metadata/a {"custom_metadata":{"a":"z","d":null}}',
      'DELETE /v1/secret/metadata/a',
    ],
  );
});

test('what kv version 1 does not have is refused before anything is sent', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/old/a': KV1,
    'PUT /v1/sys/mounts/old/tune': { status: 204 },
  });
  const env = environment(play);
  for (const line of [
    'kv patch old/a x=1',
    'kv undelete -versions=1 old/a',
    'kv destroy -versions=1 old/a',
    'kv rollback -version=1 old/a',
    'kv metadata get old/a',
    'kv metadata delete old/a',
  ]) {
    const { code, err } = await run(line, env);
    assert.equal(code, 1, line);
    assert.match(err, /^\w+ not supported on KV Version 1\n$/);
  }
  assert.ok(play.asked.every(({ method }) => method === 'GET'));
  const tuned = await run('kv enable-versioning old/', env);
  assert.deepEqual(tuned, { code: 0, out: 'Success! Tuned the secrets engine at: old/\n', err: '' });
  assert.equal(play.lines.at(-1), 'PUT /v1/sys/mounts/old/tune {"options":{"version":"2"}}');
});
