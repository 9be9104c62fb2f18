// The connections to PostgreSQL, and what its refusals mean in words.

import pg from 'pg';
import { LatchkeyError } from '../../base/errors.ts';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…`; a secret. */
  readonly connectionUrl: string;
  /** Connections for reads and writes; the election has one of its own beside them. */
  readonly connectionsMax: number;
  /** Milliseconds for one statement; then the connection is thrown away. */
  readonly statementMsMax: number;
}

/** A row as the driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

const CONNECT_MS_MAX = 5_000;
/** On the client's side, beyond the server's own limit: for a server that does not answer at all. */
const GRACE_MS = 1_000;

export class Database {
  readonly #pool: pg.Pool;
  readonly #place: string;

  constructor(options: DatabaseOptions) {
    const { connectionUrl, connectionsMax, statementMsMax } = options;
    this.#place = placeOf(connectionUrl);
    this.#pool = new pg.Pool({
      connectionString: connectionUrl,
      max: connectionsMax,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      query_timeout: statementMsMax + GRACE_MS,
      keepAlive: true,
      application_name: 'latchkey',
      // Awaited by the pool, before the statement that the connection was opened for.
      onConnect: async (client) => {
        // A connection in use that breaks tells its statement; without a listener it would end the process as well.
        client.on('error', () => {});
        await client.query(
          `SET synchronous_commit = on; SET client_encoding = 'UTF8';
           SET statement_timeout = ${statementMsMax}; SET lock_timeout = ${statementMsMax}`,
        );
      },
    });
    // An idle connection that breaks is replaced when it is needed.
    this.#pool.on('error', () => {});
  }

  /** One statement, one transaction. @throws LatchkeyError storage_unavailable, with the cause in words. */
  async run(statement: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return (await this.#pool.query<Row>(statement, [...values])).rows;
    } catch (error) {
      throw this.#inWords(error);
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  #inWords(error: unknown): LatchkeyError {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const known = typeof code === 'string' ? MEANINGS[code] : undefined;
    const said = typeof code === 'string' ? ` (${code})` : '';
    const meaning = known ?? meaningOf(String(message));
    return new LatchkeyError('storage_unavailable', `PostgreSQL at ${this.#place} ${meaning}${said}`, {
      cause: error,
    });
  }
}

/** SQLSTATE (PostgreSQL documentation, appendix A) and system error codes. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'cut the connection',
  ENOTFOUND: 'has a name that does not resolve',
  EAI_AGAIN: 'has a name that cannot be resolved now',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached',
  '28000': 'refuses this login',
  '28P01': 'refuses the password',
  '3D000': 'has no such database',
  '42P01': 'lacks the tables of this storage, and they must not be made',
  '42501': 'refuses the rights on its tables',
  '25006': 'is read-only: a replica, or a disk that is nearly full',
  '53100': 'has no disk space left',
  '53200': 'is out of memory',
  '53300': 'has no connection left',
  '57014': 'did not finish a statement in time',
  '55P03': 'did not give a lock in time',
  '57P01': 'was shut down by its administrator',
  '57P02': 'crashed',
  '57P03': 'is starting up or shutting down',
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  SELF_SIGNED_CERT_IN_CHAIN: 'shows a certificate of an unknown authority; set sslrootcert',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'shows a self-signed certificate; set sslrootcert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'shows a certificate of an unknown authority; set sslrootcert',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'shows a certificate of an unknown authority; set sslrootcert',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate for another name',
};

/** The driver's own refusals have no code. */
function meaningOf(message: string): string {
  if (/timeout/i.test(message)) return 'does not answer in time';
  if (/does not support SSL/i.test(message)) return 'does not offer TLS';
  if (/terminated|not queryable|closed/i.test(message)) return 'cut the connection';
  return 'failed';
}

/** Host, port and database, without user and password. */
function placeOf(connectionUrl: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(connectionUrl);
    const host = hostname === '' ? (searchParams.get('host') ?? 'localhost') : hostname;
    return `${decodeURIComponent(host)}:${port === '' ? '5432' : port}${pathname}`;
  } catch {
    return 'the configured address';
  }
}
