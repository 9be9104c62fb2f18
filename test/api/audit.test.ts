// Audit devices on a real server: every request and answer is written, hidden values can be found again by their hash,
// and where nothing can be written nothing is answered.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { DevServer } from './dev-server.ts';

interface Line {
  readonly type: string;
  readonly error?: string;
  readonly auth: JsonObject;
  readonly request: JsonObject & { readonly path: string; readonly operation: string };
  readonly response?: JsonObject;
}

describe('audit', () => {
  let server: DevServer;
  let folder: string;
  before(async () => {
    server = await DevServer.start();
    folder = await mkdtemp(join(tmpdir(), 'latchkey-audit-'));
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function linesOf(file: string): Promise<Line[]> {
    const text = await readFile(file, 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  test('a file device gets a line before and one after, with every value hidden', async () => {
    const { client } = server;
    const file = join(folder, 'audit.log');
    await client.write('sys/audit/main', { type: 'file', options: { file_path: file } });
    await client.kvPut('secret', 'app', { password: 'correct-horse-battery' });
    assert.deepEqual(await client.kvGet('secret', 'app'), { password: 'correct-horse-battery' });
    await assert.rejects(client.read('nowhere/at/all'));
    const lines = await linesOf(file);
    const of = (path: string) => lines.filter((line) => line.request.path === path);
    assert.deepEqual(
      of('secret/data/app').map((line) => [line.type, line.request.operation]),
      [
        ['request', 'create'],
        ['response', 'create'],
        ['request', 'read'],
        ['response', 'read'],
      ],
    );
    assert.equal(of('nowhere/at/all').at(-1)?.type, 'response');
    await assert.rejects(client.withToken('hvs.stranger').read('secret/data/app'), /permission denied/);
    const refused = (await linesOf(file)).filter(({ error }) =>
      /unknown|permission denied/.test(error ?? ''),
    );
    assert.deepEqual(
      refused.map((line) => [line.type, line.request.path]),
      [
        ['request', 'secret/data/app'],
        ['response', 'secret/data/app'],
      ],
    );
    const text = await readFile(file, 'utf8');
    assert.ok(!text.includes('correct-horse-battery'));
    const hash = await client.write('sys/audit-hash/main', { input: 'correct-horse-battery' });
    assert.ok(text.includes(String(hash?.data?.['hash'])), 'the hidden value is found by its hash');
    const token = await client.write('sys/audit-hash/main', { input: server.token });
    assert.equal(of('secret/data/app')[0]?.auth['client_token'], token?.data?.['hash']);
  });

  test('SIGHUP opens a rotated file anew', async () => {
    const file = join(folder, 'audit.log');
    const rotated = join(folder, 'audit.log.1');
    await rename(file, rotated);
    server.signal('SIGHUP');
    await until('the new file to get lines', async () => {
      await server.client.read('sys/key-status');
      return (await linesOf(file).catch(() => [])).length > 0 ? true : undefined;
    });
  });

  test('one device that works is enough; when none does, requests are refused and nothing is done', async () => {
    const { client } = server;
    await client.write('sys/audit/full', { type: 'file', options: { file_path: '/dev/full', mode: '0000' } });
    await client.kvPut('secret', 'app', { n: 1 });
    // It is carried out, and its own answer is the first that nobody can write down.
    await assert.rejects(client.delete('sys/audit/main'), /internal error/);
    await assert.rejects(client.kvPut('secret', 'app', { n: 2 }), /internal error/);
    await assert.rejects(client.kvGet('secret', 'app'), /internal error/);
    // What needs no audit is still answered: an operator must be able to see the node.
    assert.equal((await client.sealStatus()).sealed, false);
    await assert.rejects(client.delete('sys/audit/full'), /internal error/);
  });
});

describe('audit devices', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  test('a device that cannot work is refused when it is enabled', async () => {
    const { client } = server;
    const enable = (type: string, options: JsonObject) => client.write('sys/audit/bad', { type, options });
    await assert.rejects(enable('file', { file_path: 'relative.log' }), /absolute path/);
    await assert.rejects(enable('file', { file_path: '/nowhere/at/all.log' }), /cannot be opened/);
    await assert.rejects(enable('socket', { address: '127.0.0.1:1' }), /cannot be connected/);
    await assert.rejects(enable('carrier-pigeon', {}), /unknown backend type/);
    assert.deepEqual((await client.read('sys/audit'))?.data, {});
  });

  test('a socket device sends its lines, and survives a collector that restarts', async () => {
    const { client } = server;
    let received = '';
    const collector = () =>
      createServer((socket) => {
        socket.setEncoding('utf8').on('data', (piece: string) => {
          received += piece;
        });
        sockets.add(socket);
      });
    const sockets = new Set<import('node:net').Socket>();
    const first = collector();
    await new Promise<void>((done) => first.listen(0, '127.0.0.1', done));
    const { port } = first.address() as AddressInfo;
    await client.write('sys/audit/wire', { type: 'socket', options: { address: `127.0.0.1:${port}` } });
    await client.read('sys/key-status');
    await until('a line', async () => (received.includes('sys/key-status') ? true : undefined));
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((done) => first.close(() => done()));
    const second = collector();
    await new Promise<void>((done) => second.listen(port, '127.0.0.1', done));
    received = '';
    await until('a line after the restart', async () => {
      await client.read('sys/key-status').catch(() => undefined);
      return received.includes('sys/key-status') ? true : undefined;
    });
    await client.delete('sys/audit/wire');
    for (const socket of sockets) socket.destroy();
    second.close();
  });
});
