import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Election } from '../election.ts';
import { guardElection, guardStorage } from '../guard.ts';
import type { Storage } from '../storage.ts';
import { EtcdClient, type EtcdConnection } from './etcd-client.ts';
import { EtcdElection } from './etcd-election.ts';
import { EtcdStorage } from './etcd-storage.ts';
import { keysBelow } from './keys.ts';
import { act, holds } from './messages.ts';

// Storage in etcd, for nodes on several hosts: their entries, and who of them leads.

/** Vault's lock TTL is as long. Milliseconds. */
const LEASE_MS = 10_000;
/** Vault's. */
const REQUEST_MS_MAX = 5_000;
const FORMAT = '1';

export interface EtcdOptions extends EtcdConnection {
  /** Begins every key; ends in `/`. Default `/latchkey/`. */
  readonly prefix?: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds; default 10,000. etcd counts in whole seconds, at least two. */
  readonly leaseMs?: number;
  /** Milliseconds for one call with all its tries; default 5,000. */
  readonly requestMsMax?: number;
}

/**
 * @throws LatchkeyError storage_unavailable with the cause in words, storage_corrupt (another format), config_invalid.
 */
export async function openEtcd(options: EtcdOptions): Promise<{ storage: Storage; election: Election }> {
  const { clock, random, leaseMs = LEASE_MS, requestMsMax = REQUEST_MS_MAX } = options;
  const prefix = options.prefix ?? '/latchkey/';
  if (!prefix.endsWith('/')) {
    throw new LatchkeyError('config_invalid', 'storage "etcd": the prefix of the keys must end in a slash');
  }
  const keys = keysBelow(prefix);
  const client = new EtcdClient(options, requestMsMax);
  try {
    await checkFormat(client, keys.format);
  } catch (error) {
    client.close();
    throw error;
  }
  // Apart, so that a flood of requests never keeps the leader from renewing its lease.
  const forLease = new EtcdClient(options, Math.min(requestMsMax, Math.ceil(leaseMs / 4)));
  return {
    storage: guardStorage(new EtcdStorage(client, keys, random)),
    election: guardElection(new EtcdElection({ client: forLease, keys, clock, random, leaseMs })),
  };
}

/** The first node writes it; of several that start at once, one does. */
async function checkFormat(client: EtcdClient, key: string): Promise<void> {
  const { succeeded, found } = await client.txn(
    [holds.absent(key)],
    [act.put(key, FORMAT)],
    [act.range({ key })],
  );
  if (succeeded || found[0]?.[0]?.value.toString() === FORMAT) return;
  throw new LatchkeyError('storage_corrupt', 'the keys in etcd have a format that this version lacks');
}
