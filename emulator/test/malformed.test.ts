// Foreign input that is wrong in form: refused with a clear error, and the emulator stays up and unchanged.

import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Azure, startAzure } from '../src/index.ts';
import { send, tokenFor } from './clients.ts';

const VAULT = 'malformed';
let azure: Azure;
let token: string;
let armToken: string;

before(async () => {
  azure = await startAzure();
  const { id } = azure.createVault(VAULT);
  azure.assignRole({ principalId: azure.operator.objectId, role: 'Key Vault Administrator', scope: id });
  token = await tokenFor(azure, azure.keyVaultAudience);
  armToken = await tokenFor(azure, 'https://management.azure.com');
});

after(async () => {
  // Whatever was thrown at it: it still answers, and wrote nothing.
  assert.deepEqual(azure.secrets(VAULT).names(), []);
  assert.equal((await vault('GET', 'secrets?api-version=7.4')).status, 200);
  await azure.close();
});

function vault(method: string, path: string, body?: string | Buffer, headers?: Record<string, string>) {
  return send(azure, method, `${azure.vaultUri(VAULT)}/${path}`, { token, body, headers });
}

function codeOf(json: unknown): string {
  return (json as { error: { code: string } }).error.code;
}

test('bodies of PUT secrets', async () => {
  const bodies: (string | Buffer)[] = [
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"value":null}',
    '{"value":1}',
    '{"value":{"a":1}}',
    '{"value":"v","tags":[]}',
    '{"value":"v","tags":{"a":1}}',
    '{"value":"v","contentType":5}',
    '{"value":"v","attributes":"on"}',
    '{"value":"v","attributes":{"enabled":"yes"}}',
    '{"value":"v","attributes":{"exp":"2030-01-01"}}',
    '{"value":"v","attributes":{"nbf":1.5}}',
    '{"value":"v","attributes":{"nbf":-1}}',
    '{"value":"v","attributes":{"nbf":2000000000,"exp":1900000000}}',
    Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    `${'['.repeat(50_000)}`,
  ];
  for (const body of bodies) {
    const answer = await vault('PUT', 'secrets/s?api-version=7.4', body);
    assert.equal(answer.status, 400, String(body).slice(0, 60));
    assert.equal(codeOf(answer.json), 'BadParameter');
  }
});

test('nulls mean "not said", as az sends them; a __proto__ tag is only a tag', async () => {
  const nulls = '{"value":"v","tags":null,"attributes":null,"contentType":null}';
  assert.equal((await vault('PUT', 'secrets/ok?api-version=7.4', nulls)).status, 200);
  const proto = '{"value":"v","tags":{"__proto__":"x","constructor":"y"}}';
  const answer = await vault('PUT', 'secrets/ok?api-version=7.4', proto);
  assert.equal(answer.status, 200);
  assert.ok(answer.text.includes('"__proto__":"x"'));
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
  azure.secrets(VAULT).delete('ok');
  azure.secrets(VAULT).purge('ok');
});

test('a body over 1 MiB is cut off with 413', async () => {
  const answer = await vault(
    'PUT',
    'secrets/s?api-version=7.4',
    `{"value":"${'x'.repeat(1024 * 1024)}"}`,
  ).catch((error: { code: string }) => error.code);
  // The rest of the body meets a closed connection: the client sees the answer or the reset.
  if (typeof answer === 'string') assert.match(answer, /^(ECONNRESET|EPIPE)$/);
  else assert.equal(answer.status, 413);
});

test('paths', async () => {
  const cases: [number, string, string][] = [
    [400, 'GET', 'secrets/a%zz?api-version=7.4'],
    [400, 'GET', 'secrets/..%2f..%2fkeys?api-version=7.4'],
    [400, 'GET', 'secrets/under_score?api-version=7.4'],
    [400, 'GET', 'secrets/a%00b?api-version=7.4'],
    [400, 'GET', 'secrets/a%0d%0ab?api-version=7.4'],
    [400, 'GET', 'secrets/s'],
    [400, 'GET', 'secrets?api-version=7.4&maxresults=26'],
    [400, 'GET', 'secrets?api-version=7.4&maxresults=0'],
    [400, 'GET', 'secrets?api-version=7.4&maxresults=x'],
    [400, 'GET', 'secrets?api-version=7.4&$skiptoken=!!'],
    [404, 'GET', 'secrets/none/not-a-version?api-version=7.4'],
    [404, 'GET', 'nowhere?api-version=7.4'],
    [501, 'GET', 'certificates?api-version=7.4'],
    [400, 'POST', 'keys/restore?api-version=7.4'],
    [405, 'POST', 'secrets/s?api-version=7.4'],
  ];
  for (const [status, method, path] of cases) {
    assert.equal((await vault(method, path)).status, status, path);
  }
});

test('doubled and trailing slashes, case and encoded names reach the same secret', async () => {
  azure.secrets(VAULT).set('slashes', 'v');
  for (const path of [
    'secrets/slashes/?api-version=7.4',
    '/secrets//slashes/?api-version=7.4',
    'SECRETS/Slashes?API-Version=7.4',
    'secrets/slashes?api%2Dversion=7.4',
    'secrets/%73lashes?api-version=7.4',
  ]) {
    const answer = await vault('GET', path);
    assert.equal((answer.json as { value: string }).value, 'v', path);
  }
  azure.secrets(VAULT).delete('slashes');
  azure.secrets(VAULT).purge('slashes');
});

test('authorization headers', async () => {
  const bad = [
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    `Bearer ${token}x`,
    'Bearer ..',
    `Negotiate ${token}`,
  ];
  for (const authorization of bad) {
    const answer = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets?api-version=7.4`, {
      headers: { authorization },
    });
    assert.equal(answer.status, 401, authorization.slice(0, 20));
    assert.match(String(answer.headers['www-authenticate']), /^Bearer authorization="https:\/\/localhost:/);
    const arm = await send(azure, 'GET', `${azure.armUrl}/subscriptions?api-version=2022-12-01`, {
      headers: { authorization },
    });
    assert.equal(arm.status, 401, authorization.slice(0, 20));
  }
  const lower = await send(azure, 'GET', `${azure.vaultUri(VAULT)}/secrets?api-version=7.4`, {
    headers: { authorization: `bearer ${token}` },
  });
  assert.equal(lower.status, 200);
});

test('ids and bodies of ARM', async () => {
  const arm = (method: string, path: string, body?: string) =>
    send(azure, method, `${azure.armUrl}${path}`, { token: armToken, body });
  const sub = `/subscriptions/${azure.subscriptionId}`;
  const cases: [number, string, string, string?][] = [
    [404, 'GET', '/subscriptions/not-a-guid?api-version=2022-12-01'],
    [400, 'GET', `${sub}?api-version=today`],
    [400, 'GET', `${sub}/resourceGroups/%ff?api-version=2022-12-01`],
    [400, 'GET', `${sub}/resourceGroups/a%2fb?api-version=2022-12-01`],
    [400, 'PUT', `${sub}/resourceGroups/bad*name?api-version=2022-12-01`, '{"location":"eastus"}'],
    [400, 'PUT', `${sub}/resourceGroups/g?api-version=2022-12-01`, '{"location":5}'],
    [400, 'PUT', `${sub}/resourceGroups/g?api-version=2022-12-01`, '{"location":"../x"}'],
    [400, 'PUT', `${sub}/resourceGroups/g?api-version=2022-12-01`, '{"location":"eastus","tags":{"a":1}}'],
    [400, 'PUT', `${sub}/resourceGroups/g?api-version=2022-12-01`, 'nonsense'],
    [404, 'GET', `${sub}/resourceGroups/g/providers?api-version=2022-12-01`],
    [404, 'GET', `${sub}/providers/Microsoft.Authorization/unknown?api-version=2022-12-01`],
    [404, 'GET', '/providers/Microsoft.Authorization/roleAssignments/a/b?api-version=2022-12-01'],
  ];
  for (const [status, method, path, body] of cases) {
    const answer = await arm(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  }
  assert.equal((await arm('GET', `${sub}/resourceGroups/g?api-version=2022-12-01`)).status, 404);
});

test('hosts that are not served', async () => {
  for (const host of [
    'example.com',
    'a.b.vault.localhost',
    'vault.localhost',
    'malformed.vault.azure.net',
    '',
  ]) {
    const answer = await rawExchange(
      `GET /secrets HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      true,
    );
    assert.match(answer, /^HTTP\/1\.1 421 /, host);
  }
});

test('bytes that are not HTTP, and not TLS', async () => {
  const plain = await rawExchange('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', false);
  assert.ok(!plain.includes('200 OK'));
  for (const bytes of [
    '\0\0\0\0\r\n\r\n',
    'NONSENSE\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost\r\nHost: other.vault.localhost\r\n\r\n',
    'GET nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /a/../b HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /a/%2e%2e/b HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ]) {
    assert.match(await rawExchange(bytes, true), /^HTTP\/1\.1 400 /, JSON.stringify(bytes));
  }
});

/** Sends raw bytes to the HTTPS port and gives all that comes back until it is closed. */
function rawExchange(bytes: string, tls: boolean): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = tls
    ? connectTls({ port: azure.port, host: '127.0.0.1', ca: azure.caPem, servername: 'localhost' })
    : connectTcp(azure.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => resolve(text));
  socket.on('close', () => resolve(text));
  socket.write(bytes);
  return promise;
}
