import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject } from '../../base/json.ts';
import type { Random } from '../../base/random.ts';
import type { Advert, Election, Leader, Leadership } from '../election.ts';
import { HeldLead } from '../held-lead.ts';
import { leaseTimes } from '../lease-times.ts';
import type { CallOptions, EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './keys.ts';
import { act, holds } from './messages.ts';

// Who leads holds a key that hangs on a lease of etcd: etcd alone decides when it is gone, and others look for that.

interface Parts {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds; rounded up to whole seconds, of which etcd gives two at least. */
  readonly leaseMs: number;
}

const SECONDS_MIN = 2;
const POLL_MS = 250;
/** etcd looks for leases that ran out twice a second, and agrees on each with the other members. */
const EXPIRY_MS = 1_000;

interface Seen {
  readonly epoch: number;
  /** Of the epoch's key. */
  readonly epochRevision: number;
  readonly lock: Lock | undefined;
  readonly raftTerm: number;
}

/** The lock's value, as JSON. */
interface Lock {
  readonly advert: Advert;
  readonly epoch: number;
  /** Tells the holder's own attempt from those of others. */
  readonly owner: string;
}

export class EtcdElection implements Election {
  readonly leaseMsMax: number;
  readonly #parts: Parts;
  readonly #seconds: number;
  readonly #held = new Set<HeldLead>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#seconds = Math.max(SECONDS_MIN, Math.ceil(parts.leaseMs / 1_000));
    this.leaseMsMax = this.#seconds * 1_000 + EXPIRY_MS;
  }

  async campaign(advert: Advert, signal: AbortSignal): Promise<Leadership> {
    const { clock, random } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      const leadership = await this.#try(advert, { signal });
      if (leadership !== undefined) return leadership;
      await clock.sleep(POLL_MS * (0.75 + random.fraction() / 2), signal);
    }
  }

  tryCampaign(advert: Advert): Promise<Leadership | undefined> {
    return this.#try(advert, {});
  }

  async leader(): Promise<Leader | undefined> {
    const { lock } = await look(this.#parts);
    return lock && { advert: lock.advert, epoch: lock.epoch };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#held].map((held) => held.resign()));
    this.#parts.client.close();
  }

  async #try(advert: Advert, options: CallOptions): Promise<Leadership | undefined> {
    const { client, clock } = this.#parts;
    const seen = await look(this.#parts, options);
    if (seen.lock !== undefined) return undefined;
    const askedAt = clock.monotonic();
    const lease = await client.grantLease(this.#seconds);
    let isTaken = false;
    try {
      isTaken = await this.#take(advert, seen, lease.id);
    } finally {
      // Also after an unknown outcome: without its lease, a lock that is still on its way is refused.
      if (!isTaken) await client.revokeLease(lease.id).catch(() => {});
    }
    if (!isTaken) return undefined;
    const held = heldLock(this.#parts, { ...lease, epoch: seen.epoch + 1, askedAt });
    this.#held.add(held);
    held.lost.addEventListener('abort', () => this.#held.delete(held), { once: true });
    return held;
  }

  /** The lock and the next epoch in one step, if nobody else was quicker. */
  async #take(advert: Advert, { epoch, epochRevision }: Seen, lease: bigint): Promise<boolean> {
    const { client, keys, random } = this.#parts;
    const lock: Lock = { advert, epoch: epoch + 1, owner: random.uuid() };
    const answer = await client.txn(
      [holds.absent(keys.lock), holds.unchangedSince(keys.epoch, epochRevision)],
      [act.put(keys.epoch, String(lock.epoch)), act.put(keys.lock, JSON.stringify(lock), lease)],
      [act.range({ key: keys.lock })],
    );
    // Of an earlier try whose answer was lost.
    return answer.succeeded || lockOf(answer.found[0]?.[0]?.value)?.owner === lock.owner;
  }
}

interface Held {
  readonly id: bigint;
  /** As etcd granted. */
  readonly seconds: number;
  readonly epoch: number;
  /** Before the lease was asked for, on our clock: etcd counts from later. */
  readonly askedAt: number;
}

/** The lock goes with its lease; writes of this tenure that are still on their way are refused from then on. */
function heldLock(parts: Parts, { id, seconds, epoch, askedAt }: Held): HeldLead {
  const { client, clock } = parts;
  const times = leaseTimes(seconds * 1_000);
  return new HeldLead({
    fence: { epoch },
    provenUntil: askedAt + times.leaseMs - times.marginMs,
    times,
    clock,
    now: () => clock.monotonic(),
    renew: async () => {
      const provenMs = await renew(parts, id, epoch);
      return provenMs - times.marginMs;
    },
    giveAway: () => client.revokeLease(id),
  });
}

/**
 * Until when the lease holds, on our clock. A member that was cut off may still renew leases as if it led, so a renewal
 * counts only if a majority confirms, afterwards and in the same term, that the lock is ours.
 * @throws LatchkeyError fenced if the lease or the lock is gone, storage_unavailable if etcd could not prove it.
 */
async function renew(parts: Parts, lease: bigint, epoch: number): Promise<number> {
  const { client, clock } = parts;
  const askedAt = clock.monotonic();
  const { seconds, raftTerm } = await client.keepLease(lease);
  if (seconds <= 0) throw new LatchkeyError('fenced', 'its lease ran out in etcd');
  const seen = await look(parts);
  if (seen.lock?.epoch !== epoch) throw new LatchkeyError('fenced', 'the lock in etcd is gone');
  if (seen.raftTerm !== raftTerm) {
    throw new LatchkeyError('storage_unavailable', 'etcd changed its own leader during the renewal');
  }
  return askedAt + seconds * 1_000;
}

/** Epoch and lock at one revision, confirmed by a majority. */
async function look({ client, keys }: Parts, options: CallOptions = {}): Promise<Seen> {
  const both = [keys.epoch, keys.lock].map((key) => act.range({ key }));
  const { found, raftTerm } = await client.txn([], both, [], options);
  const [epoch, lock] = [found[0]?.[0], found[1]?.[0]];
  const newest = epoch === undefined ? 0 : Number(epoch.value.toString());
  if (!Number.isSafeInteger(newest)) throw corrupt();
  return {
    epoch: newest,
    epochRevision: epoch?.modRevision ?? 0,
    lock: lockOf(lock?.value),
    raftTerm,
  };
}

function lockOf(value: Buffer | undefined): Lock | undefined {
  if (value === undefined) return undefined;
  try {
    const lock: unknown = JSON.parse(value.toString());
    if (isObject(lock) && isObject(lock['advert'])) return lock as unknown as Lock;
  } catch {
    // Told below.
  }
  throw corrupt();
}

function corrupt(): LatchkeyError {
  return new LatchkeyError('storage_corrupt', 'the keys in etcd that say who leads cannot be read');
}
