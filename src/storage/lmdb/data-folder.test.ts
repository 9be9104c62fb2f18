import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { open } from 'lmdb';
import { systemClock } from '../../base/clock.ts';
import { type ErrorCode, LatchkeyError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { unfenced } from '../storage.ts';
import { openLmdb } from './lmdb.ts';
import { ownIdentity, provablyGone } from './process-identity.ts';
import { startPeer } from './test/peer-process.ts';

const NOBODY = 65_534;

function openAt(path: string) {
  return openLmdb({
    path,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    onPanic: (reason) => assert.fail(reason),
  });
}

async function openAndFill(path: string, values = 1): Promise<void> {
  const { storage, election } = await openAt(path);
  const value = Buffer.alloc(4_000);
  for (let at = 0; at < values; at += 1)
    await storage.write([{ kind: 'put', key: `k/${at}`, value }], unfenced);
  await election.close();
  await storage.close();
}

async function refused(path: string, code: ErrorCode, text: RegExp): Promise<void> {
  await assert.rejects(openAt(path), (error) => {
    assert.ok(error instanceof LatchkeyError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    assert.ok(error.detail?.startsWith(tmpdir()), 'the detail names the path');
    return true;
  });
}

describe('the folder of lmdb', () => {
  let root: string;
  let path: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'latchkey-lmdb-'));
    path = join(root, 'data.d', 'deep');
  });
  afterEach(() => rm(root, { recursive: true }));

  const modeOf = async (name: string) => ((await stat(join(path, name))).mode & 0o777).toString(8);

  test('a missing folder is made, for this user alone', async () => {
    await openAndFill(path);
    assert.deepEqual((await readdir(path)).sort(), ['data.mdb', 'lock.mdb']);
    assert.deepEqual(await Promise.all(['', 'data.mdb', 'lock.mdb'].map(modeOf)), ['700', '600', '600']);
  });

  test('rights that others hold on an older folder are taken away', async () => {
    await openAndFill(path);
    for (const name of ['', 'data.mdb', 'lock.mdb']) await chmod(join(path, name), 0o777);
    await openAndFill(path);
    assert.deepEqual(await Promise.all(['', 'data.mdb', 'lock.mdb'].map(modeOf)), ['700', '600', '600']);
  });

  test('a file that is not LMDB, which would crash the library, is refused', async () => {
    await mkdir(path, { recursive: true });
    const contents = ['short', 'not a database\n'.repeat(2_000), Buffer.alloc(16_384)];
    for (const content of contents) {
      await writeFile(join(path, 'data.mdb'), content);
      await refused(path, 'storage_corrupt', /not an LMDB file/);
    }
    await writeFile(join(path, 'data.mdb'), '');
    await openAndFill(path);
  });

  test('a data file that was cut off is refused', async () => {
    await openAndFill(path, 40);
    const file = join(path, 'data.mdb');
    const { size } = await stat(file);
    for (const left of [size - 1, size / 2, 8_192]) {
      await truncate(file, left);
      await refused(path, 'storage_corrupt', /cut off/);
    }
    await truncate(file, 4_096);
    await refused(path, 'storage_corrupt', /not a whole LMDB file/);
  });

  test("another program's environment, and a format of the future, are refused", async () => {
    await mkdir(path, { recursive: true });
    const foreign = () =>
      open<Buffer, Buffer>(path, { noSubdir: false, encoding: 'binary', keyEncoding: 'binary' });
    const other = foreign();
    await other.put(Buffer.from('theirs'), Buffer.from('1'));
    await other.close();
    await refused(path, 'storage_corrupt', /another program/);
    const future = foreign();
    await future.put(Buffer.from('\u0001format'), Buffer.from('2'));
    await future.close();
    await refused(path, 'storage_corrupt', /does not know/);
  });

  test('a path that is a file, or a folder that may not be written, is refused', async () => {
    await writeFile(join(root, 'file'), '');
    await refused(join(root, 'file'), 'storage_unavailable', /folder cannot be used/);
    await mkdir(path, { recursive: true });
    await chmod(root, 0o755);
    await chmod(path, 0o555);
    // Root may write everywhere, so a peer that has become nobody tries it.
    const stranger = process.getuid?.() === 0 ? { uid: NOBODY } : {};
    await assert.rejects(startPeer(path, stranger), (error) => {
      assert.ok(error instanceof LatchkeyError);
      assert.equal(error.code, 'storage_unavailable');
      return /folder cannot be used/.test(error.message);
    });
  });
});

test('only a process that is provably gone counts as gone', async () => {
  const self = ownIdentity();
  assert.equal(provablyGone(self, self), false);
  assert.equal(provablyGone({ ...self, startTicks: '1' }, self), true, 'the pid was used again');
  assert.equal(provablyGone({ ...self, bootId: 'another' }, self), true, 'the host was restarted');

  const child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const startTicks = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[19] ?? '';
  const other = { ...self, pid, startTicks };
  assert.equal(provablyGone(other, self), false);
  child.kill('SIGSTOP');
  assert.equal(provablyGone(other, self), false, 'a stopped process may wake up');
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  assert.equal(provablyGone(other, self), true);
  assert.equal(provablyGone({ ...other, pidNamespace: 'pid:[1]' }, self), false, 'its pid says nothing here');
});
