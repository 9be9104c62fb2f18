// `secrets`, `auth list` and `audit` against a real server.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';

describe('mounts and audit devices', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  const vault = async (line: string) => run(line, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token });
  const ok = async (line: string) => {
    const { code, out, err } = await vault(line);
    assert.deepEqual([code, err], [0, ''], `${line}: ${err}`);
    return out;
  };

  test('an engine comes, shows up and goes', async () => {
    await ok('secrets enable -path=team/one -description=ours -version=2 kv');
    await ok('kv put team/one/x a=b');
    const listed = await ok('secrets list');
    assert.match(listed, /^team\/one\/ +kv +kv_\w+ +ours$/m);
    assert.match(listed, /^sys\/ +system /m);
    assert.match(await ok('secrets list -detailed'), /^team\/one\/ +kv .*map\[version:2\] +ours/m);
    assert.equal(JSON.parse(await ok('secrets list -format=json'))['team/one/'].type, 'kv');
    assert.match(await ok('secrets list -format=yaml'), /^team\/one\/:\n( .*\n)* {2}type: kv\n/m);
    const twice = await vault('secrets enable -path=team/one kv');
    assert.equal(twice.code, 2);
    assert.match(twice.err, /^Error enabling: Error making API request\.\n(.*\n)*\* path is already in use/);
    await ok('secrets disable team/one');
    assert.doesNotMatch(await ok('secrets list'), /team\/one/);
    await ok('secrets disable team/one');
    assert.match(await ok('auth list'), /^token\/ +token +\S+ /m);
  });

  test('an audit device comes, writes and goes', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-audit-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'audit.log');
    assert.equal((await vault('audit list')).err, 'No audit devices are enabled.\n');
    await ok(`audit enable -path=log file file_path=${file}`);
    assert.match(await ok('audit list'), /^log\/ +file +n\/a$/m);
    assert.match(await ok('audit list -detailed'), new RegExp(`file_path=${file}`));
    assert.match(await readFile(file, 'utf8'), /"path":"sys\/audit"/);
    await ok('audit disable log');
    assert.equal((await vault('audit list')).code, 2);
  });
});
