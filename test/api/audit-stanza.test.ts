// Audit devices that the config declares: enabled without a call, out of the API's reach, exchanged by SIGHUP, and
// fail-closed like all others.

import assert from 'node:assert/strict';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { ConfiguredServer } from './configured-server.ts';

const stanza = (label: string, file: string, more = '') =>
  `audit "file" "${label}" { description = "of the config" options { file_path = "${file}" ${more} } }`;

const paths = async (server: ConfiguredServer) =>
  Object.keys((await server.client.read('sys/audit'))?.data ?? {}).sort();

const linesOf = async (file: string) =>
  (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(line.indexOf('{')))
    .map(
      (line) =>
        JSON.parse(line) as {
          type: string;
          request: { path: string; data: object };
          response?: { data?: object };
        },
    );

describe('audit devices of the config', { concurrency: 3 }, () => {
  test('write from the first request on, and are shown like others', async () => {
    await using server = await ConfiguredServer.startUnsealed((folder) => ({
      top: stanza('main', join(folder, 'a.jsonl'), 'prefix = "@latchkey: " elide_list_responses = "true"'),
    }));
    const file = join(server.folder, 'a.jsonl');
    assert.deepEqual((await server.client.read('sys/audit'))?.data, {
      'main/': {
        type: 'file',
        path: 'main/',
        description: 'of the config',
        local: false,
        options: { file_path: file, prefix: '@latchkey: ', elide_list_responses: 'true' },
      },
    });
    assert.match(await readFile(file, 'utf8'), /^@latchkey: \{/);
    await server.client.write('sys/policies/acl/one', { policy: 'path "a" {}' });
    await server.client.list('sys/policies/acl');
    const listed = (await linesOf(file)).findLast(({ type }) => type === 'response');
    assert.deepEqual(listed?.response?.data, { keys: 3 });
    const hash = await server.client.write('sys/audit-hash/main', { input: 'one' });
    assert.match(String(hash?.data?.['hash']), /^hmac-sha256:[0-9a-f]{64}$/);
  });

  test('cannot be disabled or doubled by the API, which may be shut altogether', async () => {
    await using server = await ConfiguredServer.startUnsealed((folder) => ({
      top: `${stanza('main', join(folder, 'a.jsonl'))}\nunsafe_allow_api_audit_creation = false`,
    }));
    const { client, folder } = server;
    await assert.rejects(client.delete('sys/audit/main'), /declared in the configuration; take it out there/);
    const enable = (path: string) =>
      client.write(`sys/audit/${path}`, { type: 'file', options: { file_path: join(folder, 'b.jsonl') } });
    await assert.rejects(enable('more'), /cannot enable audit device via API/);
    await server.configure({ top: stanza('main', join(folder, 'a.jsonl')) });
    await server.reload();
    await assert.rejects(enable('main'), /path already in use/);
    await enable('more');
    assert.deepEqual(await paths(server), ['main/', 'more/']);
    await client.delete('sys/audit/more');
    assert.deepEqual(await paths(server), ['main/']);
  });

  test('SIGHUP exchanges them; hashes of one that comes back are as they were; the API’s give way', async () => {
    await using server = await ConfiguredServer.startUnsealed((folder) => ({
      top: stanza('one', join(folder, 'one.jsonl')),
    }));
    const { client, folder } = server;
    const hashOf = async () => (await client.write('sys/audit-hash/one', { input: 'x' }))?.data?.['hash'];
    const before = await hashOf();
    await client.write('sys/audit/own', { type: 'file', options: { file_path: join(folder, 'own.jsonl') } });
    await server.configure({ top: stanza('two', join(folder, 'two.jsonl')) });
    await server.reload();
    assert.deepEqual(await paths(server), ['own/', 'two/']);
    const written = (await linesOf(join(folder, 'one.jsonl'))).length;
    await client.read('sys/key-status');
    assert.equal((await linesOf(join(folder, 'one.jsonl'))).length, written, 'it is closed');
    assert.ok(
      (await linesOf(join(folder, 'two.jsonl'))).some(({ request }) => request.path === 'sys/key-status'),
    );
    const own = join(folder, 'own-declared.jsonl');
    await server.configure({ top: `${stanza('one', join(folder, 'one.jsonl'))}\n${stanza('own', own)}` });
    const said = await server.reload();
    assert.ok(said.some((line) => line.includes('gives way to one of the config')));
    assert.deepEqual(await paths(server), ['one/', 'own/']);
    assert.equal(await hashOf(), before);
    await assert.rejects(client.delete('sys/audit/own'), /declared in the configuration/);
    // Taken out again, the API's own is there as before.
    await server.configure({ top: stanza('one', join(folder, 'one.jsonl')) });
    await server.reload();
    await client.delete('sys/audit/own');
    assert.deepEqual(await paths(server), ['one/']);
  });

  test('one whose place is missing refuses every request, until the place is there', async () => {
    await using server = await ConfiguredServer.start((folder) => ({
      top: stanza('main', join(folder, 'missing', 'a.jsonl')),
    }));
    await server.initialise();
    await assert.rejects(server.client.read('sys/mounts'), /internal error/);
    assert.equal((await server.client.sealStatus()).sealed, false);
    await server.untilLogged(/an audit device could not be opened; it refuses until it can be/);
    await mkdir(join(server.folder, 'missing'));
    // Without a signal: whoever brings up a collector late has none to send.
    await until('requests to be answered', async () => await server.client.read('sys/mounts'));
    await rm(join(server.folder, 'missing'), { recursive: true });
    assert.ok(await server.client.read('sys/mounts'), 'an open file goes on');
    await server.reload();
    assert.ok(await server.client.read('sys/mounts'), 'and one that cannot be reopened keeps what it had');
  });

  test('an option that is no option refuses like a missing place; over the API it is refused', async () => {
    await using server = await ConfiguredServer.start((folder) => ({
      top: stanza('main', join(folder, 'a.jsonl'), 'log_raw = "maybe"'),
    }));
    await server.initialise();
    await assert.rejects(server.client.read('sys/mounts'), /internal error/);
    await server.untilLogged(/'log_raw' must be true or false/);
    await server.configure({});
    await server.reload();
    assert.deepEqual(await paths(server), []);
    const enable = (options: Record<string, string>) =>
      server.client.write('sys/audit/a', { type: 'file', options: { file_path: 'discard', ...options } });
    await assert.rejects(enable({ hmac_accessor: '2' }), /'hmac_accessor' must be true or false/);
    await assert.rejects(enable({ format: 'jsonx' }), /unknown format type "jsonx"; there is: json/);
    await assert.rejects(enable({ prefix: 'a\nb' }), /'prefix' must be/);
    await enable({ format: 'json' });
    assert.deepEqual(await paths(server), ['a/']);
  });

  test('keys that a mount wants to see in clear are in clear, and their neighbours are not', async () => {
    await using server = await ConfiguredServer.startUnsealed((folder) => ({
      top: stanza('main', join(folder, 'a.jsonl')),
    }));
    await server.client.write('sys/mounts/kv', { type: 'kv' });
    await server.client.write('sys/mounts/kv/tune', {
      audit_non_hmac_request_keys: ['shown'],
      audit_non_hmac_response_keys: ['shown'],
    });
    await server.client.write('kv/a', { shown: 'in clear', hidden: 'not at all' });
    await server.client.read('kv/a');
    const lines = (await linesOf(join(server.folder, 'a.jsonl'))).filter(
      ({ request }) => request.path === 'kv/a',
    );
    const [asked] = lines;
    const answered = lines.at(-1)?.response;
    for (const data of [asked?.request.data, answered?.data] as Record<string, string>[]) {
      assert.equal(data['shown'], 'in clear');
      assert.match(data['hidden'] ?? '', /^hmac-sha256:/);
    }
  });

  test('standard output is a place as well', async () => {
    await using server = await ConfiguredServer.startUnsealed({ top: stanza('out', 'stdout') });
    await server.client.read('sys/key-status');
    await server.untilLogged(/\{"time":"[^"]+","type":"response".*"path":"sys\/key-status"/);
  });
});
