// Ends what must end, when it must. The records are the truth; the queue in memory is made from them anew by each leader.

import type { Clock } from '../base/clock.ts';
import { explain, hasCode, LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import { base62, type Random } from '../base/random.ts';
import type { LeaseGrant, View } from '../engine/engine.ts';
import { lifetimeOf, type TtlLimits } from '../engine/lifetime.ts';
import { type Lease, LeaseStore } from './lease-store.ts';
import { LeaseWorker } from './lease-worker.ts';

export interface LeaseRoomParts {
  readonly view: View;
  /** Ends what the lease stands for. Idempotent: it is repeated after a crash. */
  endSecret(path: string, internal: JsonObject): Promise<void>;
  /** Asks whether the secret may live longer; throws to refuse. */
  renewSecret(path: string, internal: JsonObject): Promise<Partial<LeaseGrant>>;
  /** Ends a token and all below it. */
  revokeToken(tokenId: string): Promise<void>;
  /** The token's lease has run out: undefined if the token is gone now, else the time when it ends. */
  expireToken(tokenId: string): Promise<number | undefined>;
  limits(path: string): TtlLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A token's lease, as the token room tells it. */
export type TokenLeaseTimes = Pick<
  Lease,
  'tokenId' | 'issuedAt' | 'expiresAt' | 'renewedAt' | 'renewable'
> & {
  readonly leaseId: string;
};

export interface BoundLease {
  readonly leaseId: string;
  readonly seconds: number;
  readonly renewable: boolean;
  readonly warnings: readonly string[];
}

const LEASE_RANDOM_CHARACTERS = 24;
const AT_ONCE = 16;
/** Less than a request may take. */
const ENGINE_MS_MAX = 60_000;
const RELOAD_MS = 1_000;
const RELOAD_MS_MAX = 60_000;

export class LeaseRoom implements AsyncDisposable {
  readonly #parts: LeaseRoomParts;
  readonly #store: LeaseStore;
  readonly #lock = new KeyLock();
  readonly #worker: LeaseWorker;
  readonly #irrevocable = new Set<string>();
  readonly #stop = new AbortController();
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: LeaseRoomParts) {
    this.#parts = parts;
    this.#store = new LeaseStore(parts.view);
    const { clock, random, log } = parts;
    this.#worker = new LeaseWorker({
      clock,
      random,
      log,
      end: (id) => this.#fire(id),
      giveUp: (id, why) => this.#giveUp(id, why),
    });
  }

  /** Fills the queue from the storage, in the background, and ends what runs out. */
  start(): void {
    this.#worker.start();
    this.#loading = this.#loadAtLast();
  }

  /** Every lease of the storage is in the queue. */
  get loaded(): Promise<void> {
    return this.#loading;
  }

  get pending(): number {
    return this.#worker.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#worker[Symbol.asyncDispose]();
    await this.#loading;
  }

  /** Lasting when it resolves. Takes the place of an earlier one of the same id. */
  async track(times: TokenLeaseTimes): Promise<void> {
    const { leaseId: id, ...rest } = times;
    const ttlSeconds = Math.round((times.expiresAt - times.issuedAt) / 1_000);
    const fixed = { maxTtlSeconds: 0, internal: {}, ending: false, irrevocable: '' };
    await this.#lock.run(id, () => this.#store.put({ id, kind: 'token', ...rest, ttlSeconds, ...fixed }));
    this.#worker.set(id, times.expiresAt);
  }

  /** The token is gone. */
  async forget(id: string): Promise<void> {
    await this.#lock.run(id, async () => {
      const lease = await this.#store.find(id);
      if (lease !== undefined) await this.#store.remove(lease);
      this.#worker.delete(id);
    });
  }

  /**
   * Binds a secret to the token that asked for it. Lasting when it resolves.
   * @param until the token's own end, milliseconds, for a token that nothing else ends; 0 for none.
   */
  async bind(path: string, tokenId: string, grant: LeaseGrant, until = 0): Promise<BoundLease> {
    const { clock, random, limits } = this.#parts;
    const now = clock.now();
    const { ttlSeconds, maxTtlSeconds = 0, renewable, internal } = grant;
    const { warnings, ttlSeconds: allowed } = lifetimeOf(
      wishOf(ttlSeconds, maxTtlSeconds, now),
      limits(path),
      now,
    );
    const seconds = until === 0 ? allowed : Math.max(1, Math.min(allowed, Math.floor((until - now) / 1_000)));
    const id = `${path.replace(/\/$/, '')}/${base62(random, LEASE_RANDOM_CHARACTERS)}`;
    const expiresAt = now + seconds * 1_000;
    await this.#store.put({
      ...{ id, kind: 'secret', tokenId, issuedAt: now, expiresAt, renewedAt: 0, renewable },
      ...{ ttlSeconds, maxTtlSeconds, internal, ending: false, irrevocable: '' },
    });
    this.#worker.set(id, expiresAt);
    return { leaseId: id, seconds, renewable, warnings };
  }

  /** Undefined if there is none, or its end has begun. */
  async find(id: string): Promise<Lease | undefined> {
    const lease = await this.#store.find(id);
    return lease === undefined || isMarked(lease) ? undefined : lease;
  }

  list(prefix: string): Promise<string[]> {
    return this.#store.list(prefix);
  }

  /** Leases that could not be ended. */
  get irrevocable(): readonly string[] {
    return [...this.#irrevocable];
  }

  /** @throws LatchkeyError bad_request with Vault's texts, or what the engine says. */
  renew(id: string, incrementSeconds: number): Promise<BoundLease> {
    return this.#lock.run(id, async () => {
      const { clock, limits, renewSecret } = this.#parts;
      const lease = await this.find(id);
      if (lease === undefined) throw refusal('lease not found');
      if (lease.kind === 'token') throw refusal('tokens cannot be renewed through this endpoint');
      const now = clock.now();
      if (lease.irrevocable !== '')
        throw refusal('lease is expired and has failed previous revocation attempts');
      if (lease.expiresAt <= now) throw refusal('lease expired');
      if (!lease.renewable) throw refusal('lease is not renewable');
      const path = pathOf(id);
      const grant = await this.#inTime(renewSecret(path, lease.internal));
      const ttl = incrementSeconds || (grant.ttlSeconds ?? lease.ttlSeconds);
      const wish = wishOf(ttl, grant.maxTtlSeconds ?? lease.maxTtlSeconds, lease.issuedAt);
      const { ttlSeconds, warnings } = lifetimeOf(wish, limits(path), now);
      const expiresAt = now + ttlSeconds * 1_000;
      const internal = grant.internal ?? lease.internal;
      await this.#store.put({ ...lease, internal, expiresAt, renewedAt: now });
      this.#worker.set(id, expiresAt);
      return { leaseId: id, seconds: ttlSeconds, renewable: lease.renewable, warnings };
    });
  }

  /** `sync`: ended when it resolves, or it throws; else its end is certain, but may come later. */
  async revoke(id: string, sync: boolean): Promise<void> {
    const lease = await this.#store.find(id);
    if (lease === undefined) return;
    if (lease.kind === 'token') return this.#revokeToken(lease);
    await this.#mark(lease);
    this.#worker.set(id, 0);
    if (!sync) return;
    try {
      await this.#endMarked(id);
    } catch (error) {
      throw refusal(`failed to revoke "${id}"`, error);
    }
  }

  /** Stops at the first that cannot be ended, if `sync`. */
  async revokePrefix(prefix: string, sync: boolean): Promise<void> {
    await this.#each(prefix, (id) => this.revoke(id, sync));
  }

  /** Forgets also what the engine refuses to end. */
  async revokeForce(prefix: string): Promise<void> {
    await this.#each(prefix, async (id) => {
      try {
        await this.revoke(id, true);
      } catch (error) {
        this.#parts.log.warn('a lease was forgotten though it could not be ended', {
          error: explain(error),
        });
        await this.forget(id);
        this.#irrevocable.delete(id);
      }
    });
  }

  /** What a token was given ends with it: written down when it resolves. */
  async endLeasesOf(tokenId: string): Promise<void> {
    await inGroups(this.#store.ofToken(tokenId), async (id) => {
      const lease = await this.#store.find(id);
      if (lease === undefined) return;
      await this.#mark(lease);
      this.#worker.set(id, 0);
    });
  }

  /** Puts every lease into the queue again, and tries once more to end what could not be ended. */
  async tidy(): Promise<void> {
    await this.#load();
    for (const id of [...this.#irrevocable]) await this.revoke(id, false);
  }

  async #each(prefix: string, act: (id: string) => Promise<void>): Promise<void> {
    const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    await inGroups(this.#store.below(folder), act);
    // A prefix may also name one lease.
    if (folder !== prefix) await act(prefix);
  }

  /** Until it succeeds or the room closes. What runs out meanwhile is refused, but taken away later. */
  async #loadAtLast(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stop;
    for (let pause = RELOAD_MS; !signal.aborted; pause = Math.min(pause * 2, RELOAD_MS_MAX)) {
      try {
        await this.#load();
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.error('the leases could not be read; trying again', { error: explain(error) });
        await clock.sleep(pause, signal).catch(() => {});
      }
    }
  }

  async #load(): Promise<void> {
    for await (const id of this.#store.below('')) {
      if (this.#stop.signal.aborted) return;
      if (this.#worker.has(id)) continue;
      const lease = await this.#readable(id);
      if (lease === undefined || this.#worker.has(id)) continue;
      if (lease.irrevocable !== '') this.#irrevocable.add(id);
      else this.#worker.set(id, lease.ending ? 0 : lease.expiresAt);
    }
  }

  /** One record that cannot be read must not keep all others from ending. */
  async #readable(id: string): Promise<Lease | undefined> {
    try {
      return await this.#store.find(id);
    } catch (error) {
      if (!hasCode(error, 'storage_corrupt')) throw error;
      this.#parts.log.error('a lease cannot be read, and so cannot be ended', {
        lease_id: id,
        error: explain(error),
      });
      return undefined;
    }
  }

  /**
   * From now on it is neither renewed nor shown; a crash leaves it to be ended by the next leader.
   * False if `isDue` says of the lease as it is now that it shall stay.
   * @param found as it was read just now, without the lock.
   */
  async #mark(found: Lease, isDue: (lease: Lease) => boolean = () => true): Promise<boolean> {
    const { id } = found;
    // Not under the lock: whoever holds it may be waiting for an engine to end this very lease.
    if (isMarked(found)) return true;
    return this.#lock.run(id, async () => {
      const lease = await this.#store.find(id);
      if (lease === undefined || isMarked(lease)) return true;
      if (!isDue(lease)) return false;
      await this.#store.put({ ...lease, ending: true, irrevocable: '', expiresAt: this.#parts.clock.now() });
      this.#irrevocable.delete(id);
      return true;
    });
  }

  /** When its time has come. The next time if it is not yet over, undefined if it is gone. */
  async #fire(id: string): Promise<number | undefined> {
    const lease = await this.#store.find(id);
    if (lease === undefined) return undefined;
    if (lease.kind === 'token') {
      const next = await this.#parts.expireToken(lease.tokenId);
      if (next === undefined) await this.#forgetUnchanged(lease);
      return next;
    }
    // A renewal may have come first.
    const isDue = ({ expiresAt }: Lease) => expiresAt <= this.#parts.clock.now();
    if (!(await this.#mark(lease, isDue))) return (await this.find(id))?.expiresAt;
    await this.#endMarked(id);
    return undefined;
  }

  async #revokeToken(lease: Lease): Promise<void> {
    await this.#parts.revokeToken(lease.tokenId);
    await this.#forgetUnchanged(lease);
  }

  /** Unless a token of the same chosen text has come in its place. */
  #forgetUnchanged(lease: Lease): Promise<void> {
    return this.#lock.run(lease.id, async () => {
      const now = await this.#store.find(lease.id);
      if (now === undefined || now.issuedAt !== lease.issuedAt || now.expiresAt !== lease.expiresAt) return;
      await this.#store.remove(now);
      this.#worker.delete(lease.id);
    });
  }

  /** Marked first, deleted last. */
  #endMarked(id: string): Promise<void> {
    return this.#lock.run(id, async () => {
      const lease = await this.#store.find(id);
      if (lease === undefined) return;
      await this.#inTime(this.#parts.endSecret(pathOf(id), lease.internal));
      await this.#store.remove(lease);
      this.#worker.delete(id);
    });
  }

  /** An engine that hangs holds neither a lease's lock nor a place of the worker for ever, nor the end of the tenure. */
  async #inTime<T>(asked: Promise<T>): Promise<T> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, this.#stop.signal]);
    const late = this.#parts.clock.sleep(ENGINE_MS_MAX, signal).then(() => {
      throw new LatchkeyError('timeout', 'the engine did not answer in time');
    });
    try {
      return await Promise.race([asked, late]);
    } finally {
      answered.abort();
    }
  }

  async #giveUp(id: string, why: unknown): Promise<boolean> {
    const isOurs = hasCode(why, 'storage_unavailable') || hasCode(why, 'fenced') || hasCode(why, 'sealed');
    if (isOurs) return false;
    return this.#lock.run(id, async () => {
      const lease = await this.#store.find(id);
      if (lease === undefined || lease.kind === 'token') return lease === undefined;
      // Only public words: the record is shown by sys/leases/lookup.
      const irrevocable = why instanceof LatchkeyError ? why.message : 'the engine failed';
      await this.#store.put({ ...lease, ending: true, irrevocable });
      this.#irrevocable.add(id);
      return true;
    });
  }
}

/** A few at a time: the storage writes them together. */
async function inGroups(ids: AsyncIterable<string>, act: (id: string) => Promise<void>): Promise<void> {
  let group: string[] = [];
  for await (const id of ids) {
    group.push(id);
    if (group.length < AT_ONCE) continue;
    await Promise.all(group.map(act));
    group = [];
  }
  await Promise.all(group.map(act));
}

/** Its end has begun, and there is hope for it. */
function isMarked({ ending, irrevocable }: Lease): boolean {
  return ending && irrevocable === '';
}

/** The path that was asked; its engine ends the secret. */
function pathOf(leaseId: string): string {
  return leaseId.slice(0, leaseId.lastIndexOf('/'));
}

function wishOf(ttlSeconds: number, maxTtlSeconds: number, startedAt: number) {
  return { ttlSeconds, maxTtlSeconds, explicitMaxTtlSeconds: 0, periodSeconds: 0, startedAt };
}

function refusal(text: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('bad_request', text, { cause });
}
