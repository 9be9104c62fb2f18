// The command line, as a process.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

const CLI = join(import.meta.dirname, '../src/cli.ts');
let folder: string;
const running = new Set<ChildProcess>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azure-emulator-test-'));
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

after(() => rm(folder, { recursive: true, force: true }));

function launch(...args: string[]) {
  // A runtime folder of its own: an emulator that runs beside this test is none of its business.
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const output = { out: '', err: '' };
  const ready = Promise.withResolvers<Record<string, string>>();
  child.stdout.on('data', (chunk) => {
    output.out += chunk;
    const end = output.out.indexOf('\n');
    if (end >= 0 && output.out.startsWith('{')) ready.resolve(JSON.parse(output.out.slice(0, end)));
  });
  child.stderr.on('data', (chunk) => {
    output.err += chunk;
  });
  const exit = new Promise<number | null>((resolve) =>
    child.on('close', (code) => {
      running.delete(child);
      ready.reject(new Error(`ended with ${code}: ${output.err}`));
      resolve(code);
    }),
  );
  ready.promise.catch(() => undefined);
  return { child, output, ready: ready.promise, exit };
}

function startQuietly(credentialsFile: string, ...more: string[]) {
  return launch('start', '--port', '0', '--quiet', '--credentials-file', credentialsFile, ...more);
}

function get(url: string, ca: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request(url, { ca, host: '127.0.0.1', servername: 'localhost' }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  })
    .on('error', reject)
    .end();
  return promise;
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`start prints one JSON line, serves, and ends cleanly on ${signal}`, async () => {
    const caFile = join(folder, `${signal}.pem`);
    const credentialsFile = join(folder, `${signal}.json`);
    await writeFile(credentialsFile, 'old', { mode: 0o644 });
    const { child, output, ready, exit } = launch(
      'start',
      ...['--port', '0', '--ca-file', caFile, '--credentials-file', credentialsFile],
    );
    const addresses = await ready;
    assert.equal(addresses['caFile'], caFile);
    const ca = await readFile(caFile, 'utf8');
    const discovery = `${addresses['authorityUrl']}/${addresses['tenantId']}/v2.0/.well-known/openid-configuration`;
    assert.equal(await get(discovery, ca), 200);
    const credentials = JSON.parse(await readFile(credentialsFile, 'utf8'));
    assert.equal((await stat(credentialsFile)).mode & 0o777, 0o600);
    assert.equal(credentials.clientId, addresses['operatorClientId']);
    const headers = { 'x-admin-token': credentials.adminToken };
    assert.equal((await fetch(`${addresses['adminUrl']}/faults`, { headers })).status, 200);
    child.kill(signal);
    assert.equal(await exit, 0);
    assert.equal(output.out.trimEnd().split('\n').length, 1);
    assert.match(output.err, /NOT for production/);
    for (const secret of [credentials.clientSecret, credentials.adminToken]) {
      assert.ok(!`${output.out}${output.err}`.includes(secret));
    }
    await assert.rejects(get(discovery, ca), { code: 'ECONNREFUSED' });
  });
}

test('aks-token prints a token of the running emulator, for those who can read the credentials file', async () => {
  const credentialsFile = join(folder, 'aks.json');
  const { child, ready, exit } = startQuietly(credentialsFile);
  const { aksIssuerUrl } = await ready;
  const account = ['--namespace', 'vault', '--service-account', 'vault-2'];
  const shape = ['--lifetime', '60', '--audience', 'somebody'];
  const wanted = launch('aks-token', '--credentials-file', credentialsFile, ...account, ...shape);
  assert.equal(await wanted.exit, 0, wanted.output.err);
  const [, payload = ''] = wanted.output.out.trim().split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  assert.equal(claims.iss, aksIssuerUrl);
  assert.equal(claims.sub, 'system:serviceaccount:vault:vault-2');
  assert.equal(claims.exp - claims.iat, 60);
  assert.deepEqual(claims.aud, ['somebody']);
  const refused = launch(
    'aks-token',
    ...['--credentials-file', credentialsFile, '--namespace', 'No', '--service-account', 'x'],
  );
  assert.equal(await refused.exit, 1);
  assert.match(refused.output.err, /not a Kubernetes name/);
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
});

test('quiet is quiet, and a temporary CA file goes with the process', async () => {
  const { child, output, ready, exit } = launch('start', '--port', '0', '--quiet');
  const { caFile } = await ready;
  await access(caFile ?? '');
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  assert.equal(output.err, '');
  await assert.rejects(access(caFile ?? ''), { code: 'ENOENT' });
});

test('wrong use is exit code 2 with a reason', async () => {
  const cases: [RegExp, string[]][] = [
    [/loopback only/, ['start', '--host', '0.0.0.0']],
    [/loopback only/, ['start', '--host', '192.168.1.5']],
    [/port number/, ['start', '--port', '70000']],
    [/--imds-port/, ['start', '--imds-port', '-1']],
    [/--proxy-port/, ['start', '--proxy-port', '1e3']],
    [/--admin-port/, ['start', '--admin-port', 'x']],
    [/tenant or adfs/, ['start', '--challenge', 'other']],
    [/--tenant-id/, ['start', '--tenant-id', 'contoso']],
    [/--subscription-id/, ['start', '--subscription-id', 'mine']],
    [/say what to do/, []],
    [/say what to do/, ['stop']],
    [/--wrong/, ['start', '--wrong']],
    [/aks-token needs/, ['aks-token', '--namespace', 'n']],
    [/say what to do/, ['aks-token', 'extra']],
  ];
  const results = await Promise.all(
    cases.map(async ([expected, args]) => {
      const { output, exit } = launch(...args);
      return { expected, code: await exit, err: output.err };
    }),
  );
  for (const { expected, code, err } of results) {
    assert.equal(code, 2, err);
    assert.match(err, expected);
  }
});

test('a port in use is exit code 1, with the address', async () => {
  const first = launch('start', '--port', '0', '--quiet');
  const { authorityUrl } = await first.ready;
  const second = launch('start', '--port', new URL(authorityUrl ?? '').port, '--quiet');
  assert.equal(await second.exit, 1);
  assert.match(second.output.err, /EADDRINUSE/);
  first.child.kill('SIGTERM');
  assert.equal(await first.exit, 0);
});

/** A client that knows nothing of the emulator but its environment; prints what it sees as one line of JSON. */
const CLIENT = `
const seen = Object.fromEntries(['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_AUTHORITY_HOST', 'AZURE_CONFIG_DIR',
  'IDENTITY_ENDPOINT', 'IDENTITY_HEADER']
  .map((name) => [name, process.env[name] ?? null]));
const url = process.argv[1] ?? process.env.AZURE_AUTHORITY_HOST + '/metadata/endpoints';
const answer = await fetch(url);
console.log(JSON.stringify({ ...seen, status: answer.status }));
process.exitCode = 7;
`;
const client = (...args: string[]) => [process.execPath, '--input-type=module', '-e', CLIENT, ...args];

test('exec runs a client against an emulator of its own: trust and names by the environment alone, exit code handed on', async () => {
  const ran = launch('exec', '--intercept', '--', ...client('https://nowhere.vault.azure.net/'));
  // The name resolves and the connection is certified, but there is no such vault: it is reset.
  assert.equal(await ran.exit, 1);
  assert.match(ran.output.err, /UND_ERR_SOCKET|ECONNRESET/);
  const direct = launch('exec', '--', ...client());
  assert.equal(await direct.exit, 7, direct.output.err);
  const seen = JSON.parse(direct.output.out);
  assert.equal(seen.status, 200);
  assert.equal(seen.AZURE_TENANT_ID, 'adfs');
  await assert.rejects(access(seen.AZURE_CONFIG_DIR), { code: 'ENOENT' });
});

test('exec and env find a running emulator; the secret is shown only on demand', async () => {
  const credentialsFile = join(folder, 'found.json');
  const { child, ready, exit } = startQuietly(credentialsFile);
  const addresses = await ready;
  const { clientSecret } = JSON.parse(await readFile(credentialsFile, 'utf8'));
  const named = ['--credentials-file', credentialsFile];

  const ran = launch('exec', ...named, '--', ...client());
  assert.equal(await ran.exit, 7, ran.output.err);
  const seen = JSON.parse(ran.output.out);
  assert.equal(seen.AZURE_AUTHORITY_HOST, addresses['authorityUrl']);
  assert.equal(seen.AZURE_CLIENT_ID, addresses['operatorClientId']);
  const profile = join(seen.AZURE_CONFIG_DIR, 'service_principal_entries.json');
  assert.equal((await stat(profile)).mode & 0o777, 0o600);
  assert.ok((await readFile(profile, 'utf8')).includes(clientSecret));

  const anonymous = launch('exec', '--anonymous', ...named, '--', ...client());
  assert.equal(await anonymous.exit, 7);
  const bare = JSON.parse(anonymous.output.out);
  assert.equal(bare.AZURE_CLIENT_ID, null);
  assert.notEqual(bare.AZURE_CONFIG_DIR, seen.AZURE_CONFIG_DIR);

  const machine = launch('exec', '--managed-identity', ...named, '--', ...client());
  assert.equal(await machine.exit, 7, machine.output.err);
  const asMachine = JSON.parse(machine.output.out);
  assert.equal(asMachine.AZURE_CLIENT_ID, null);
  const token = await fetch(`${asMachine.IDENTITY_ENDPOINT}?resource=https://vault.azure.net`, {
    headers: { 'x-identity-header': asMachine.IDENTITY_HEADER },
  });
  assert.equal(token.status, 200);

  const plain = launch('env', ...named);
  assert.equal(await plain.exit, 0);
  assert.match(plain.output.out, /^export REQUESTS_CA_BUNDLE='/m);
  assert.ok(!plain.output.out.includes(clientSecret));
  const full = launch('env', '--json', '--operator', ...named);
  assert.equal(await full.exit, 0);
  assert.equal(JSON.parse(full.output.out).AZURE_CLIENT_SECRET, clientSecret);

  child.kill('SIGTERM');
  assert.equal(await exit, 0);
  for (const gone of [credentialsFile, seen.AZURE_CONFIG_DIR]) {
    await assert.rejects(access(gone), { code: 'ENOENT' });
  }
  const late = launch('env', ...named);
  assert.equal(await late.exit, 1);
  assert.match(late.output.err, /no emulator runs/);
});

test('exec says what is wrong with its command', async () => {
  const none = launch('exec', '--');
  const absent = launch('exec', '--', 'no-such-command');
  const hosts = launch('exec', '--hosts', 'a b', '--', 'true');
  assert.equal(await none.exit, 2);
  assert.match(none.output.err, /needs a command/);
  assert.equal(await absent.exit, 1);
  assert.match(absent.output.err, /there is no command no-such-command/);
  assert.equal(await hosts.exit, 2);
  assert.match(hosts.output.err, /no host name/);
});

test('exec gives programs without a proxy a hosts file of their own, or says what to add', async () => {
  const { output, exit } = launch('exec', '--hosts', 'a-vault.vault.localhost', '--', 'cat', '/etc/hosts');
  const line = /127\.0\.0\.1 a-vault\.vault\.localhost/;
  if ((await exit) === 0) assert.match(output.out, line);
  else assert.match(output.err, line);
  assert.doesNotMatch(await readFile('/etc/hosts', 'utf8'), line);
});

test('aks-token keeps a file with a token that is renewed in time', async () => {
  const credentialsFile = join(folder, 'projected.json');
  const tokenFile = join(folder, 'projected-token');
  const { child, ready, exit } = startQuietly(credentialsFile);
  await ready;
  const account = [
    ...['--namespace', 'vault', '--service-account', 'vault-0'],
    ...['--credentials-file', credentialsFile],
  ];
  const keeper = launch('aks-token', ...account, '--lifetime', '1', '--file', tokenFile);
  const other = async (than: string): Promise<string> => {
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      const token = await readFile(tokenFile, 'utf8').catch(() => than);
      if (token !== than) return token;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`no new token: ${keeper.output.err}`);
  };
  const first = await other('');
  assert.equal(first.split('.').length, 3);
  assert.equal((await stat(tokenFile)).mode & 0o777, 0o600);
  assert.equal((await other(first)).split('.').length, 3);
  keeper.child.kill('SIGTERM');
  assert.equal(await keeper.exit, 0);
  child.kill('SIGTERM');
  assert.equal(await exit, 0);
});
