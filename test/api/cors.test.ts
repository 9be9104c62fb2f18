// sys/config/cors, and what a browser is told then, by the active node and by a standby.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { ServerProcess } from '../../demo/server-process.ts';
import { Rig } from '../cluster/rig.ts';

const APP = 'https://app.example.org';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Not by `fetch`, which keeps the headers of CORS to itself. */
function ask(address: string, method: string, path: string, headers: Record<string, string>): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  request(`${address}/v1/${path}`, { method, headers, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
  })
    .on('error', reject)
    .end();
  return promise;
}

describe('CORS', { timeout: 60_000 }, () => {
  let rig: Rig;
  let token: string;
  let active: ServerProcess;
  let standby: ServerProcess;

  before(async () => {
    rig = await Rig.build(2);
    token = (await rig.startInitialised()).rootToken;
    [active, standby] = await rig.untilFollowed();
  });
  after(() => rig[Symbol.asyncDispose]());

  const preflight = (server: ServerProcess, origin: string, method = 'PUT') =>
    ask(server.address, 'OPTIONS', 'secret/data/app', {
      origin,
      'access-control-request-method': method,
    });
  const cors = async () => (await active.client.withToken(token).read('sys/config/cors'))?.data;

  test('is off at first: a preflight is refused, and nothing tells a browser more', async () => {
    assert.deepEqual(await cors(), { enabled: false });
    const { status, headers } = await preflight(active, APP);
    assert.equal(status, 405);
    assert.equal(headers['access-control-allow-origin'], undefined);
    const health = await ask(active.address, 'GET', 'sys/health', { origin: APP });
    assert.deepEqual([health.status, health.headers['access-control-allow-origin']], [200, undefined]);
  });

  test('an origin that is named may ask and be answered, at every node', async () => {
    const client = active.client.withToken(token);
    await client.write('sys/config/cors', { allowed_origins: APP, allowed_headers: ['X-Custom'] });
    const config = await cors();
    assert.deepEqual([config?.['enabled'], config?.['allowed_origins']], [true, [APP]]);
    assert.equal(config?.['allow_credentials'], false);
    for (const server of [active, standby]) {
      const { value } = await until('the rules to be in force', async () => {
        const reply = await preflight(server, APP);
        return reply.status === 200 ? reply : undefined;
      });
      assert.equal(value.text, '');
      assert.equal(value.headers['access-control-allow-origin'], APP);
      assert.equal(value.headers['vary'], 'Origin');
      assert.equal(value.headers['access-control-max-age'], '300');
      assert.equal(value.headers['access-control-allow-credentials'], undefined);
      assert.match(String(value.headers['access-control-allow-methods']), /\bPUT\b.*\bLIST\b/);
      assert.match(String(value.headers['access-control-allow-headers']), /X-Vault-Token,X-Custom$/);
      const read = await ask(server.address, 'GET', 'sys/mounts', { origin: APP, 'x-vault-token': token });
      assert.deepEqual([read.status, read.headers['access-control-allow-origin']], [200, APP]);
      const denied = await ask(server.address, 'GET', 'sys/mounts', { origin: APP });
      assert.deepEqual([denied.status, denied.headers['access-control-allow-origin']], [403, APP]);
      const own = await ask(server.address, 'GET', 'sys/health', {});
      assert.equal(own.headers['access-control-allow-origin'], undefined);
      assert.equal((await preflight(server, APP, 'BREW')).status, 405);
    }
  });

  test('another origin is refused before anything is done', async () => {
    const client = active.client.withToken(token);
    for (const origin of ['https://evil.example.org', `${APP}.evil.org`, 'null']) {
      const asked = await preflight(active, origin);
      assert.equal(asked.status, 403);
      assert.match(asked.text, /origin not allowed/);
      const headers = { origin, 'x-vault-token': token };
      const mounted = await ask(active.address, 'DELETE', 'sys/policies/acl/default-not', headers);
      assert.deepEqual([mounted.status, mounted.headers['access-control-allow-origin']], [403, undefined]);
    }
    await client.write('sys/config/cors', { allowed_origins: ['*'], allow_credentials: true });
    await until('every origin to be taken', async () => {
      const reply = await preflight(active, 'https://any.example.org');
      const allowed = reply.headers['access-control-allow-credentials'] === 'true';
      return reply.status === 200 && allowed ? true : undefined;
    });
  });

  test('what is no rule is refused; sudo is asked for; deleting takes them away', async () => {
    const client = active.client.withToken(token);
    const write = (body: Record<string, string | string[]>) => client.write('sys/config/cors', body);
    await assert.rejects(write({}), /at least one origin or the wildcard must be provided/);
    await assert.rejects(write({ allowed_origins: ['*', APP] }), /'\*' must be the only value/);
    await assert.rejects(write({ allowed_origins: [`${APP}/path`] }), /is no origin/);
    await assert.rejects(write({ allowed_origins: [APP], allowed_headers: ['a b'] }), /no header has/);
    await client.write('sys/policies/acl/all', { policy: 'path "*" { capabilities = ["read", "update"] }' });
    const made = await client.write('auth/token/create', { policies: ['all'] });
    const other = active.client.withToken(String(made?.auth?.['client_token']));
    await assert.rejects(other.read('sys/config/cors'), /permission denied/);
    await client.delete('sys/config/cors');
    assert.deepEqual(await cors(), { enabled: false });
    await until('the rules to be gone', async () =>
      (await preflight(standby, APP)).status === 405 ? true : undefined,
    );
  });
});
