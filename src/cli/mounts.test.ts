// `secrets`, `auth` and `audit`, played against fixed answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlayServer, run } from './test-rig.ts';

const MOUNTS = {
  'secret/': {
    type: 'kv',
    accessor: 'kv_1',
    description: 'key/value',
    config: { default_lease_ttl: 0, max_lease_ttl: 3_600, force_no_cache: false },
    local: false,
    seal_wrap: false,
    options: { version: '2' },
    uuid: 'u-1',
  },
  'cubbyhole/': {
    type: 'cubbyhole',
    accessor: 'c_1',
    description: '',
    local: true,
    config: {},
    options: null,
  },
};

function environment(play: PlayServer) {
  return { VAULT_ADDR: play.address, VAULT_TOKEN: 'hvs.not-a-real-token' };
}

test('secrets list, brief, detailed and for programs', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/mounts': { body: { data: MOUNTS, request_id: 'r' } },
  });
  const env = environment(play);
  assert.equal(
    (await run('secrets list', env)).out,
    `Path          Type         Accessor    Description
----          ----         --------    -----------
cubbyhole/    cubbyhole    c_1         n/a
secret/       kv           kv_1        key/value
`,
  );
  const detailed = (await run('secrets list -detailed', env)).out.split('\n');
  assert.match(
    detailed[0] ?? '',
    /^Path +Plugin +Accessor +Default TTL +Max TTL +Force No Cache +Replication +Seal Wrap/,
  );
  assert.match(
    detailed[2] ?? '',
    /^cubbyhole\/ +cubbyhole +c_1 +n\/a +n\/a +false +local +false +false +map\[\]/,
  );
  assert.match(
    detailed[3] ?? '',
    /^secret\/ +kv +kv_1 +system +3600 +false +replicated +false +false +map\[version:2\] +key\/value +u-1/,
  );
  assert.deepEqual(JSON.parse((await run('secrets list -format=json', env)).out), MOUNTS);
});

test('secrets enable, tune, disable and move', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/mounts/team/a': { status: 204 },
    'PUT /v1/sys/mounts/kv-v2': { status: 204 },
    'PUT /v1/sys/mounts/team/a/tune': [
      { status: 204 },
      { status: 404, body: { errors: ['unsupported path'] } },
    ],
    'DELETE /v1/sys/mounts/team/a': { status: 204 },
    'PUT /v1/sys/remount': { body: { data: { migration_id: 'm-1' } } },
    'GET /v1/sys/remount/status/m-1': [
      { body: { data: { migration_info: { status: 'success' } } } },
      { body: { data: { migration_info: { status: 'failure' } } } },
    ],
  });
  const env = environment(play);
  const enable =
    'secrets enable -path=/team/a/ -version=2 -max-lease-ttl=90 -options=x=y -description=d -local kv';
  assert.equal((await run(enable, env)).out, 'Success! Enabled the kv secrets engine at: team/a/\n');
  assert.equal((await run('secrets enable kv-v2', env)).code, 0);
  const tune = 'secrets tune -default-lease-ttl=1h -audit-non-hmac-request-keys=a team/a';
  assert.equal((await run(tune, env)).out, 'Success! Tuned the secrets engine at: team/a/\n');
  const refused = await run('secrets tune -description=x team/a', env);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /^Error tuning secrets engine team\/a\/: .*\n(.*\n)*\* unsupported path\n$/);
  assert.equal(
    (await run('secrets disable team/a', env)).out,
    'Success! Disabled the secrets engine (if it existed) at: team/a/\n',
  );
  const move = 'moving secrets engine a/ to b/, with migration ID m-1';
  const moved = await run('secrets move a b', env);
  assert.deepEqual(moved, { code: 0, out: `Started ${move}\nSuccess! Finished ${move}\n`, err: '' });
  const failed = await run('secrets move a b', env);
  assert.deepEqual(
    [failed.code, failed.err],
    [2, 'Error moving secrets engine a/ to b/: the server says "failure"\n'],
  );
  assert.deepEqual(
    play.lines
      .filter((line) => line.startsWith('PUT'))
      .slice(0, 3)
      .concat(play.lines.filter((line) => line.includes('remount ')).slice(0, 1)),
    [
      'PUT /v1/sys/mounts/team/a {"type":"kv","description":"d","options":{"x":"y","version":"2"},"config":{"max_lease_ttl":"1m30s"},"local":true}',
      'PUT /v1/sys/mounts/kv-v2 {"type":"kv-v2","config":{}}',
      'PUT /v1/sys/mounts/team/a/tune {"default_lease_ttl":"1h0m0s","audit_non_hmac_request_keys":["a"]}',
      'PUT /v1/sys/remount {"from":"a/","to":"b/"}',
    ],
  );
});

test('auth enable, list, disable and move', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/auth/approle': { status: 204 },
    'GET /v1/sys/auth': {
      body: { data: { 'token/': { type: 'token', accessor: 't_1', description: 'tokens' } } },
    },
    'DELETE /v1/sys/auth/approle': { status: 204 },
    'PUT /v1/sys/remount': { status: 204 },
  });
  const env = environment(play);
  assert.equal(
    (await run('auth enable approle', env)).out,
    'Success! Enabled approle auth method at: approle/\n',
  );
  assert.equal(
    (await run('auth list', env)).out,
    'Path      Type     Accessor    Description    Version\n----      ----     --------    -----------    -------\ntoken/    token    t_1         tokens         n/a\n',
  );
  assert.match((await run('auth list -detailed', env)).out, /Token Type/);
  assert.equal(
    (await run('auth disable approle/', env)).out,
    'Success! Disabled the auth method (if it existed) at: approle/\n',
  );
  assert.equal((await run('auth move a b', env)).code, 0);
  assert.equal(play.lines.at(-1), 'PUT /v1/sys/remount {"from":"auth/a/","to":"auth/b/"}');
  assert.equal((await run('auth disable /', env)).code, 1);
  assert.match(
    (await run('auth enable nope', env)).err,
    /^Error enabling nope auth: Error making API request/,
  );
});

test('audit enable, list and disable', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/audit/log': { status: 204 },
    'GET /v1/sys/audit': [
      { body: { data: {} } },
      {
        body: {
          data: {
            'log/': {
              type: 'file',
              description: '',
              local: false,
              options: { file_path: '/l', mode: '0600' },
            },
          },
        },
      },
    ],
    'DELETE /v1/sys/audit/log': { status: 204 },
  });
  const env = environment(play);
  const none = await run('audit list', env);
  assert.deepEqual(none, { code: 2, out: '', err: 'No audit devices are enabled.\n' });
  const enabled = await run('audit enable -path=log -description=d file file_path=/l mode=0600', env);
  assert.deepEqual(enabled, { code: 0, out: 'Success! Enabled the file audit device at: log/\n', err: '' });
  assert.equal(
    (await run('audit list', env)).out,
    'Path    Type    Description\n----    ----    -----------\nlog/    file    n/a\n',
  );
  assert.match(
    (await run('audit list -detailed', env)).out,
    /log\/ +file +n\/a +replicated +file_path=\/l mode=0600\n$/,
  );
  assert.equal(
    (await run('audit disable log', env)).out,
    'Success! Disabled audit device (if it was enabled) at: log/\n',
  );
  assert.equal(
    play.lines.find((line) => line.startsWith('PUT')),
    'PUT /v1/sys/audit/log {"type":"file","description":"d","options":{"file_path":"/l","mode":"0600"}}',
  );
});
