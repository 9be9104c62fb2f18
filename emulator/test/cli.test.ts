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
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  const { child, ready, exit } = launch(
    'start',
    '--port',
    '0',
    '--quiet',
    '--credentials-file',
    credentialsFile,
  );
  const { aksIssuerUrl } = await ready;
  const account = ['--namespace', 'vault', '--service-account', 'vault-2'];
  const wanted = launch('aks-token', '--credentials-file', credentialsFile, ...account, '--lifetime', '60');
  assert.equal(await wanted.exit, 0, wanted.output.err);
  const [, payload = ''] = wanted.output.out.trim().split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  assert.equal(claims.iss, aksIssuerUrl);
  assert.equal(claims.sub, 'system:serviceaccount:vault:vault-2');
  assert.equal(claims.exp - claims.iat, 60);
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
    [/port number/, ['start', '--admin-port', 'x']],
    [/GUID/, ['start', '--tenant-id', 'contoso']],
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
