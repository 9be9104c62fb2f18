// The tables: one for what is stored, and one with the single row that says who leads.

import { LatchkeyError } from '../../base/errors.ts';
import type { Database } from './database.ts';

export interface Tables {
  /** Quoted: `"latchkey_entries"`. */
  readonly entries: string;
  /** One row: the fence that every write passes, and the lease of its holder. */
  readonly lead: string;
}

const FORMAT = 1;
const VERSION_MIN = 120_000;
/** Letters, digits and `_`, with an optional schema before a dot. */
const PREFIX = /^(?:[a-z_][a-z0-9_]{0,40}\.)?[a-z_][a-z0-9_]{0,40}$/;
/** Any number that other programs are unlikely to lock by; so that nodes that start at once make the tables in turn. */
const ADVISORY_LOCK = 0x6c61_7463;

/** @throws LatchkeyError config_invalid if `prefix` is no plain name. */
export function tablesOf(prefix: string): Tables {
  if (!PREFIX.test(prefix)) {
    throw new LatchkeyError(
      'config_invalid',
      'storage "postgresql": table must be a name of lower-case letters, digits and _, with an optional schema before a dot',
    );
  }
  const quoted = (name: string) =>
    name
      .split('.')
      .map((part) => `"${part}"`)
      .join('.');
  return { entries: quoted(`${prefix}_entries`), lead: quoted(`${prefix}_lead`) };
}

/**
 * Makes the tables where they are missing, unless `mayCreate` is false, and checks that they can be relied on.
 * @throws LatchkeyError storage_unavailable, storage_corrupt (another format or encoding).
 */
export async function prepareSchema(database: Database, tables: Tables, mayCreate: boolean): Promise<void> {
  await checkServer(database);
  if (mayCreate && !(await isThere(database, tables))) await database.run(creation(tables));
  const [row] = await database.run(`SELECT format FROM ${tables.lead}`);
  if (row?.['format'] !== FORMAT) {
    throw new LatchkeyError(
      'storage_corrupt',
      'the tables in PostgreSQL have a format that this version lacks',
    );
  }
}

async function checkServer(database: Database): Promise<void> {
  const [row] = await database.run(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding,
       current_setting('fsync') AS fsync, pg_is_in_recovery() AS replica`,
  );
  const { version, encoding, fsync, replica } = row ?? {};
  const fault =
    Number(version) < VERSION_MIN
      ? 'is older than version 12'
      : encoding !== 'UTF8'
        ? 'has a database whose encoding is not UTF8'
        : replica === true
          ? 'is a replica; the connection must lead to the primary'
          : fsync !== 'on'
            ? 'runs with fsync off, and would lose acknowledged writes'
            : undefined;
  if (fault !== undefined) throw new LatchkeyError('storage_unavailable', `PostgreSQL ${fault}`);
}

async function isThere(database: Database, { entries, lead }: Tables): Promise<boolean> {
  const [row] = await database.run(
    'SELECT to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL AS there',
    [entries, lead],
  );
  return row?.['there'] === true;
}

/** Collation "C" sorts by bytes, which in UTF8 is the order that the contract asks for. */
function creation({ entries, lead }: Tables): string {
  return `BEGIN;
    SELECT pg_advisory_xact_lock(${ADVISORY_LOCK});
    CREATE TABLE IF NOT EXISTS ${entries} (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS ${lead} (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      format int NOT NULL, epoch bigint NOT NULL, idx bigint NOT NULL, version bigint NOT NULL, holder jsonb);
    INSERT INTO ${lead} (format, epoch, idx, version) VALUES (${FORMAT}, 0, 0, 0) ON CONFLICT DO NOTHING;
    COMMIT`;
}
