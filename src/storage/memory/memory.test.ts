import { type Clock, systemClock } from '../../base/clock.ts';
import { type Candidate, electionContract } from '../election.contract.ts';
import { storageContract } from '../storage.contract.ts';
import { MemoryStore } from './memory.ts';

storageContract(
  'memory',
  async () => {
    const store = new MemoryStore();
    const storage = store.openStorage();
    const election = store.openElection({ clock: systemClock });
    return {
      storage,
      election,
      second: async () => store.openStorage(),
      cleanUp: async () => {
        await election.close();
        await storage.close();
      },
    };
  },
  { logs: 300 },
);

electionContract('memory', async (leaseMs) => {
  const store = new MemoryStore();
  const candidates: Candidate[] = [];
  return {
    async join(clock: Clock) {
      const candidate = {
        storage: store.openStorage(),
        election: store.openElection({ clock, leaseMs }),
      };
      candidates.push(candidate);
      return candidate;
    },
    async cleanUp() {
      for (const { election, storage } of candidates) {
        await election.close();
        await storage.close();
      }
    },
  };
});
