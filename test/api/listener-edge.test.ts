// The edge of a real server: whose address audit and tokens see behind a proxy, the headers of the config, and what a
// SIGHUP reads again.

import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noteSecrets } from '../leaks/ledger.ts';
import { ConfiguredServer, type Lines } from './configured-server.ts';

const FORWARDED = 'x_forwarded_for_authorized_addrs = "127.0.0.1" x_forwarded_for_reject_not_present = false';

interface Asked {
  readonly token?: string;
  readonly from?: string;
  readonly body?: object;
}

describe('behind a proxy', () => {
  let server: ConfiguredServer;
  before(async () => {
    server = await ConfiguredServer.startUnsealed((folder) => ({
      listener: FORWARDED,
      top: `audit "file" "all" { options { file_path = "${join(folder, 'audit.jsonl')}" } }`,
    }));
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = (path: string, { token, from, body }: Asked): Promise<Response> =>
    fetch(`${server.address}/v1/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(token === undefined ? {} : { 'X-Vault-Token': token }),
        ...(from === undefined ? {} : { 'X-Forwarded-For': from }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function addressesOf(path: string): Promise<string[]> {
    const lines = (await readFile(join(server.folder, 'audit.jsonl'), 'utf8')).trim().split('\n');
    return lines
      .map((line) => JSON.parse(line) as { request: { path: string; remote_address: string } })
      .filter(({ request }) => request.path === path)
      .map(({ request }) => request.remote_address);
  }

  test('the audit log and bound tokens see the client, not the proxy', async () => {
    await server.client.write('auth/token/roles/bound', {
      allowed_policies: ['default'],
      token_bound_cidrs: ['203.0.113.0/24'],
    });
    const bound = await server.client.write('auth/token/create/bound', {});
    const token = String(bound?.auth?.client_token);
    noteSecrets([token]);
    const path = 'auth/token/lookup-self';
    assert.equal((await ask(path, { token, from: '203.0.113.9' })).status, 200);
    assert.equal((await ask(path, { token, from: '198.51.100.9' })).status, 403);
    assert.equal((await ask(path, { token })).status, 403);
    // One line before each answer and one after.
    const clients = ['203.0.113.9', '198.51.100.9', '127.0.0.1'];
    assert.deepEqual(
      await addressesOf(path),
      clients.flatMap((client) => [client, client]),
    );
  });
});

describe('SIGHUP', () => {
  test('takes over headers, log level and audit devices, and says so in one line', async () => {
    const lines = (folder: string, mark: string, level: string): Lines => ({
      listener: `custom_response_headers { "default" = { "X-Mark" = "${mark}" } "4xx" = { "X-Refused" = "yes" } }`,
      top: `log_level = "${level}"\naudit "file" "all" { options { file_path = "${join(folder, 'a.jsonl')}" } }`,
    });
    await using server = await ConfiguredServer.startUnsealed((folder) => lines(folder, 'one', 'info'));
    const headersOf = async (path: string) => (await fetch(`${server.address}/v1/${path}`)).headers;
    assert.equal((await headersOf('sys/health')).get('x-mark'), 'one');
    const refused = await headersOf('secret/nothing');
    assert.deepEqual([refused.get('x-mark'), refused.get('x-refused')], ['one', 'yes']);
    assert.equal(refused.get('cache-control'), 'no-store');
    await rename(join(server.folder, 'a.jsonl'), join(server.folder, 'a.jsonl.1'));
    await server.configure(lines(server.folder, 'two', 'debug'));
    const said = (await server.reload()).filter((line) => line.includes('SIGHUP'));
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(
      said[0] ?? '',
      /read again: log level debug, response headers, audit devices; a sealed node/,
    );
    assert.equal((await headersOf('sys/health')).get('x-mark'), 'two');
    await server.client.read('sys/key-status');
    assert.match(await readFile(join(server.folder, 'a.jsonl'), 'utf8'), /sys\/key-status/);
  });

  test('a config that is broken leaves everything as it was, and the rest is read again', async () => {
    await using server = await ConfiguredServer.startUnsealed({
      listener: 'custom_response_headers { default = { "X-Mark" = "one" } }',
    });
    await server.configure({ listener: 'max_request_size = "much"' });
    const said = (await server.reload()).filter((line) => line.includes('SIGHUP'));
    assert.match(said[0] ?? '', /\[ERROR\].*the configuration could not be read again; the old stays/);
    assert.match(said[0] ?? '', /max_request_size must be a whole number/);
    assert.match(said[1] ?? '', /read again: audit devices;/);
    const answer = await fetch(`${server.address}/v1/sys/health`);
    assert.equal(answer.headers.get('x-mark'), 'one');
  });
});
