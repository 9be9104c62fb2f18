import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { PlayServer, run } from './test-rig.ts';

const TOKEN = 'hvs.login-methods';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latchkey-login-'));
});
after(() => rm(folder, { recursive: true }));

function answer(members: JsonObject): { body: JsonObject } {
  const nothing = { request_id: 'r', lease_id: '', lease_duration: 0, renewable: false, data: null };
  return { body: { ...nothing, wrap_info: null, warnings: null, auth: null, ...members } };
}

const AUTH = {
  client_token: TOKEN,
  accessor: 'acc',
  policies: ['default'],
  token_policies: ['default'],
  metadata: { role: 'app' },
  lease_duration: 3_600,
  renewable: true,
};

test('each method asks its own path, with the prompted secret where none was given', async () => {
  await writeFile(join(folder, 'jwt'), 'a.b.c\n');
  const cases: [string, string, string, JsonObject][] = [
    ['-method=jwt role=app jwt=a.b.c', '', 'jwt/login', { role: 'app', jwt: 'a.b.c' }],
    ['-method=jwt', 'a.b.c\n', 'jwt/login', { jwt: 'a.b.c' }],
    [`-method=jwt role=app jwt=@${join(folder, 'jwt')}`, '', 'jwt/login', { role: 'app', jwt: 'a.b.c' }],
    ['-method=jwt -path=/ci/ role=app jwt=-', 'a.b.c\n', 'ci/login', { role: 'app', jwt: 'a.b.c' }],
    ['-method=kubernetes role=app', 'a.b.c', 'kubernetes/login', { role: 'app', jwt: 'a.b.c' }],
    ['-method=kubernetes mount=k8s role=app jwt=a.b.c', '', 'k8s/login', { role: 'app', jwt: 'a.b.c' }],
    ['-method=userpass username=ann', 'p w\n', 'userpass/login/ann', { password: 'p w' }],
    ['-method=userpass password=pw', '', 'userpass/login/bob', { password: 'pw' }],
  ];
  for (const [line, input, path, body] of cases) {
    await using play = await PlayServer.start({ [`PUT /v1/auth/${path}`]: answer({ auth: AUTH }) });
    const env = { HOME: folder, VAULT_ADDR: play.address, VAULT_TOKEN: 'hvs.old', LOGNAME: 'bob' };
    const { code, out, err } = await run(`login ${line}`, env, { input });
    assert.equal(code, 0, `${line}: ${err}`);
    assert.match(out, /^Success! You are now authenticated\. /);
    assert.match(out, /\ntoken +hvs\.login-methods\n(.*\n)+token_meta_role +app\n/);
    assert.match(err, /VAULT_TOKEN is set in the environment/);
    assert.equal(await readFile(join(folder, '.vault-token'), 'utf8'), TOKEN);
    assert.equal(play.asked.length, 1);
    assert.deepEqual(JSON.parse(play.asked[0]?.body ?? ''), body);
    assert.equal(play.asked[0]?.headers['x-vault-token'], undefined, 'an old token is not sent along');
  }
});

test('-token-only and -no-store keep nothing; -field takes one member', async () => {
  await rm(join(folder, '.vault-token'), { force: true });
  await using play = await PlayServer.start({ 'PUT /v1/auth/jwt/login': answer({ auth: AUTH }) });
  const env = { HOME: folder, VAULT_ADDR: play.address };
  const login = (flags: string) => run(`login -method=jwt ${flags} role=app jwt=a.b.c`, env);
  assert.deepEqual(await login('-token-only'), { code: 0, out: TOKEN, err: '' });
  assert.equal((await login('-no-store -field=token_accessor')).out, 'acc');
  assert.match((await login('-no-store')).err, /The token was not kept/);
  await assert.rejects(readFile(join(folder, '.vault-token')));
  assert.deepEqual(await login('-no-print'), { code: 0, out: '', err: '' });
  assert.equal(await readFile(join(folder, '.vault-token'), 'utf8'), TOKEN);
});

test('a wrapped login is unwrapped to be kept, and left wrapped where nothing is kept', async () => {
  const wrapped = { token: 'hvs.wrapping', ttl: 60, accessor: 'w', wrapped_accessor: 'acc' };
  await using play = await PlayServer.start({
    'PUT /v1/auth/jwt/login': answer({ wrap_info: wrapped }),
    'PUT /v1/sys/wrapping/unwrap': answer({ auth: AUTH }),
  });
  const env = { HOME: folder, VAULT_ADDR: play.address };
  const login = (flags: string) => run(`login -method=jwt -wrap-ttl=1m ${flags} role=app jwt=a.b.c`, env);
  assert.match((await login('')).out, /token +hvs\.login-methods/);
  const [asked, unwrap] = play.asked;
  assert.equal(asked?.headers['x-vault-wrap-ttl'], '60s');
  assert.equal(unwrap?.headers['x-vault-token'], 'hvs.wrapping');
  assert.equal(unwrap?.headers['x-vault-wrap-ttl'], undefined);
  assert.equal((await login('-token-only')).out, 'hvs.wrapping');
  assert.match((await login('-no-store')).out, /wrapping_token: +hvs\.wrapping/);
});

test('what is missing or refused is told, and no secret with it', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/auth/jwt/login': [
      { status: 400, body: { errors: ['error validating token: x'] } },
      answer({ data: { a: 'b' } }),
      { status: 204 },
    ],
  });
  const env = { HOME: folder, VAULT_ADDR: play.address };
  const cases: [string, number, RegExp][] = [
    ['-method=ldap', 1, /Unknown auth method: ldap\. Known here: token, userpass, jwt, kubernetes/],
    ['-method=constructor', 1, /Unknown auth method: constructor/],
    ['-method=kubernetes jwt=a.b.c', 1, /'role' must be supplied/],
    ['-method=userpass password=pw', 1, /'username' must be supplied/],
    ['-method=userpass username=a/b password=pw', 1, /must not hold a slash/],
    ['-method=jwt a.b.c', 1, /format must be key=value/],
    ['-method=jwt -non-interactive', 1, /./],
    [
      '-method=jwt role=app jwt=a.b.c',
      2,
      /^Error authenticating: Error making API request(.|\n)*error validating/,
    ],
    ['-method=jwt role=app jwt=a.b.c', 2, /no auth or wrapping info in response/],
    ['-method=jwt role=app jwt=a.b.c', 2, /empty response from credential provider/],
  ];
  for (const [line, exit, words] of cases) {
    const { code, out, err } = await run(`login ${line}`, env);
    assert.equal(code, exit, `${line}: ${err}`);
    assert.match(err, words);
    assert.equal(out, '');
    assert.ok(!err.includes('a.b.c') && !err.includes('pw'));
  }
});
