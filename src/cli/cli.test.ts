// What the command line prints, asks and exits with, played against a real HTTP server with fixed answers.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import type { ServerArguments } from './cli.ts';
import { COMMANDS } from './commands.ts';
import { PlayServer, run } from './test-rig.ts';

const TOKEN = 'hvs.not-a-real-token-0123456';
const KV2 = { body: { data: { path: 'secret/', type: 'kv', options: { version: '2' } } } };
const KV1 = { body: { data: { path: 'old/', type: 'kv', options: { version: '1' } } } };
const METADATA = {
  created_time: '2026-11-24T10:00:00.123456789Z',
  custom_metadata: null,
  deletion_time: '',
  destroyed: false,
  version: 2,
};

function envelope(data: object) {
  return {
    request_id: 'b6f2',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: null,
    auth: null,
  } as never;
}

function environment(play: PlayServer, more: Record<string, string> = {}) {
  return { VAULT_ADDR: play.address, VAULT_TOKEN: TOKEN, ...more };
}

async function home(t: { after(act: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-cli-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('kv get prints path, metadata and data as Vault does', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/hello': KV2,
    'GET /v1/secret/data/hello': { body: envelope({ data: { foo: 'bar', n: 5 }, metadata: METADATA }) },
  });
  const { code, out, err } = await run('kv get secret/hello', environment(play));
  assert.equal(err, '');
  assert.equal(
    out,
    `== Secret Path ==
secret/data/hello

======= Metadata =======
Key                Value
---                -----
created_time       2026-11-24T10:00:00.123456789Z
custom_metadata    <nil>
deletion_time      n/a
destroyed          false
version            2

=== Data ===
Key    Value
---    -----
foo    bar
n      5
`,
  );
  assert.equal(code, 0);
  assert.ok(play.asked.every(({ headers }) => headers['x-vault-token'] === TOKEN));
});

test('kv get -field prints the value alone, without a line end in a pipe and with one on a terminal', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret': KV2,
    'GET /v1/secret/data/a/b?version=2': {
      text: '{"data":{"data":{"big":12345678901234567890,"text":"  x\\n"},"metadata":{}}}',
    },
  });
  const line = 'kv get -mount=secret -version 2 -field';
  assert.deepEqual(await run(`${line}=text a/b`, environment(play)), { code: 0, out: '  x\n', err: '' });
  // A number beyond what JavaScript holds comes out as it went in.
  assert.equal(
    (await run(`${line} big a/b`, environment(play), { isTty: true })).out,
    '12345678901234567890\n',
  );
  const missing = await run(`${line}=none a/b`, environment(play));
  assert.deepEqual(missing, { code: 1, out: '', err: 'Field "none" not present in secret\n' });
});

test('kv get of a deleted version prints its metadata', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/gone': KV2,
    'GET /v1/secret/data/gone': { status: 404, body: envelope({ data: null, metadata: METADATA }) },
  });
  const { code, out } = await run('kv get secret/gone', environment(play));
  assert.equal(code, 0);
  assert.match(out, /Metadata/);
  assert.doesNotMatch(out, /= Data =/);
  const field = await run('kv get -field=x secret/gone', environment(play));
  assert.deepEqual(field, { code: 2, out: '', err: 'No data found at secret/data/gone\n' });
});

test('kv get of nothing, and of a mount that is not there', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/none': KV2,
    'GET /v1/sys/internal/ui/mounts/nowhere/x': { status: 403, body: { errors: ['preflight says no'] } },
  });
  const nothing = await run('kv get secret/none', environment(play));
  assert.deepEqual(nothing, { code: 2, out: '', err: 'No value found at secret/data/none\n' });
  const nowhere = await run('kv get nowhere/x', environment(play));
  assert.equal(nowhere.code, 2);
  assert.equal(
    nowhere.err,
    `Error making API request.\n\nURL: GET ${play.address}/v1/sys/internal/ui/mounts/nowhere/x\nCode: 403. Errors:\n\n* preflight says no\n`,
  );
});

test('kv version 1 has no data/ in its paths', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/old/a': KV1,
    'GET /v1/old/a': { body: { ...(envelope({ foo: 'bar' }) as object), lease_duration: 2_764_800 } },
    'PUT /v1/old/a': { status: 204 },
    'DELETE /v1/old/a': { status: 204 },
  });
  const got = await run('kv get old/a', environment(play));
  assert.equal(got.out, '=== Data ===\nKey    Value\n---    -----\nfoo    bar\n');
  const put = await run('kv put old/a foo=bar', environment(play));
  assert.deepEqual(put, { code: 0, out: 'Success! Data written to: old/a\n', err: '' });
  const gone = await run('kv delete old/a', environment(play));
  assert.equal(gone.out, 'Success! Data deleted (if it existed) at: old/a\n');
  const cas = await run('kv put -cas=1 old/a foo=bar', environment(play));
  assert.equal(cas.code, 1);
  assert.deepEqual(
    play.lines.filter((line) => line.startsWith('PUT')),
    ['PUT /v1/old/a {"foo":"bar"}'],
  );
});

test('kv put takes values, files, stdin and JSON', async (t) => {
  const folder = await home(t);
  await writeFile(join(folder, 'raw'), 'line 1\nline 2\n');
  await writeFile(join(folder, 'all.json'), '{"n":1.50,"list":[1],"__proto__":"p"}');
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret/x': KV2,
    'PUT /v1/secret/data/x': { body: envelope(METADATA) },
  });
  const put = await run(
    [
      'kv',
      'put',
      '-cas=0',
      'secret/x',
      'a=b=c',
      'e=',
      'at=\\@home',
      'two=1',
      'two=2',
      `f=@${folder}/raw`,
      's=-',
    ],
    environment(play),
    { input: 'from stdin' },
  );
  assert.equal(put.err, '');
  assert.match(put.out, /^== Secret Path ==\nsecret\/data\/x\n\n=+ Metadata =+\nKey {16}Value\n/);
  await run(['kv', 'put', 'secret/x', `@${folder}/all.json`], environment(play));
  await run('kv put secret/x -', environment(play), { input: '{"k":true}' });
  const bodies = play.asked.filter(({ method }) => method === 'PUT').map(({ body }) => body);
  assert.deepEqual(bodies, [
    '{"data":{"a":"b=c","e":"","at":"@home","two":["1","2"],"f":"line 1\\nline 2\\n","s":"from stdin"},"options":{"cas":0}}',
    '{"data":{"n":1.50,"list":[1],"__proto__":"p"},"options":{}}',
    '{"data":{"k":true},"options":{}}',
  ]);
});

test('kv put refuses what it cannot take, before anything is sent and without showing a value', async () => {
  await using play = await PlayServer.start();
  const SECRET = 'do-not-show-me';
  const cases: [string[], RegExp, string?][] = [
    [['secret/x'], /Must supply data/],
    [[], /Not enough arguments/],
    [['secret/x', SECRET], /key=value/],
    [['secret/x', `=${SECRET}`], /empty/],
    [['secret/x', `-cas=${SECRET}`, 'a=b'], /before positional arguments.*\[-cas\]/],
    [['secret/x', 'a=@/nonexistent/file'], /"\/nonexistent\/file": ENOENT/],
    [['secret/x', '-'], /stdin does not hold one JSON object/, `{"a": ${SECRET}`],
    [['secret/x', 'a=-', 'b=-'], /once/, SECRET],
  ];
  for (const [args, expected, input = ''] of cases) {
    const { code, out, err } = await run(['kv', 'put', ...args], environment(play), { input });
    assert.equal(code, 1, err);
    assert.match(err, expected);
    assert.equal(out, '');
    assert.ok(!err.includes(SECRET), err);
  }
  assert.deepEqual(play.asked, []);
});

test('data that begins with a dash comes after "--"', async () => {
  await using play = await PlayServer.start({ 'PUT /v1/x': { status: 204 } });
  assert.equal((await run('write -- x -dash=1', environment(play))).code, 0);
  assert.deepEqual(play.lines, ['PUT /v1/x {"-dash":"1"}']);
});

test('list and kv list', async () => {
  await using play = await PlayServer.start({
    'GET /v1/sys/internal/ui/mounts/secret': KV2,
    'GET /v1/secret/metadata?list=true': { body: envelope({ keys: ['b', 'a/'] }) },
    'GET /v1/forbidden?list=true': { status: 403, body: { errors: ['permission denied'] } },
  });
  const table = await run('kv list -mount=secret', environment(play));
  assert.deepEqual(table, { code: 0, out: 'Keys\n----\na/\nb\n', err: '' });
  const json = await run('list --format json secret/metadata/', environment(play));
  assert.deepEqual(json, { code: 0, out: '[\n  "b",\n  "a/"\n]\n', err: '' });
  assert.deepEqual(await run('list none', environment(play)), {
    code: 2,
    out: '',
    err: 'No value found at none\n',
  });
  assert.deepEqual(await run('list none', environment(play, { VAULT_FORMAT: 'json' })), {
    code: 2,
    out: '{}\n',
    err: '',
  });
  assert.match(
    (await run('list forbidden', environment(play))).err,
    /^Error listing forbidden: Error making API req.*\n\nURL: GET .*\/v1\/forbidden\?list=true\nCode: 403\. Errors:\n\n\* permission denied\n$/,
  );
});

test('read prints lease, durations and nested values; write and delete say what they did', async () => {
  await using play = await PlayServer.start({
    'GET /v1/any/thing?q=1&r=2': {
      body: {
        ...(envelope({
          map: { b: [1, 'x'], a: null },
          max_ttl: 3_600,
          default_ttl: 5_400,
          ok: true,
        }) as object),
        lease_id: 'any/lease',
        lease_duration: 90,
        renewable: true,
        warnings: ['mind the gap'],
      },
    },
    'PUT /v1/any/thing': { status: 204 },
    'DELETE /v1/any/thing': { status: 204 },
    'PUT /v1/sys/rotate': { status: 204 },
  });
  const read = await run('read /any/thing/ q=1 r=2', environment(play));
  assert.equal(
    read.out,
    `Key                Value
---                -----
lease_id           any/lease
lease_duration     1m30s
lease_renewable    true
default_ttl        1h30m
map                map[a:<nil> b:[1 x]]
max_ttl            1h
ok                 true
`,
  );
  assert.match(read.err, /WARNING! The following warnings.*\n\n {2}\* mind the gap\n/);
  const json = JSON.parse((await run('read -format=json any/thing q=1 r=2', environment(play))).out);
  assert.deepEqual(Object.keys(json), [
    'request_id',
    'lease_id',
    'lease_duration',
    'renewable',
    'data',
    'warnings',
  ]);
  assert.equal(
    (await run('write any/thing a=1', environment(play))).out,
    'Success! Data written to: any/thing\n',
  );
  assert.equal((await run('write any/thing', environment(play))).code, 1);
  assert.equal((await run('write -f sys/rotate', environment(play))).code, 0);
  assert.equal(
    (await run('delete any/thing', environment(play))).out,
    'Success! Data deleted (if it existed) at: any/thing\n',
  );
});

test('login keeps the token for its owner alone and shows it as Vault does', async (t) => {
  const HOME = await home(t);
  await using play = await PlayServer.start({
    'GET /v1/auth/token/lookup-self': {
      body: envelope({
        accessor: 'acc',
        policies: ['root'],
        identity_policies: null,
        meta: null,
        ttl: 0,
        renewable: false,
      }),
    },
    'GET /v1/x': { body: envelope({ a: 'b' }) },
  });
  const env = { HOME, VAULT_ADDR: play.address };
  const { code, out, err } = await run('login -', env, { input: `${TOKEN}\n` });
  assert.equal(err, '');
  assert.equal(code, 0);
  assert.match(out, /^Success! You are now authenticated\. /);
  assert.ok(
    out.endsWith(`
Key                  Value
---                  -----
token                ${TOKEN}
token_accessor       acc
token_duration       ∞
token_renewable      false
token_policies       ["root"]
identity_policies    []
policies             ["root"]
`),
    out,
  );
  const file = join(HOME, '.vault-token');
  assert.equal(await readFile(file, 'utf8'), TOKEN);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(HOME), ['.vault-token']);
  assert.equal((await run('print token', env)).out, `${TOKEN}\n`);
  assert.equal((await run('read x', env)).code, 0);
  assert.equal(play.asked.at(-1)?.headers['x-vault-token'], TOKEN);
});

test('login prints no token with -no-print, keeps none with -no-store, and says why it failed', async (t) => {
  const HOME = await home(t);
  await using play = await PlayServer.start({
    'GET /v1/auth/token/lookup-self': [
      { status: 403, body: { errors: ['permission denied'] } },
      {
        body: envelope({
          accessor: 'acc',
          policies: ['p'],
          ttl: 3_600,
          renewable: true,
          meta: { who: 'me' },
        }),
      },
    ],
  });
  const env = { HOME, VAULT_ADDR: play.address };
  const refused = await run('login', env, { input: TOKEN });
  assert.equal(refused.code, 2);
  assert.match(refused.err, /^Error authenticating: Error making API request/);
  assert.ok(!refused.err.includes(TOKEN));
  assert.deepEqual(await readdir(HOME), []);
  const noStore = await run(`login -no-store ${TOKEN}`, env);
  assert.match(noStore.out, /token_duration +1h\n(.*\n)+token_meta_who +me\n/);
  assert.deepEqual(await readdir(HOME), []);
  assert.deepEqual(
    await run('login -no-print', { ...env, VAULT_TOKEN: 'other' }, { input: TOKEN }).then(({ code, out }) => [
      code,
      out,
    ]),
    [0, ''],
  );
  assert.deepEqual(await readdir(HOME), ['.vault-token']);
  assert.equal((await run('login -no-print -no-store x', env)).code, 1);
  assert.deepEqual(await run('login -token-only abc', env), { code: 0, out: 'abc', err: '' });
});

test('a hidden prompt on a terminal echoes nothing and obeys the editing keys', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/unseal': {
      body: { type: 'shamir', initialized: true, sealed: true, t: 3, n: 5, progress: 1, nonce: 'n' },
    },
    'GET /v1/sys/leader': { status: 503, body: { errors: ['Vault is sealed'] } },
  });
  const raw: boolean[] = [];
  const keyboard = (keys: string) => {
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (on: boolean) => raw.push(on),
    });
    stdin.write(keys);
    return stdin;
  };
  const done = await run('operator unseal', environment(play), { stdin: keyboard('wrong\x15sharx\x7fe\r') });
  assert.equal(done.code, 0);
  assert.equal(done.err, 'Unseal Key (will be hidden): \n');
  assert.ok(!done.out.includes('share'));
  assert.equal(play.asked[0]?.body, '{"key":"share"}');
  const given = await run('operator unseal', environment(play), { stdin: keyboard('abc\x03') });
  assert.equal(given.code, 1);
  assert.match(given.err, /interrupted/);
  assert.deepEqual(raw, [true, false, true, false]);
});

test('operator seal says that auto-unseal is paused; step-down and members', async () => {
  await using play = await PlayServer.start({
    'PUT /v1/sys/seal': { status: 204 },
    'GET /v1/sys/seal-status': { body: { sealed: true, recovery_seal: true } },
    'PUT /v1/sys/step-down': [{ status: 204 }, { status: 403, body: { errors: ['permission denied'] } }],
    'GET /v1/sys/ha-status': {
      body: {
        data: {
          nodes: [
            {
              hostname: 'h0',
              api_address: 'https://a0',
              cluster_address: 'https://c0',
              active_node: true,
              last_echo: null,
              version: '1.21.0',
              upgrade_version: '',
            },
            {
              hostname: 'host-1',
              api_address: 'https://a1',
              cluster_address: 'https://c1',
              active_node: false,
              last_echo: '2026-11-24T10:00:00.123456789Z',
              version: '1.21.0',
            },
          ],
        },
      },
    },
  });
  const seal = await run('operator seal', environment(play));
  assert.equal(seal.code, 0);
  assert.match(seal.out, /^Success! Vault is sealed\.\n\nAuto-unseal is paused on this node\./);
  const down = await run('operator step-down', environment(play));
  assert.deepEqual(down, { code: 0, out: `Success! Stepped down: ${play.address}\n`, err: '' });
  const refused = await run('operator step-down', environment(play));
  assert.equal(refused.code, 2);
  assert.match(refused.err, /^Error stepping down: Error making API request\.\n\nURL: PUT /);
  const members = await run('operator members', environment(play));
  assert.equal(
    members.out,
    `Host Name    API Address    Cluster Address    Active Node    Version    Upgrade Version    Last Echo
---------    -----------    ---------------    -----------    -------    ---------------    ---------
h0           https://a0     https://c0         true           1.21.0     n/a                n/a
host-1       https://a1     https://c1         false          1.21.0     n/a                2026-11-24T10:00:00Z
`,
  );
});

test('server hands over what it parsed, with the environment behind it', async () => {
  let got: ServerArguments | undefined;
  const server = async (args: ServerArguments) => {
    got = args;
    return 7;
  };
  const line = 'server -config=a.hcl -config b -log-level=debug -strict-config';
  const { code } = await run(line, { VAULT_LOG_FORMAT: 'json', BAO_DEV_ROOT_TOKEN_ID: 'root' }, { server });
  assert.equal(code, 7);
  assert.deepEqual(got, {
    configs: ['a.hcl', 'b'],
    dev: false,
    devRootTokenId: 'root',
    devListenAddress: undefined,
    logLevel: 'debug',
    logFormat: 'json',
    strictConfig: true,
  });
  assert.match(
    (await run('server', {}, { server })).err,
    /Must specify at least one config path using -config/,
  );
  assert.match((await run('server -recovery -dev', {}, { server })).err, /not supported/);
  assert.equal((await run('server -dev')).code, 1);
});

test('wrong use is told apart from what is not there', async () => {
  const cases: [string, number, RegExp][] = [
    ['frobnicate', 127, /no command "frobnicate"/],
    ['kv frobnicate', 1, /no "kv frobnicate"/],
    ['kv', 1, /Subcommands:/],
    ['kv metadata', 1, /Usage: latchkey kv metadata <subcommand>/],
    ['kv metadata nope', 1, /no "kv metadata nope"/],
    ['status extra', 1, /Too many arguments \(expected 0, got 1\)/],
    ['status -nope', 1, /flag provided but not defined: -nope/],
    ['status -address', 1, /flag needs an argument: -address/],
    ['status -tls-skip-verify=maybe', 1, /invalid boolean value "maybe" for -tls-skip-verify/],
    ['kv get -version=x a', 1, /invalid int value "x" for -version/],
    ['status -format=xml', 1, /Invalid output format: xml/],
    ['kv get -namespace=team secret/x', 1, /no namespace "team"/],
    ['status -address=ftp://x', 1, /no http:\/\/ or https:\/\/ URL/],
    ['kv get -ca-cert=/nonexistent/ca.pem a', 1, /cannot read "\/nonexistent\/ca\.pem": ENOENT/],
    ['kv get -client-cert=x a', 1, /both client cert and client key/],
    ['login -method=ldap', 1, /Unknown auth method: ldap/],
    ['operator unseal -non-interactive', 1, /-non-interactive/],
    ['kv put -non-interactive secret/x -', 1, /-non-interactive/],
  ];
  for (const [line, code, expected] of cases) {
    const outcome = await run(line, { VAULT_ADDR: 'https://127.0.0.1:1' });
    assert.match(outcome.err, expected, line);
    assert.equal(outcome.code, code, line);
    assert.equal(outcome.out, '', line);
  }
});

test('every spelling of the root namespace is accepted', async () => {
  await using play = await PlayServer.start({ 'GET /v1/x': { body: envelope({ a: 'b' }) } });
  for (const namespace of ['root', 'root/', '/', '']) {
    assert.equal((await run(`read -namespace=${namespace} x`, environment(play))).code, 0, namespace);
  }
  assert.ok(play.asked.every(({ headers }) => headers['x-vault-namespace'] === undefined));
});

test('every command explains itself, within 80 columns', async () => {
  for (const command of COMMANDS) {
    const { code, out, err } = await run([...command.words, '-h']);
    assert.equal(code, 0);
    assert.equal(err, '');
    assert.ok(out.startsWith(`Usage: latchkey ${command.words.join(' ')}`), out);
    for (const line of out.split('\n')) assert.ok(line.length <= 80, line);
  }
  for (const line of ['-h', 'help', '--help']) {
    const { code, out } = await run(line);
    assert.equal(code, 0);
    for (const command of COMMANDS) assert.match(out, new RegExp(`^ +${command.words[0]} `, 'm'));
  }
  assert.equal((await run('')).code, 127);
  assert.match((await run('kv -h')).out, /put/);
  assert.match(
    (await run('version', {}, { apiVersion: '1.21.0' })).out,
    /^Latchkey v\d+\.\d+\.\d+ \(API of Vault v1\.21\.0\)\n$/,
  );
  assert.match((await run('-version')).out, /^Latchkey v/);
});

test('a stored value cannot drive the terminal it is shown on', async () => {
  await using play = await PlayServer.start({ 'GET /v1/x': { body: envelope({ a: '\x1b[2Jgone' }) } });
  assert.match((await run('read x', environment(play), { isTty: true })).out, /a +\\x1b\[2Jgone/);
  assert.ok((await run('read x', environment(play))).out.includes('\x1b[2Jgone'));
});

test('output that could not be written is not a success', async () => {
  await using play = await PlayServer.start({ 'GET /v1/x': { body: envelope({ a: 'b' }) } });
  const full = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('no'), { code })) });
  const lost = await run('read x', environment(play), { stdout: full('ENOSPC') as never });
  assert.deepEqual([lost.code, lost.err], [1, 'Error writing the output: ENOSPC\n']);
  const closed = await run('read x', environment(play), { stdout: full('EPIPE') as never });
  assert.deepEqual([closed.code, closed.err], [1, '']);
});
