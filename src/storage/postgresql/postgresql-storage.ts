import { LatchkeyError } from '../../base/errors.ts';
import {
  STORAGE_BATCH_CHANGES_MAX,
  STORAGE_KEY_BYTES_MAX,
  STORAGE_LIST_ENTRIES_MAX,
  STORAGE_VALUE_BYTES_MAX,
} from '../../base/limits.ts';
import type { Change, Fence, ListOptions, Storage, Unfenced } from '../storage.ts';
import { unfenced } from '../storage.ts';
import { type Group, WriteQueue } from '../write-queue.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';

// Entries in a table. A write is one statement: it moves the fence's row first, and does nothing if that row is not as
// the writer knows it.

const GROUP = { changesMax: 1_000, bytesMax: 8 * 1_024 * 1_024 };

export class PostgresqlStorage implements Storage {
  readonly type = 'postgresql';
  readonly limits = {
    keyBytesMax: STORAGE_KEY_BYTES_MAX,
    valueBytesMax: STORAGE_VALUE_BYTES_MAX,
    batchChangesMax: STORAGE_BATCH_CHANGES_MAX,
  };
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #queue: WriteQueue;
  /** The index of the last write; undefined if an outcome is unknown, and then a late one may still be on its way. */
  #index: bigint | undefined;

  constructor(database: Database, tables: Tables) {
    this.#database = database;
    this.#tables = tables;
    this.#queue = new WriteQueue((group) => this.#apply(group), GROUP);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const [row] = await this.#database.run(`SELECT value FROM ${this.#tables.entries} WHERE key = $1`, [key]);
    const value = row?.['value'];
    // A copy: small values are slices of the driver's shared buffer.
    return value instanceof Uint8Array ? Uint8Array.from(value) : undefined;
  }

  /** Jumps from name to name by the index, so that a folder costs as much as its names, not as all that is below them. */
  async list(prefix: string, options: ListOptions = {}): Promise<string[]> {
    const { after = '', limit = STORAGE_LIST_ENTRIES_MAX } = options;
    const entries = this.#tables.entries;
    const start = after === '' ? prefix : nextAfter(prefix + nameOf(after));
    const rows = await this.#database.run(
      `WITH RECURSIVE walk(key) AS (
         (SELECT key FROM ${entries} WHERE key >= $1 AND ($2 = '' OR key < $2) ORDER BY key LIMIT 1)
         UNION ALL
         SELECT (SELECT e.key FROM ${entries} e WHERE ($2 = '' OR e.key < $2) AND e.key >= (
             CASE WHEN strpos(substr(w.key, $3), '/') > 0
               THEN left(w.key, $3 - 1 + strpos(substr(w.key, $3), '/') - 1) || '0'
               ELSE w.key || chr(1) END) COLLATE "C"
           ORDER BY e.key LIMIT 1)
         FROM walk w WHERE w.key IS NOT NULL)
       SELECT CASE WHEN strpos(substr(key, $3), '/') > 0
           THEN left(substr(key, $3), strpos(substr(key, $3), '/')) ELSE substr(key, $3) END AS name
       FROM walk WHERE key IS NOT NULL LIMIT $4`,
      [start, endOf(prefix), [...prefix].length + 1, limit],
    );
    return rows.map((row) => String(row['name']));
  }

  write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void> {
    return this.#queue.write(changes, fence);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #apply({ changes, fence }: Group): Promise<void> {
    const epoch = fence === unfenced ? null : fence.epoch;
    const { keys, values, deleted } = lastOf(changes);
    for (;;) {
      const index = this.#index ?? (await this.#claim(epoch));
      // If this throws, nobody knows whether it was applied, now or later: the next write claims a new index first.
      this.#index = undefined;
      const [row] = await this.#database.run(writing(this.#tables), [epoch, index, keys, values, deleted]);
      if (row?.['idx'] !== undefined && row['idx'] !== null) {
        this.#index = BigInt(String(row['idx']));
        return;
      }
      if (epoch !== null && Number(row?.['epoch']) !== epoch) {
        throw fenced();
      }
      // Another node wrote without a fence, as initialisation does. Nothing was written here: once more.
    }
  }

  /** Moves the index on, so that a write of ours that is still on its way comes too late. */
  async #claim(epoch: number | null): Promise<bigint> {
    const [row] = await this.#database.run(
      `UPDATE ${this.#tables.lead} SET idx = idx + 1 WHERE $1::bigint IS NULL OR epoch = $1 RETURNING idx`,
      [epoch],
    );
    if (row === undefined) throw fenced();
    return BigInt(String(row['idx']));
  }
}

/**
 * $1 epoch or null, $2 index, $3 and $4 keys and values to put, $5 keys to delete. The fence's row is locked first; a
 * concurrent change of it is waited for and then compared anew (READ COMMITTED), and if it no longer fits nothing is
 * done. `epoch` is read for telling why.
 */
function writing({ entries, lead }: Tables): string {
  return `WITH fence AS (
      UPDATE ${lead} SET idx = idx + 1 WHERE idx = $2 AND ($1::bigint IS NULL OR epoch = $1) RETURNING idx),
    gone AS (DELETE FROM ${entries} WHERE key = ANY($5::text[]) AND EXISTS (SELECT FROM fence)),
    put AS (
      INSERT INTO ${entries} (key, value)
      SELECT fresh.key, fresh.value FROM unnest($3::text[], $4::bytea[]) AS fresh(key, value)
      WHERE EXISTS (SELECT FROM fence)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value)
    SELECT (SELECT idx FROM fence) AS idx, epoch FROM ${lead}`;
}

/** Of several changes to one key the last. */
function lastOf(changes: readonly Change[]) {
  const last = new Map<string, Uint8Array | undefined>();
  for (const change of changes) last.set(change.key, change.kind === 'put' ? change.value : undefined);
  const keys: string[] = [];
  const values: Buffer[] = [];
  const deleted: string[] = [];
  for (const [key, value] of last) {
    if (value === undefined) deleted.push(key);
    else {
      keys.push(key);
      values.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    }
  }
  return { keys, values, deleted };
}

/** Up to its first slash: what is below a folder sorts after the folder's name, which is past then. */
function nameOf(after: string): string {
  const slash = after.indexOf('/');
  return slash < 0 ? after : after.slice(0, slash + 1);
}

/** The first possible key after this name; keys hold no control characters. */
function nextAfter(name: string): string {
  return name.endsWith('/') ? `${name.slice(0, -1)}0` : `${name}\u0001`;
}

/** The first key that is not below the prefix; empty for none. `0` follows `/`. */
function endOf(prefix: string): string {
  return prefix === '' ? '' : `${prefix.slice(0, -1)}0`;
}

function fenced(): LatchkeyError {
  return new LatchkeyError('fenced', 'this node no longer leads; nothing was written');
}
