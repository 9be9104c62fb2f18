import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import {
  STORAGE_BATCH_CHANGES_MAX,
  STORAGE_KEY_BYTES_MAX,
  STORAGE_LIST_ENTRIES_MAX,
  STORAGE_VALUE_BYTES_MAX,
} from '../../base/limits.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import type { Election } from '../election.ts';
import { guardElection, guardStorage } from '../guard.ts';
import { type LeaseBoard, LeaseElection, type LeaseRecord } from '../lease-election.ts';
import { leaseTimes } from '../lease-times.ts';
import type { Change, Fence, ListOptions, Storage, Unfenced } from '../storage.ts';
import { unfenced } from '../storage.ts';

// A storage in this process's memory: for `-dev`, for tests and for simulated clusters. It forgets on exit.

export interface MemoryElectionOptions {
  /** Its `monotonic` must have one origin for all nodes of a store; `sleep` may be the node's own. */
  readonly clock: Clock;
  readonly random?: Random;
  /** Milliseconds; default 5,000. */
  readonly leaseMs?: number;
}

/** One node that lives and dies with its process. */
export function memoryStorage(options: MemoryElectionOptions): { storage: Storage; election: Election } {
  const store = new MemoryStore();
  return { storage: store.openStorage(), election: store.openElection(options) };
}

/** What several nodes of one process share. It outlives the storages and elections opened on it. */
export class MemoryStore {
  readonly #values = new Map<string, Uint8Array>();
  #lease: LeaseRecord | undefined;
  #candidates = 0;

  openStorage(): Storage {
    return guardStorage({
      type: 'inmem',
      limits: {
        keyBytesMax: STORAGE_KEY_BYTES_MAX,
        valueBytesMax: STORAGE_VALUE_BYTES_MAX,
        batchChangesMax: STORAGE_BATCH_CHANGES_MAX,
      },
      get: async (key) => this.#values.get(key)?.slice(),
      list: async (prefix, options) => this.#list(prefix, options),
      write: async (changes, fence) => this.#write(changes, fence),
      close: async () => {},
    });
  }

  openElection(options: MemoryElectionOptions): Election {
    const { clock, random = systemRandom, leaseMs = 5_000 } = options;
    this.#candidates += 1;
    const board: LeaseBoard = {
      now: () => clock.monotonic(),
      owner: `candidate ${this.#candidates}`,
      read: async () => this.#lease,
      change: async (decide) => {
        const next = decide(this.#lease);
        if (next !== undefined) this.#lease = next;
        return next;
      },
      ownerGone: () => false,
      close: async () => {},
    };
    return guardElection(new LeaseElection({ board, clock, random, times: leaseTimes(leaseMs) }));
  }

  #write(changes: readonly Change[], fence: Fence | Unfenced): void {
    if (fence !== unfenced && fence.epoch !== this.#lease?.epoch) {
      throw new LatchkeyError('fenced', 'this node no longer leads; nothing was written');
    }
    for (const change of changes) {
      if (change.kind === 'put') this.#values.set(change.key, change.value.slice());
      else this.#values.delete(change.key);
    }
  }

  #list(prefix: string, { after = '', limit = STORAGE_LIST_ENTRIES_MAX }: ListOptions = {}): string[] {
    const names = new Set<string>();
    for (const key of this.#values.keys()) {
      if (!key.startsWith(prefix)) continue;
      const slash = key.indexOf('/', prefix.length);
      names.add(slash === -1 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1));
    }
    // UTF-16 order, which `sort` and `<` use, differs from UTF-8 order above U+FFFF.
    return [...names]
      .map((name) => ({ name, bytes: Buffer.from(name) }))
      .filter(({ bytes }) => Buffer.compare(bytes, Buffer.from(after)) > 0)
      .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
      .slice(0, limit)
      .map(({ name }) => name);
  }
}
