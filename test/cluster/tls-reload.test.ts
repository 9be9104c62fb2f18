// Certificates of a running server: exchanged while a client stays connected, by a look of its own and by SIGHUP.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { ServerProcess } from '../../demo/server-process.ts';
import { type CertificateFiles, certificateFiles, RawClient } from '../../src/server/test/raw-client.ts';
import { keepLogs } from '../leaks/ledger.ts';

const ASK = 'GET /v1/sys/seal-status HTTP/1.1\r\nHost: a\r\n\r\n';

describe('certificates of a running server', { timeout: 60_000 }, () => {
  let folder: string;
  let files: CertificateFiles;
  let server: ServerProcess;
  let port: number;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
    await mkdir(join(folder, 'data'), { mode: 0o700 });
    files = await certificateFiles();
    const [pair] = await choosePorts(0);
    assert.ok(pair);
    port = pair.apiPort;
    const tls = { certFile: files.cert, keyFile: files.key, caFile: files.cert };
    server = await ServerProcess.prepare(
      { name: 'vault-0', folder, ...pair, tls },
      join(folder, 'data'),
      undefined,
    );
    server.start();
    await until('the server to answer', () => answers(files.pem));
  });
  after(async () => {
    await server.stop('SIGKILL');
    keepLogs(folder);
    await rm(folder, { recursive: true });
    await files[Symbol.asyncDispose]();
  });

  const log = () => readFile(server.logFile, 'utf8');

  /** True if a new connection that trusts this certificate alone is served. */
  async function answers(pem: string): Promise<true | undefined> {
    await using client = await RawClient.open(port, { ca: pem });
    await client.send(ASK);
    return (await client.answer()).status === 200 || undefined;
  }

  /** Another certificate and key in the place of those that are there; without SIGHUP. */
  async function exchange(): Promise<string> {
    const fresh = await certificateFiles();
    await rename(fresh.key, files.key);
    await rename(fresh.cert, files.cert);
    await fresh[Symbol.asyncDispose]();
    return fresh.pem;
  }

  test('come into use by themselves, and a client that is connected notices nothing', async () => {
    await using kept = await RawClient.open(port, { ca: files.pem });
    await kept.send(ASK);
    assert.equal((await kept.answer()).status, 200);
    const pem = await exchange();
    await until('the new certificate', () => answers(pem));
    await assert.rejects(answers(files.pem));
    await kept.send(ASK);
    assert.equal((await kept.answer()).status, 200);
    await until(
      'a line about it',
      async () => (await log()).includes('TLS files changed and were read again') || undefined,
    );
  });

  test('come into use at once by SIGHUP; a broken file leaves the old ones and is told', async () => {
    const pem = await exchange();
    assert.ok(server.pid);
    process.kill(server.pid, 'SIGHUP');
    await until('the new certificate', () => answers(pem), 4_000);
    await until('a line about it', async () => {
      return new RegExp(`read again: .*TLS files of 127.0.0.1:${port}`).test(await log()) || undefined;
    });
    await writeFile(files.key, 'no key');
    process.kill(server.pid, 'SIGHUP');
    await until('a line about the broken file', async () => {
      const words = new RegExp(`the TLS files of 127.0.0.1:${port} could not be read again; the old stays`);
      return words.test(await log()) || undefined;
    });
    assert.ok(await answers(pem));
  });
});
