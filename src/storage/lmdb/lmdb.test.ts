import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { type Candidate, electionContract } from '../election.contract.ts';
import { storageContract } from '../storage.contract.ts';
import { openLmdb } from './lmdb.ts';
import { type Peer, startPeer } from './test/peer-process.ts';

function options(path: string, clock: Clock = systemClock, leaseMs = 600_000) {
  return {
    path,
    clock,
    random: systemRandom,
    log: silentLogger,
    leaseMs,
    onPanic: (reason: string) => assert.fail(reason),
  };
}

storageContract(
  'lmdb, two processes',
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'latchkey-lmdb-'));
    const { storage, election } = await openLmdb(options(path));
    const peers: Peer[] = [];
    return {
      storage,
      election,
      second: async () => {
        const peer = await startPeer(path);
        peers.push(peer);
        return peer.storage();
      },
      cleanUp: async () => {
        for (const peer of peers) await peer.kill();
        await election.close();
        await storage.close();
        await rm(path, { recursive: true });
      },
    };
  },
  { logs: 60 },
);

electionContract('lmdb', async (leaseMs) => {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-lmdb-'));
  const candidates: Candidate[] = [];
  return {
    async join(clock) {
      const candidate = await openLmdb(options(path, clock, leaseMs));
      candidates.push(candidate);
      return candidate;
    },
    async cleanUp() {
      for (const { election, storage } of candidates) {
        await election.close();
        await storage.close();
      }
      await rm(path, { recursive: true });
    },
  };
});
