import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';

// Looks at the folder and the data file before LMDB does: the library kills the process on a file that is not its own.

const FOLDER_MODE = 0o700;
/** Of data.mdb and lock.mdb. */
export const FILE_MODE = 0o600;

/**
 * Makes the folder if it is missing, and takes others' rights off it and its files.
 * @throws LatchkeyError storage_unavailable (no folder, no rights), storage_corrupt (not an LMDB file, or cut off).
 */
export async function prepareFolder(path: string, clock: Clock): Promise<void> {
  try {
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
    if (!statSync(path).isDirectory()) throw new Error('it is not a folder');
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    restrict(path, FOLDER_MODE);
  } catch (error) {
    throw unavailable('the storage folder cannot be used', path, error);
  }
  for (const name of ['data.mdb', 'lock.mdb']) restrictFile(join(path, name));
  for (let attempt = 1; ; attempt += 1) {
    try {
      checkDataFile(join(path, 'data.mdb'));
      return;
    } catch (error) {
      // Another node may be writing the very first pages this moment.
      if (attempt === LOOKS_MAX) throw error;
      await clock.sleep(LOOK_PAUSE_MS);
    }
  }
}

const LOOKS_MAX = 4;
const LOOK_PAUSE_MS = 25;

function restrictFile(path: string): void {
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
    accessSync(path, constants.R_OK | constants.W_OK);
    restrict(path, FILE_MODE);
  } catch (error) {
    throw unavailable('a storage file cannot be used', path, error);
  }
}

function restrict(path: string, mode: number): void {
  if ((statSync(path).mode & 0o777 & ~mode) !== 0) chmodSync(path, mode);
}

// Layout of the data file, from LMDB's mdb.c: two pages, each with a page header of 24 bytes and a meta record.
const META_MAGIC_AT = 24;
const META_MAGIC = 0xbeefc0de;
const META_PAGE_SIZE_AT = 48;
const META_LAST_PAGE_AT = 144;
const META_TRANSACTION_AT = 152;
const META_BYTES = 160;

function checkDataFile(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  const file = openSync(path, 'r');
  try {
    // LMDB makes a new environment of an empty file: a start that was killed before the first page leaves one.
    if (fstatSync(file).size === 0) return;
    const first = readMeta(file, 0);
    if (first === undefined) throw corrupt('it is not an LMDB file', path);
    const second = readMeta(file, first.pageSize);
    if (second === undefined) throw corrupt('it is not a whole LMDB file', path);
    const newest = second.transaction > first.transaction ? second : first;
    // The size is taken after the record: pages are written before it, so a growing file is never too short.
    const { size } = fstatSync(file);
    const expected = (newest.lastPage + 1) * newest.pageSize;
    if (size < expected) throw corrupt(`it was cut off: ${size} of ${expected} bytes are left`, path);
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

function readMeta(file: number, at: number): Meta | undefined {
  const meta = Buffer.alloc(META_BYTES);
  if (readSync(file, meta, 0, META_BYTES, at) < META_BYTES) return undefined;
  const pageSize = meta.readUInt32LE(META_PAGE_SIZE_AT);
  if (meta.readUInt32LE(META_MAGIC_AT) !== META_MAGIC || pageSize < 256 || pageSize > 65_536)
    return undefined;
  return {
    pageSize,
    lastPage: Number(meta.readBigUInt64LE(META_LAST_PAGE_AT)),
    transaction: meta.readBigUInt64LE(META_TRANSACTION_AT),
  };
}

function unavailable(what: string, path: string, cause: unknown): LatchkeyError {
  return new LatchkeyError('storage_unavailable', what, { cause, detail: path });
}

function corrupt(what: string, path: string): LatchkeyError {
  return new LatchkeyError('storage_corrupt', `the storage's data file cannot be opened: ${what}`, {
    detail: path,
  });
}
