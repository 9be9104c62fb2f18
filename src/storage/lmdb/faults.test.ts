import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { advertOf, type Candidate, eventually } from '../election.contract.ts';
import { unfenced } from '../storage.ts';
import { LmdbEnvironment } from './environment.ts';
import { openLmdb } from './lmdb.ts';
import { valueKey } from './records.ts';
import { type Peer, type PeerOptions, startPeer } from './test/peer-process.ts';

// Real processes on one environment, killed, stopped and starved.

const LONG_LEASE_MS = 600_000;

describe('lmdb under faults', () => {
  let path: string;
  let here: Candidate;
  const peers: Peer[] = [];

  const start = async (options: PeerOptions = {}) => {
    const peer = await startPeer(path, options);
    peers.push(peer);
    return peer;
  };
  const write = (peer: Peer, key: string, epoch?: number) =>
    peer.call({ op: 'write', changes: [{ kind: 'put', key, value: Buffer.from(key) }], epoch });

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'latchkey-lmdb-'));
    here = await openLmdb({
      path,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      leaseMs: LONG_LEASE_MS,
      onPanic: (reason) => assert.fail(reason),
    });
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) await peer.kill();
    await here.election.close();
    await here.storage.close();
    await rm(path, { recursive: true });
  });

  test('a write that was acknowledged elsewhere is seen within the same turn of the event loop', async () => {
    const peer = await start();
    const seen = async () => Buffer.from((await here.storage.get('k')) ?? []).toString();
    for (let turn = 0; turn < 5; turn += 1) {
      const file = join(path, `acknowledged-${turn}`);
      assert.equal(await seen(), turn === 0 ? '' : String(turn - 1));
      const change = { kind: 'put', key: 'k', value: Buffer.from(String(turn)) } as const;
      const call = peer.call({ op: 'writeAndTouch', changes: [change], file });
      // Without giving way: the library renews its snapshot by itself whenever the event loop turns.
      const end = systemClock.monotonic() + 10_000;
      while (!existsSync(file) && systemClock.monotonic() < end) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
      assert.equal(await seen(), String(turn));
      await call;
    }
  });

  test('a transaction that throws half-way leaves nothing behind', async () => {
    const environment = await LmdbEnvironment.open({
      path,
      clock: systemClock,
      log: silentLogger,
      writeLimitMs: 10_000,
      onPanic: (reason) => assert.fail(reason),
    });
    environment.retain();
    const halfWay = new Error('half-way');
    const torn = environment.transact((writer) => {
      writer.putSync(valueKey('torn'), Buffer.from('1'));
      throw halfWay;
    });
    const beside = here.storage.write([{ kind: 'put', key: 'whole', value: Buffer.from('1') }], unfenced);
    await assert.rejects(torn, (error) => hasCode(error, 'storage_unavailable') && error.cause === halfWay);
    await beside;
    assert.deepEqual(await here.storage.list(''), ['whole']);
    await environment.release();
  });

  test('after kill -9 of the leader another leads without waiting for the lease to run out', async () => {
    const [leader, standby] = await Promise.all([start({ leaseMs: LONG_LEASE_MS }), start()]);
    const epoch = await leader.epochOf({ op: 'tryCampaign' });
    assert.ok(epoch);
    const next = standby.epochOf({ op: 'campaign' });
    assert.equal(await standby.call({ op: 'leader' }), epoch);
    await leader.kill();
    assert.equal(await next, epoch + 1);
    await assert.rejects(here.storage.write([], { epoch }), (error) => hasCode(error, 'fenced'));
    await write(standby, 'k', epoch + 1);
    assert.ok(await here.storage.get('k'));
  });

  test('acknowledged writes survive kill -9 at random moments, and no batch is halved', async () => {
    const acknowledged: string[] = [];
    let standby = await start();
    for (let round = 0; round < 5; round += 1) {
      const leader = standby;
      const [epoch, next] = await Promise.all([leader.epochOf({ op: 'campaign' }), start()]);
      standby = next;
      leader.call({ op: 'pour', streams: round % 2 === 0 ? 1 : 20 }).catch(() => {});
      const enough = 20 + Math.floor(Math.random() * 300);
      await eventually('enough writes are acknowledged', () => leader.said.length > enough);
      await leader.kill();
      for (const { acknowledged: number } of leader.said) {
        if (number !== undefined) acknowledged.push(`poured/${epoch}/${number}/`);
      }
    }
    assert.ok(acknowledged.length > 100);
    for (const batch of acknowledged) assert.deepEqual(await here.storage.list(batch), ['a', 'b'], batch);
    for (const epoch of await here.storage.list('poured/')) {
      for (const number of await here.storage.list(`poured/${epoch}`)) {
        const [a, b] = await Promise.all(
          ['a', 'b'].map((half) => here.storage.get(`poured/${epoch}${number}${half}`)),
        );
        assert.ok(a && b, `batch ${epoch}${number} is whole`);
        assert.deepEqual(a, b);
      }
    }
  });

  test('a stopped leader is succeeded after its lease, and what it wakes up to write is fenced', async () => {
    const leader = await start();
    const epoch = await leader.epochOf({ op: 'tryCampaign' });
    await stopOutsideCommit(leader);
    const late = write(leader, 'late', epoch);
    const refused = assert.rejects(late, (error) => hasCode(error, 'fenced'));
    const signal = AbortSignal.timeout(15_000);
    const successor = await here.election.campaign(advertOf('here'), signal);
    leader.signal('SIGCONT');
    await refused;
    assert.equal(await leader.call({ op: 'holds' }), false);
    await eventually('the old leader says that it lost', () =>
      leader.said.some(({ lost }) => lost === epoch),
    );
    assert.equal(await here.storage.get('late'), undefined);
    assert.equal(successor.holds(), true);
    await assert.rejects(write(leader, 'later', epoch), (error) => hasCode(error, 'fenced'));
  });

  test('a writer that stands still inside its transaction makes others give up, and its death frees them', async () => {
    const [leader, blocker] = await Promise.all([start({ writeLimitMs: 1_500 }), start()]);
    const epoch = await leader.epochOf({ op: 'tryCampaign' });
    blocker.call({ op: 'holdWriterLock', milliseconds: 600_000 }).catch(() => {});
    await eventually('the lock is held', () => blocker.said.some(({ holding }) => holding === true));
    const value = Buffer.from('1');
    const change = { kind: 'put', key: 'k', value } as const;
    await assert.rejects(leader.call({ op: 'write', changes: [change], epoch }), (error) =>
      hasCode(error, 'storage_unavailable'),
    );
    assert.equal(leader.said.filter(({ panic }) => panic !== undefined).length, 1);
    await eventually('the lead is lost', () => leader.said.some(({ lost }) => lost === epoch));
    await assert.rejects(leader.call({ op: 'get', key: 'k' }), (error) =>
      hasCode(error, 'storage_unavailable'),
    );

    await blocker.kill();
    await leader.kill();
    await here.storage.write([change], unfenced);
    const lead = await here.election.campaign(advertOf('here'), AbortSignal.timeout(15_000));
    assert.ok(epoch !== undefined && lead.fence.epoch > epoch);
  });

  test('a full disk refuses the write whole, leaves the rest readable, and passes', async () => {
    const peer = await start();
    await write(peer, 'before');
    limitFileSize(peer, 1_024 * 1_024);
    const value = new Uint8Array(600_000).fill(7);
    const changes = ['big/1', 'big/2', 'big/3'].map((key) => ({ kind: 'put', key, value }) as const);
    await assert.rejects(peer.call({ op: 'write', changes }), (error) => {
      assert.ok(hasCode(error, 'storage_unavailable'));
      return /disk is full/.test(error.message);
    });
    assert.ok(await peer.call({ op: 'get', key: 'before' }));
    assert.deepEqual(await peer.call({ op: 'list', prefix: 'big/' }), []);
    limitFileSize(peer, 'unlimited');
    await peer.call({ op: 'write', changes });
    assert.deepEqual(await here.storage.list('big/'), ['1', '2', '3']);
    assert.ok(!peer.said.some(({ panic }) => panic !== undefined));
  });

  test('a clean close of a leader gives the lead away and ends all use', async () => {
    const peer = await start({ leaseMs: LONG_LEASE_MS });
    await peer.call({ op: 'campaign' });
    await peer.call({ op: 'close' });
    assert.equal(await here.election.leader(), undefined);
    await assert.rejects(peer.call({ op: 'get', key: 'k' }), (error) =>
      hasCode(error, 'storage_unavailable'),
    );
  });

  /** A process stopped inside a commit holds up all writers, which is another test's matter. */
  async function stopOutsideCommit(peer: Peer): Promise<void> {
    for (;;) {
      peer.signal('SIGSTOP');
      const probe = here.storage.write([], unfenced).then(() => true);
      if (await Promise.race([probe, systemClock.sleep(1_000).then(() => false)])) return;
      peer.signal('SIGCONT');
      await probe;
    }
  }
});

function limitFileSize(peer: Peer, soft: number | 'unlimited'): void {
  const result = spawnSync('prlimit', ['--pid', String(peer.process.pid), `--fsize=${soft}:`], {
    encoding: 'utf8',
  });
  assert.equal(result.status, 0, result.stderr);
}
