import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Election } from '../election.ts';
import { guardElection, guardStorage } from '../guard.ts';
import { LeaseElection } from '../lease-election.ts';
import { leaseTimes } from '../lease-times.ts';
import type { Storage } from '../storage.ts';
import { Database } from './database.ts';
import { PostgresqlBoard } from './postgresql-board.ts';
import { PostgresqlStorage } from './postgresql-storage.ts';
import { prepareSchema, tablesOf } from './schema.ts';

// Storage in PostgreSQL, for nodes on several hosts: their entries, and who of them leads.

/** Vault's lock TTL is as long. Milliseconds. */
const LEASE_MS = 10_000;
const POLL_MS = 250;
const STATEMENT_MS_MAX = 10_000;
const CONNECTIONS_MAX = 16;

export interface PostgresqlOptions {
  /** A secret: it may hold a password. */
  readonly connectionUrl: string;
  /** Prefix of the table names, with an optional schema before a dot; default `latchkey`. */
  readonly table?: string;
  /** False: the tables must be there. */
  readonly mayCreateTables?: boolean;
  /** Default 16; the election has one connection beside them. */
  readonly connectionsMax?: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds; default 10,000. The same in every process. */
  readonly leaseMs?: number;
  /** Milliseconds for one statement; default 10,000. */
  readonly statementMsMax?: number;
}

/**
 * The URL must lead to the primary, and not through a pooler that shares a connection between transactions.
 * @throws LatchkeyError storage_unavailable with the cause in words, storage_corrupt (tables of another format),
 *   config_invalid (table name).
 */
export async function openPostgresql(
  options: PostgresqlOptions,
): Promise<{ storage: Storage; election: Election }> {
  const { connectionUrl, clock, random, leaseMs = LEASE_MS, statementMsMax = STATEMENT_MS_MAX } = options;
  const tables = tablesOf(options.table ?? 'latchkey');
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const database = new Database({ connectionUrl, connectionsMax, statementMsMax });
  try {
    await prepareSchema(database, tables, options.mayCreateTables ?? true);
  } catch (error) {
    await database.close();
    throw error;
  }
  // Apart, so that a flood of requests never keeps the leader from renewing its lease.
  const forLease = new Database({
    connectionUrl,
    connectionsMax: 2,
    statementMsMax: Math.min(statementMsMax, Math.ceil(leaseMs / 4)),
  });
  const board = new PostgresqlBoard(forLease, tables, clock, random.uuid());
  const times = { ...leaseTimes(leaseMs), pollMs: POLL_MS };
  return {
    storage: guardStorage(new PostgresqlStorage(database, tables)),
    election: guardElection(new LeaseElection({ board, clock, random, times })),
  };
}
