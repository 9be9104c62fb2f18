// Keys and help of a real server from the command line.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { run } from '../../src/cli/test-rig.ts';
import { DevServer } from '../api/dev-server.ts';

describe('operator and path-help', () => {
  let server: DevServer;
  before(async () => {
    server = await DevServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  const vault = async (line: string) => run(line, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token });

  test('rotate adds a term, and what was stored before stays readable', async () => {
    await vault('kv put secret/before a=b');
    const before = JSON.parse((await vault('operator key-status -format=json')).out);
    assert.deepEqual(Object.keys(before).sort(), ['encryptions', 'install_time', 'term']);
    const rotated = await vault('operator rotate');
    assert.deepEqual([rotated.code, rotated.err], [0, '']);
    assert.match(
      rotated.out,
      new RegExp(
        `^Success! Rotated key\n\nKey Term +${before.term + 1}\nInstall Time +\\d\\d \\w{3} \\d\\d \\d\\d:\\d\\d UTC\nEncryption Count +\\d+\n$`,
      ),
    );
    assert.equal((await vault('kv get -field=a secret/before')).out, 'b');
  });

  test('path-help of a path and of an engine', async () => {
    for (const path of ['sys/mounts', 'secret/data/x']) {
      const { code, out, err } = await vault(`path-help ${path}`);
      assert.deepEqual([code, err], [0, ''], path);
      assert.ok(out.length > 20, out);
    }
  });
});
