// The package as it would be published: compiled, without the sources, and it serves.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../../demo/conditions.ts';
import { choosePorts } from '../../demo/ports.ts';
import { VaultClient } from '../../src/client/client.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

describe('the built package', { timeout: 120_000 }, () => {
  let folder: string;
  let launcher: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-built-'));
    await run(process.execPath, [join(ROOT, 'tools', 'build.ts'), '--package', folder]);
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    launcher = join(folder, 'bin', 'latchkey');
  });
  after(() => rm(folder, { recursive: true }));

  test('says its version without any source beside it', async () => {
    await assert.rejects(access(join(folder, 'src')));
    const { stdout } = await run(launcher, ['version']);
    assert.match(stdout, /^Latchkey v\d+\.\d+\.\d+ /);
  });

  test('has neither tests nor contracts in it', async () => {
    const { stdout } = await run('find', [join(folder, 'dist'), '-type', 'f']);
    const files = stdout.trim().split('\n');
    assert.ok(files.length > 100);
    assert.deepEqual(
      files.filter((file) => !file.endsWith('.js') || /\.(test|contract|fuzz)\.js$|\/test\//.test(file)),
      [],
    );
  });

  test('serves, keeps a secret and stops', async () => {
    const [pair] = await choosePorts(0);
    assert.ok(pair);
    const address = `127.0.0.1:${pair.apiPort}`;
    const child = spawn(
      launcher,
      ['server', '-dev', '-dev-root-token-id=built-package-root', `-dev-listen-address=${address}`],
      { stdio: 'ignore' },
    );
    const ended = once(child, 'exit');
    try {
      const client = new VaultClient({ address: `http://${address}` }).withToken('built-package-root');
      // Unsealed comes before the mount that a development server makes.
      await until('it to keep a secret', () => client.kvPut('secret', 'a', { b: 'c' }));
      assert.deepEqual(await client.kvGet('secret', 'a'), { b: 'c' });
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual((await ended)[0], 0);
  });
});
