import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Advert, Election, Leader, Leadership } from './election.ts';
import { HeldLead } from './held-lead.ts';
import type { LeaseTimes } from './lease-times.ts';

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

interface Parts {
  readonly board: LeaseBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly times: LeaseTimes;
}

export class LeaseElection implements Election {
  readonly leaseMsMax: number;
  readonly #parts: Parts;
  readonly #held = new Set<HeldLead>();

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
    const held = heldLease(this.#parts, taken);
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

/** The lease of the record as a lead: renewed in the record, and given away by moving its epoch on. */
function heldLease(parts: Parts, taken: LeaseRecord): HeldLead {
  const { board, clock, times } = parts;
  const { epoch } = taken;
  const provenBy = (record: LeaseRecord) => (record.holder?.expiresAt ?? 0) - times.marginMs;
  const lead = new HeldLead({
    fence: { epoch },
    provenUntil: provenBy(taken),
    times,
    clock,
    now: () => board.now(),
    renew: async () => {
      board.tend?.();
      const renewed = await board.change((current) => {
        if (lead.lost.aborted || current?.epoch !== epoch || current.holder === undefined) return undefined;
        // Taken while the record is locked and before it is stored, so nobody can count from an earlier moment.
        return { ...current, holder: { ...current.holder, expiresAt: board.now() + times.leaseMs } };
      });
      if (renewed === undefined) throw new LatchkeyError('fenced', 'another node took the lead');
      return provenBy(renewed);
    },
    // The epoch moves on, so that a write of this tenure that is still under way is refused from here on.
    giveAway: async () => {
      await board.change((current) => {
        const isMine = current?.epoch === epoch && current.holder !== undefined;
        return isMine ? { epoch: current.epoch + 1 } : undefined;
      });
    },
  });
  return lead;
}
