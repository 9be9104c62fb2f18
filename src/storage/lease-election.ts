import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Advert, Election, Leader, Leadership } from './election.ts';

// An election by lease, for every storage that can change one record atomically.

/** The one record that says who leads. `epoch` only grows; without a holder the lead is free. */
export interface LeaseRecord {
  readonly epoch: number;
  readonly holder?: {
    readonly advert: Advert;
    /** On the board's clock, milliseconds. */
    readonly expiresAt: number;
    /** Which process holds it, in the board's own words. */
    readonly owner: string;
  };
}

/** Where the record lies, and the clock that its expiry counts on: one clock for all candidates. */
export interface LeaseBoard {
  now(): number;
  /** What this candidate writes into `owner`. */
  readonly owner: string;
  read(): Promise<LeaseRecord | undefined>;
  /**
   * Shows the newest record to `decide` and stores what it returns, as one atomic step that also moves the fence to
   * the record's epoch; undefined changes nothing. Resolves to what was stored, once it is durable.
   */
  change(
    decide: (current: LeaseRecord | undefined) => LeaseRecord | undefined,
  ): Promise<LeaseRecord | undefined>;
  /** True if the process that wrote `owner` is provably dead, or the expiry counts on a clock that is gone. */
  ownerGone(owner: string): boolean;
  /** Called before each renewal, for chores of the board's own. */
  tend?(): void;
  close(): Promise<void>;
}

export interface LeaseTimes {
  /** Lease length. */
  readonly leaseMs: number;
  /** Taken off the lease when its holder asks whether it still holds: the time from that question to the answer on the wire. */
  readonly marginMs: number;
  /** How often the holder renews. */
  readonly renewMs: number;
  /** How often a waiting candidate looks; each pause is this long, give or take a quarter. */
  readonly pollMs: number;
}

/** Ratios that leave room for a few renewals to fail before the lease runs out. */
export function leaseTimes(leaseMs: number): LeaseTimes {
  return { leaseMs, marginMs: leaseMs / 10, renewMs: leaseMs / 5, pollMs: 100 };
}

interface Parts {
  readonly board: LeaseBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly times: LeaseTimes;
}

export class LeaseElection implements Election {
  readonly leaseMsMax: number;
  readonly #parts: Parts;
  readonly #held = new Set<HeldLease>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.leaseMsMax = parts.times.leaseMs;
  }

  async campaign(advert: Advert, signal: AbortSignal): Promise<Leadership> {
    const { clock, random, times } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      const leadership = await this.tryCampaign(advert);
      if (leadership !== undefined) return leadership;
      await clock.sleep(times.pollMs * (0.75 + random.fraction() / 2), signal);
    }
  }

  async tryCampaign(advert: Advert): Promise<Leadership | undefined> {
    const { board, times } = this.#parts;
    // Look before writing: a change takes the writer's lock, which belongs to the leader while there is one.
    if (holderOf(await board.read(), board) !== undefined) return undefined;
    const taken = await board.change((current) => {
      if (holderOf(current, board) !== undefined) return undefined;
      const expiresAt = board.now() + times.leaseMs;
      return { epoch: (current?.epoch ?? 0) + 1, holder: { advert, expiresAt, owner: board.owner } };
    });
    if (taken === undefined) return undefined;
    const held = new HeldLease(this.#parts, taken);
    this.#held.add(held);
    held.lost.addEventListener('abort', () => this.#held.delete(held), { once: true });
    return held;
  }

  async leader(): Promise<Leader | undefined> {
    const { board } = this.#parts;
    const record = await board.read();
    const holder = holderOf(record, board);
    return record && holder && { advert: holder.advert, epoch: record.epoch };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#held].map((held) => held.resign()));
    await this.#parts.board.close();
  }
}

/** The holder whose lease has neither run out nor lost its process. */
function holderOf(record: LeaseRecord | undefined, board: LeaseBoard): LeaseRecord['holder'] {
  const holder = record?.holder;
  if (holder === undefined || board.now() >= holder.expiresAt || board.ownerGone(holder.owner))
    return undefined;
  return holder;
}

class HeldLease implements Leadership {
  readonly fence: { readonly epoch: number };
  readonly lost: AbortSignal;
  readonly #parts: Parts;
  readonly #loss = new AbortController();
  #provenUntil: number;
  #resigned: Promise<void> | undefined;

  constructor(parts: Parts, taken: LeaseRecord) {
    this.#parts = parts;
    this.fence = { epoch: taken.epoch };
    this.lost = this.#loss.signal;
    this.#provenUntil = this.#provenBy(taken);
    void this.#renewForEver();
    void this.#watch();
  }

  holds(): boolean {
    if (this.lost.aborted) return false;
    if (this.#parts.board.now() < this.#provenUntil) return true;
    this.#lose('the lease could not be renewed in time');
    return false;
  }

  resign(): Promise<void> {
    this.#resigned ??= this.#giveAway();
    return this.#resigned;
  }

  /** The epoch moves on, so that a write of this tenure that is still under way is refused from here on. */
  async #giveAway(): Promise<void> {
    this.#lose('this node resigned');
    await this.#parts.board.change((current) => {
      const mine = current?.epoch === this.fence.epoch && current.holder !== undefined;
      return mine ? { epoch: current.epoch + 1 } : undefined;
    });
  }

  async #renewForEver(): Promise<void> {
    const { board, clock, times } = this.#parts;
    let pauseMs = times.renewMs;
    while (await this.#pause(clock, pauseMs)) {
      try {
        board.tend?.();
        await this.#renew();
        pauseMs = times.renewMs;
      } catch {
        // The storage may come back before the lease runs out; `#watch` ends the lead if it does not.
        pauseMs = times.renewMs / 4;
      }
    }
  }

  async #renew(): Promise<void> {
    const { board, times } = this.#parts;
    let expiresAt = 0;
    const renewed = await board.change((current) => {
      if (this.lost.aborted || current?.epoch !== this.fence.epoch || current.holder === undefined)
        return undefined;
      // Taken while the record is locked and before it is stored, so nobody can count from an earlier moment.
      expiresAt = board.now() + times.leaseMs;
      return { ...current, holder: { ...current.holder, expiresAt } };
    });
    if (renewed === undefined) this.#lose('another node took the lead');
    else this.#provenUntil = this.#provenBy(renewed);
  }

  async #watch(): Promise<void> {
    const { board, clock } = this.#parts;
    while (this.holds()) {
      if (!(await this.#pause(clock, Math.max(1, this.#provenUntil - board.now())))) return;
    }
  }

  /** False as soon as the lead is lost. */
  async #pause(clock: Clock, milliseconds: number): Promise<boolean> {
    try {
      await clock.sleep(milliseconds, this.lost);
    } catch {
      // Only the abort of `lost` rejects.
    }
    return !this.lost.aborted;
  }

  #provenBy(record: LeaseRecord): number {
    return (record.holder?.expiresAt ?? 0) - this.#parts.times.marginMs;
  }

  #lose(reason: string): void {
    if (!this.lost.aborted) this.#loss.abort(new LatchkeyError('fenced', `leadership ended: ${reason}`));
  }
}
