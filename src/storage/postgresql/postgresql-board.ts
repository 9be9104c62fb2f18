import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject } from '../../base/json.ts';
import type { LeaseBoard, LeaseRecord } from '../lease-election.ts';
import type { Database, Row } from './database.ts';
import type { Tables } from './schema.ts';

// The lease in the database's own row, on the database's clock: candidates on several hosts agree on it.

interface Seen {
  readonly record: LeaseRecord | undefined;
  /** Grows with each change of the lease; writes of the tenure leave it alone. */
  readonly version: string;
  /** The database's clock when it answered, milliseconds since the epoch. */
  readonly at: number;
}

/** Only the row's version is compared, so a node that stops in the middle holds no lock. */
const TRIES_MAX = 20;

export class PostgresqlBoard implements LeaseBoard {
  readonly owner: string;
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #clock: Clock;
  /** The database's clock less ours, counted from before the question was sent: never too early. */
  #offset = 0;
  /** While `decide` runs: the time that the database told, which is never too late. */
  #told: number | undefined;

  constructor(database: Database, tables: Tables, clock: Clock, owner: string) {
    this.#database = database;
    this.#tables = tables;
    this.#clock = clock;
    this.owner = owner;
  }

  /** A holder must not count on a lease for too long, a candidate not take one too soon: each gets the safe bound. */
  now(): number {
    return this.#told ?? this.#clock.monotonic() + this.#offset;
  }

  async read(): Promise<LeaseRecord | undefined> {
    return (await this.#look()).record;
  }

  async change(
    decide: (current: LeaseRecord | undefined) => LeaseRecord | undefined,
  ): Promise<LeaseRecord | undefined> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const { record, version, at } = await this.#look();
      const next = this.#at(at, () => decide(record));
      if (next === undefined) return undefined;
      const rows = await this.#database.run(
        `UPDATE ${this.#tables.lead} SET epoch = $1, holder = $2, version = version + 1 WHERE version = $3
         RETURNING version`,
        [next.epoch, next.holder === undefined ? null : JSON.stringify(next.holder), version],
      );
      if (rows.length === 1) return next;
    }
    throw new LatchkeyError('storage_unavailable', 'the lease in PostgreSQL changes too often');
  }

  /** Processes on other hosts cannot be looked up: only the end of the lease frees it. */
  ownerGone(): boolean {
    return false;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #look(): Promise<Seen> {
    const sent = this.#clock.monotonic();
    const [row] = await this.#database.run(
      `SELECT epoch, version, holder, extract(epoch FROM clock_timestamp()) * 1000 AS at FROM ${this.#tables.lead}`,
    );
    if (row === undefined) throw new LatchkeyError('storage_corrupt', 'the row that says who leads is gone');
    const at = Number(row['at']);
    this.#offset = at - sent;
    return { record: recordOf(row), version: String(row['version']), at };
  }

  #at<T>(time: number, act: () => T): T {
    this.#told = time;
    try {
      return act();
    } finally {
      this.#told = undefined;
    }
  }
}

function recordOf(row: Row): LeaseRecord | undefined {
  const epoch = Number(row['epoch']);
  const { holder } = row;
  if (epoch === 0) return undefined;
  if (!isObject(holder)) return { epoch };
  return { epoch, holder: holder as unknown as NonNullable<LeaseRecord['holder']> };
}
