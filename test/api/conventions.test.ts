// How the API answers what is wrong, over a real socket: the codes and texts that Vault's clients match.

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { DevServer } from './dev-server.ts';

interface Case {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  /** `errors` of the answer. */
  readonly errors: readonly (string | RegExp)[];
}

const ROOT = { 'x-vault-token': 'root' };

const CASES: readonly Case[] = [
  { what: 'no token', method: 'GET', path: 'secret/data/a', status: 403, errors: ['permission denied'] },
  {
    what: 'a token that nobody issued',
    method: 'GET',
    path: 'secret/data/a',
    headers: { 'x-vault-token': 'hvs.unknown' },
    status: 403,
    errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'],
  },
  {
    what: 'a path outside every mount',
    method: 'GET',
    path: 'nowhere/at/all',
    headers: ROOT,
    status: 404,
    errors: ['no handler for route "nowhere/at/all". route entry not found.'],
  },
  {
    what: 'a path outside every mount, without token',
    method: 'GET',
    path: 'nowhere',
    status: 403,
    errors: ['permission denied'],
  },
  {
    what: 'nothing stored there',
    method: 'GET',
    path: 'secret/data/none',
    headers: ROOT,
    status: 404,
    errors: [],
  },
  {
    what: 'a verb that the path does not take',
    method: 'POST',
    path: 'sys/health',
    headers: ROOT,
    body: '{}',
    status: 405,
    errors: ['1 error occurred:\n\t* unsupported operation\n\n'],
  },
  {
    what: 'a verb that nothing takes',
    method: 'OPTIONS',
    path: 'secret/data/a',
    headers: ROOT,
    status: 405,
    errors: [],
  },
  {
    what: 'an unknown path of sys/',
    method: 'GET',
    path: 'sys/no-such-thing',
    headers: ROOT,
    status: 404,
    errors: ['1 error occurred:\n\t* unsupported path\n\n'],
  },
  {
    what: 'a body that is not JSON',
    method: 'POST',
    path: 'secret/data/a',
    headers: ROOT,
    body: '{"data":',
    status: 400,
    errors: [/JSON/],
  },
  {
    what: 'a body that is JSON but no object',
    method: 'POST',
    path: 'secret/data/a',
    headers: ROOT,
    body: '[1]',
    status: 400,
    errors: [/object/],
  },
  {
    what: 'a write to a folder',
    method: 'POST',
    path: 'secret/data/a/',
    headers: ROOT,
    body: '{"data":{}}',
    status: 400,
    errors: ["cannot write to a path ending in '/'"],
  },
  {
    what: 'a mount that is not there, by the clients that look first',
    method: 'GET',
    path: 'sys/internal/ui/mounts/nowhere',
    headers: ROOT,
    status: 403,
    errors: [
      /^preflight capability check returned 403, please ensure client's policies grant access to path "nowhere\/"$/,
    ],
  },
  {
    what: 'an answer to be wrapped for no time that can be read',
    method: 'GET',
    path: 'auth/token/lookup-self',
    headers: { ...ROOT, 'x-vault-wrap-ttl': 'soon' },
    status: 400,
    errors: [/X-Vault-Wrap-TTL must be a duration/],
  },
  {
    what: 'init of a cluster that is there',
    method: 'PUT',
    path: 'sys/init',
    body: '{}',
    status: 400,
    errors: ['Vault is already initialized'],
  },
  {
    what: 'an unseal key that is no key',
    method: 'PUT',
    path: 'sys/unseal',
    body: '{"Key":"??"}',
    status: 400,
    errors: ["'key' must be a valid hex or base64 string"],
  },
];

function rawGet(address: string, path: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const { hostname, port } = new URL(address);
  get({ hostname, port, path, headers: ROOT, agent: false }, (reply) => {
    let text = '';
    reply.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    reply.on('end', () => resolve({ status: reply.statusCode ?? 0, text }));
  }).on('error', reject);
  return promise;
}

describe('the API, from outside', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  for (const expected of CASES) {
    test(expected.what, async () => {
      const { method, path, headers, body } = expected;
      const reply = await fetch(`${server.address}/v1/${path}`, {
        method,
        headers: headers ?? {},
        ...(body === undefined ? {} : { body }),
      });
      const answer = (await reply.json()) as { errors: string[] };
      assert.equal(reply.status, expected.status, JSON.stringify(answer));
      assert.equal(answer.errors.length, expected.errors.length, JSON.stringify(answer));
      for (const [index, text] of expected.errors.entries()) {
        const got = answer.errors[index] ?? '';
        if (typeof text === 'string') assert.equal(got, text);
        else assert.match(got, text);
      }
      assert.equal(reply.headers.get('cache-control'), 'no-store');
      assert.equal(reply.headers.get('content-type'), 'application/json');
    });
  }

  test('a path that climbs is refused, plain and percent-encoded', async () => {
    for (const path of [
      '/v1/secret/data/../../sys/mounts',
      '/v1/secret/data/%2e%2e/x',
      '/v1/secret/data/..',
    ]) {
      // Not by fetch, which would resolve the path before it is sent.
      const { status, text } = await rawGet(server.address, path);
      assert.equal(status, 400, path);
      assert.match(text, /relative paths not supported/);
    }
  });

  test('a body over 32 MiB is refused with 413, and the server lives on', async () => {
    const body = Buffer.alloc(32 * 1024 * 1024 + 1, 0x20);
    const reply = await fetch(`${server.address}/v1/secret/data/big`, {
      method: 'POST',
      headers: ROOT,
      body,
    }).catch(
      // The server may have closed the socket while the body was still on its way; then there is no answer to read.
      () => undefined,
    );
    if (reply !== undefined) assert.equal(reply.status, 413);
    assert.equal((await server.client.sealStatus()).sealed, false);
  });

  test('a value over the storage limit is refused by its size, and nothing is written', async () => {
    const data = { blob: 'x'.repeat(1_100_000) };
    await assert.rejects(server.client.kvPut('secret', 'big', data), /limit/);
    assert.equal(await server.client.kvGet('secret', 'big'), undefined);
  });

  test('health takes any code it is told to give, and refuses what is none', async () => {
    const health = (query: string) => fetch(`${server.address}/v1/sys/health${query}`);
    assert.equal((await health('')).status, 200);
    assert.equal((await health('?activecode=299')).status, 299);
    assert.equal((await health('?standbycode=299&standbyok=true')).status, 200);
    const bad = await health('?activecode=ok');
    assert.deepEqual([bad.status, await bad.json()], [400, { errors: [] }]);
    const head = await fetch(`${server.address}/v1/sys/health`, { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [200, '']);
  });

  test('leader, mounts and key-status have the members that clients read', async () => {
    const leader = await server.client.leader();
    assert.deepEqual([leader.haEnabled, leader.isSelf], [true, true]);
    const injected = await server.client.request({ method: 'GET', path: 'sys/key-status' });
    const body = injected.body as {
      term: number;
      data: { term: number; install_time: string; encryptions: number };
    };
    assert.equal(body.term, 1);
    assert.equal(body.data.term, 1);
    assert.ok(Number.isInteger(body.data.encryptions) && !Number.isNaN(Date.parse(body.data.install_time)));
    await server.client.write('sys/rotate', {});
    const rotated = await server.client.read('sys/key-status');
    assert.equal(rotated?.data?.['term'], 2);
  });

  test('a mount comes, holds secrets, and goes with them; what cannot be mounted leaves no trace', async () => {
    const { client } = server;
    await client.write('sys/mounts/team/kv', { type: 'kv', options: { version: '1' } });
    await client.write('team/kv/app', { a: 'b' });
    assert.deepEqual((await client.read('team/kv/app'))?.data, { a: 'b' });
    await assert.rejects(
      client.write('sys/mounts/team', { type: 'kv' }),
      /path is already in use at team\/kv\//,
    );
    await assert.rejects(
      client.write('sys/mounts/odd', { type: 'kv', options: { version: '9' } }),
      /kv knows version/,
    );
    await assert.rejects(
      client.write('sys/mounts/odd', { type: 'pki' }),
      /plugin not found in the catalog: pki/,
    );
    await assert.rejects(client.write('sys/mounts/sys/x', { type: 'kv' }), /reserved/);
    await client.delete('sys/mounts/team/kv');
    await assert.rejects(client.read('team/kv/app'), /no handler for route/);
    await client.write('sys/mounts/team/kv', { type: 'kv' });
    assert.equal(await client.read('team/kv/app'), undefined);
    await assert.rejects(client.delete('sys/mounts/sys'), /cannot unmount/);
  });
});
