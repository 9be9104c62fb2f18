// `?help=1` of a real server, and `path-help` of the command line on top of it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { VaultClient } from '../../src/client/client.ts';
import { DevServer } from './dev-server.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'latchkey');

interface Help {
  readonly help: string;
  readonly see_also: null;
  readonly openapi: { readonly openapi: string; readonly paths: Record<string, Record<string, unknown>> };
}

describe('path-help', { timeout: 60_000 }, () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  async function ask(path: string, client: VaultClient = server.client): Promise<Help> {
    const { body } = await client.request({ method: 'GET', path, query: { help: '1' } });
    return body as unknown as Help;
  }

  test('of a path: which route it meets, and its fields with type and meaning', async () => {
    const { help, see_also, openapi } = await ask('secret/data/team/app');
    assert.equal(see_also, null);
    assert.match(help, /^Request: {8}data\/team\/app\nMatching Route: \^data\/\(\?P<path>\.\*\)\$\n\n/);
    assert.match(help, /## PARAMETERS\n\n {4}data \(object\)\n {8}The secret\.\n/);
    assert.match(help, / {4}version \(integer\)\n {8}\S+/);
    assert.match(help, /## DESCRIPTION\n\nOperations: read, update, patch, delete\./);
    assert.deepEqual(Object.keys(openapi.paths), ['/data/{path}']);
    assert.equal(openapi.openapi, '3.0.2');
  });

  test('of a mount: its paths with their first lines, without what is no path', async () => {
    for (const path of ['secret', 'secret/']) {
      const { help, openapi } = await ask(path);
      assert.match(help, /^## DESCRIPTION\n\n.+\n\n## PATHS\n/);
      assert.match(help, /\n {4}\^config\$\n {8}\S.+\n\n {4}\^data\/\(\?P<path>\.\*\)\$\n {8}\S/);
      assert.ok(!help.includes('No path of this engine'));
      assert.ok(Object.keys(openapi.paths).includes('/metadata/'));
    }
    const { help } = await ask('sys');
    assert.match(help, /\n {4}\^mounts\/\(\?P<path>\.\*\)\/tune\$\n/);
    assert.match((await ask('auth/token')).help, /\n {4}\^lookup-self\$\n/);
  });

  test('the command line shows it as it is, and all of it as JSON', async () => {
    const run = (...args: string[]) =>
      promisify(execFile)(LAUNCHER, ['path-help', `-address=${server.address}`, ...args], {
        env: { ...process.env, VAULT_TOKEN: server.token },
      });
    const { stdout } = await run('secret/metadata/app');
    assert.equal(stdout.trimEnd(), (await ask('secret/metadata/app')).help.trimEnd());
    const json = JSON.parse((await run('-format=json', 'secret')).stdout) as Help;
    assert.ok(json.openapi.paths['/data/{path}'] !== undefined && json.help.includes('## PATHS'));
    await assert.rejects(run('nowhere'), (error: Error & { code?: number }) => error.code === 2);
  });

  test('needs a token that may do something there, but for open paths', async () => {
    const nobody = server.client.withToken(undefined);
    await assert.rejects(ask('secret/data/app', nobody), /permission denied/);
    await assert.rejects(ask('secret', nobody), /permission denied/);
    assert.match((await ask('sys/seal-status', nobody)).help, /It asks for no token/);
    await assert.rejects(ask('nowhere/at/all'), /no handler for route/);
  });
});
