// `token`, `policy`, `lease`, `unwrap` and `path-help`, played against the answers that Vault documents.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PlayServer, run } from './test-rig.ts';

const OWN = 'hvs.not-a-real-token';
const AUTH = {
  client_token: 'hvs.made',
  accessor: 'acc',
  policies: ['app', 'default'],
  token_policies: ['app', 'default'],
  metadata: { who: 'me' },
  lease_duration: 3_600,
  renewable: true,
};
const NO_CONTENT = { status: 204 };

function environment(play: PlayServer) {
  return { VAULT_ADDR: play.address, VAULT_TOKEN: OWN };
}

test('token create sends what was given, and prints the token as a table or alone', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/auth/token/create': { body: { auth: AUTH, data: null } },
    'PUT /v1/auth/token/create-orphan': { body: { auth: AUTH } },
    'PUT /v1/auth/token/create/ci': { body: { auth: AUTH } },
  });
  const env = environment(play);
  const made = await run(
    'token create -policy=app -policy other -ttl=1h30m -use-limit=2 -metadata=a=b=c',
    env,
  );
  assert.equal(
    made.out,
    `Key                  Value
---                  -----
token                hvs.made
token_accessor       acc
token_duration       1h
token_renewable      true
token_policies       ["app" "default"]
identity_policies    []
policies             ["app" "default"]
token_meta_who       me
`,
  );
  assert.equal(
    (await run('token create -field=token -orphan -renewable=false -type=batch', env)).out,
    'hvs.made',
  );
  assert.equal(
    (await run('token create -role=ci -period=90 -explicit-max-ttl=2d -no-default-policy', env)).code,
    0,
  );
  assert.equal((await run('token create -role=../x', env)).code, 1);
  assert.deepEqual(play.lines, [
    'PUT /v1/auth/token/create {"policies":["app","other"],"meta":{"a":"b=c"},"ttl":"1h30m0s","num_uses":2,"renewable":true}',
    'PUT /v1/auth/token/create-orphan {"renewable":false,"no_parent":true,"type":"batch"}',
    'PUT /v1/auth/token/create/ci {"explicit_max_ttl":"48h0m0s","period":"1m30s","renewable":true,"no_default_policy":true}',
  ]);
});

test('token lookup, renew and revoke: own, by token, by accessor', async () => {
  const data = { body: { data: { accessor: 'acc', ttl: 90, policies: ['root'] } } };
  await using play = await PlayServer.start({
    'GET /v1/auth/token/lookup-self': data,
    'PUT /v1/auth/token/lookup': data,
    'PUT /v1/auth/token/lookup-accessor': data,
    'PUT /v1/auth/token/renew-self': { body: { auth: AUTH } },
    'PUT /v1/auth/token/renew': { body: { auth: AUTH } },
    'PUT /v1/auth/token/renew-accessor': { body: { auth: AUTH } },
    'PUT /v1/auth/token/revoke': NO_CONTENT,
    'PUT /v1/auth/token/revoke-self': NO_CONTENT,
    'PUT /v1/auth/token/revoke-accessor': NO_CONTENT,
    'PUT /v1/auth/token/revoke-orphan': NO_CONTENT,
    'PUT /v1/sys/leases/revoke-prefix/auth/userpass': NO_CONTENT,
  });
  const env = environment(play);
  assert.match((await run('token lookup', env)).out, /^policies +\[root\]\nttl +1m30s$/m);
  for (const line of [
    'token lookup -accessor acc',
    'token renew',
    'token renew -increment=5m hvs.x',
    'token renew -accessor acc',
  ])
    assert.equal((await run(line, env)).code, 0, line);
  assert.equal((await run('token lookup -', env, { input: 'hvs.x\n' })).code, 0);
  const revoked = { code: 0, out: 'Success! Revoked token (if it existed)\n', err: '' };
  for (const rest of ['hvs.x', '-self', '-accessor acc', '-mode=orphan hvs.x', '-mode=path auth/userpass/'])
    assert.deepEqual(await run(`token revoke ${rest}`, env), revoked, rest);
  assert.deepEqual(play.lines, [
    'GET /v1/auth/token/lookup-self',
    'PUT /v1/auth/token/lookup-accessor {"accessor":"acc"}',
    'PUT /v1/auth/token/renew-self {}',
    'PUT /v1/auth/token/renew {"token":"hvs.x","increment":300}',
    'PUT /v1/auth/token/renew-accessor {"accessor":"acc"}',
    'PUT /v1/auth/token/lookup {"token":"hvs.x"}',
    'PUT /v1/auth/token/revoke {"token":"hvs.x"}',
    'PUT /v1/auth/token/revoke-self {}',
    'PUT /v1/auth/token/revoke-accessor {"accessor":"acc"}',
    'PUT /v1/auth/token/revoke-orphan {"token":"hvs.x"}',
    'PUT /v1/sys/leases/revoke-prefix/auth/userpass {}',
  ]);
});

test('wrong use of token sends nothing and shows no token', async () => {
  await using play = await PlayServer.start();
  for (const rest of [
    'lookup -accessor',
    'lookup hvs.secret-one hvs.secret-two',
    'revoke',
    'revoke -self hvs.secret-one',
    'revoke -self -mode=path',
    'revoke -mode=other hvs.secret-one',
    'revoke -accessor -mode=orphan hvs.secret-one',
    'renew -increment=soon hvs.secret-one',
    'revoke -mode=path /',
    'capabilities',
    'capabilities -accessor secret/x',
  ]) {
    const { code, err } = await run(`token ${rest}`, environment(play));
    assert.equal(code, 1, rest);
    assert.doesNotMatch(err, /secret-/);
  }
  assert.deepEqual(play.asked, []);
});

test('token capabilities, of a path and of a server that names no path', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/capabilities-self': {
      body: { data: { 'secret/x': ['update', 'read'], capabilities: ['update', 'read'] } },
    },
    'PUT /v1/sys/capabilities': { body: { data: { capabilities: ['deny'] } } },
    'PUT /v1/sys/capabilities-accessor': { body: { data: { 'secret/x': ['root'] } } },
  });
  const env = environment(play);
  assert.equal((await run('token capabilities secret/x', env)).out, 'read, update\n');
  assert.equal((await run('token capabilities -format=yaml secret/x', env)).out, '- read\n- update\n');
  assert.equal((await run('token capabilities hvs.x secret/x', env)).out, 'deny\n');
  assert.equal((await run('token capabilities -accessor acc secret/x', env)).out, 'root\n');
  assert.deepEqual(play.lines.slice(1), [
    'PUT /v1/sys/capabilities-self {"paths":["secret/x"]}',
    'PUT /v1/sys/capabilities {"token":"hvs.x","paths":["secret/x"]}',
    'PUT /v1/sys/capabilities-accessor {"accessor":"acc","paths":["secret/x"]}',
  ]);
});

test('policy list, read, write and delete', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-policy-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'app.hcl');
  const rules = 'path "secret/*" {\n  capabilities = ["read"]\n}\n';
  await writeFile(file, rules);
  await using play = await PlayServer.start({
    'GET /v1/sys/policies/acl?list=true': { body: { data: { keys: ['default', 'app', 'root'] } } },
    'GET /v1/sys/policies/acl/app': { body: { data: { name: 'app', policy: rules } } },
    'PUT /v1/sys/policies/acl/app': NO_CONTENT,
    'DELETE /v1/sys/policies/acl/app': NO_CONTENT,
  });
  const env = environment(play);
  assert.equal((await run('policy list', env)).out, 'default\napp\nroot\n');
  assert.equal((await run('policy read app', env)).out, rules);
  assert.deepEqual(JSON.parse((await run('policy read -format=json app', env)).out), { policy: rules });
  assert.deepEqual(await run('policy read none', env), { code: 2, out: '', err: 'No policy named: none\n' });
  const uploaded = { code: 0, out: 'Success! Uploaded policy: app\n', err: '' };
  assert.deepEqual(await run(['policy', 'write', 'App', file], env), uploaded);
  assert.deepEqual(await run('policy write app -', env, { input: rules }), uploaded);
  const missing = await run('policy write app /nonexistent/app.hcl', env);
  assert.deepEqual(
    [missing.code, missing.err],
    [2, 'Error opening policy file "/nonexistent/app.hcl": ENOENT\n'],
  );
  assert.equal((await run('policy delete app', env)).out, 'Success! Deleted policy: app\n');
  const writes = play.asked.filter(({ method }) => method === 'PUT').map(({ body }) => JSON.parse(body));
  assert.deepEqual(writes, [{ policy: rules }, { policy: rules }]);
});

test('lease lookup, renew and revoke', async () => {
  const lease = 'database/creds/app/AbC';
  await using play = await PlayServer.start({
    'PUT /v1/sys/leases/lookup': { body: { data: { id: lease, ttl: 60, renewable: true } } },
    'PUT /v1/sys/leases/renew': { body: { lease_id: lease, lease_duration: 120, renewable: true } },
    'PUT /v1/sys/leases/revoke': NO_CONTENT,
    'PUT /v1/sys/leases/revoke-prefix/database': NO_CONTENT,
    'PUT /v1/sys/leases/revoke-force/database': NO_CONTENT,
  });
  const env = environment(play);
  assert.match(
    (await run(`lease lookup ${lease}`, env)).out,
    /^id +database\/creds\/app\/AbC\nrenewable +true\nttl +1m$/m,
  );
  assert.match((await run(`lease renew -increment=2m ${lease}`, env)).out, /^lease_duration +2m$/m);
  const outcomes: [string, string][] = [
    [lease, 'All revocation operations queued successfully!\n'],
    [`-sync ${lease}`, `Success! Revoked lease: ${lease}\n`],
    ['-prefix -sync database', 'Success! Revoked any leases with prefix: database\n'],
    ['-prefix -force database/', 'Success! Force revoked any leases with prefix: database/\n'],
  ];
  for (const [rest, out] of outcomes) assert.equal((await run(`lease revoke ${rest}`, env)).out, out);
  assert.equal((await run(`lease revoke -force ${lease}`, env)).code, 1);
  assert.equal((await run('lease revoke -prefix /', env)).code, 1);
  assert.deepEqual(play.lines, [
    `PUT /v1/sys/leases/lookup {"lease_id":"${lease}"}`,
    `PUT /v1/sys/leases/renew {"lease_id":"${lease}","increment":120}`,
    `PUT /v1/sys/leases/revoke {"lease_id":"${lease}","sync":false}`,
    `PUT /v1/sys/leases/revoke {"lease_id":"${lease}","sync":true}`,
    'PUT /v1/sys/leases/revoke-prefix/database {"sync":true}',
    'PUT /v1/sys/leases/revoke-force/database {}',
  ]);
});

test('unwrap by argument, by stdin, and as the only token there is', async () => {
  const held = { body: { data: { a: 'b' } } };
  await using play = await PlayServer.start({
    'PUT /v1/sys/wrapping/unwrap': [
      held,
      held,
      held,
      { status: 400, body: { errors: ['wrapping token is not valid or does not exist'] } },
    ],
  });
  const env = environment(play);
  assert.match((await run('unwrap hvs.wrapping', env)).out, /^a +b$/m);
  assert.equal(
    (await run('unwrap -field=a -', { VAULT_ADDR: play.address }, { input: 'hvs.wrapping' })).out,
    'b',
  );
  assert.equal((await run('unwrap', env)).code, 0);
  const spent = await run('unwrap hvs.wrapping', env);
  assert.equal(spent.code, 2);
  assert.match(spent.err, /^Error unwrapping: Error making API request/);
  assert.doesNotMatch(spent.err, /hvs\.wrapping/);
  assert.deepEqual(
    play.asked.slice(0, 3).map(({ headers, body }) => [headers['x-vault-token'], body]),
    [
      [OWN, '{"token":"hvs.wrapping"}'],
      ['hvs.wrapping', '{}'],
      [OWN, '{}'],
    ],
  );
});

test('path-help prints the text, or all of the answer', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/mounts?help=1': { body: { help: 'Request: mounts\n\nLists.\n\n', see_also: null } },
    'GET /v1/odd?help=1': { body: {} },
  });
  const env = environment(play);
  assert.equal((await run('path-help sys/mounts', env)).out, 'Request: mounts\n\nLists.\n');
  assert.deepEqual(Object.keys(JSON.parse((await run('path-help -format=json sys/mounts', env)).out)), [
    'help',
    'see_also',
  ]);
  assert.equal((await run('path-help odd', env)).code, 2);
  assert.match((await run('path-help none', env)).err, /^Error retrieving help: /);
});
