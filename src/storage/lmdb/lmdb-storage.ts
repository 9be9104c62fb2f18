import { LatchkeyError } from '../../base/errors.ts';
import {
  STORAGE_BATCH_CHANGES_MAX,
  STORAGE_KEY_BYTES_MAX,
  STORAGE_LIST_ENTRIES_MAX,
  STORAGE_VALUE_BYTES_MAX,
} from '../../base/limits.ts';
import type { Change, Fence, ListOptions, Storage, Unfenced } from '../storage.ts';
import { unfenced } from '../storage.ts';
import type { LmdbEnvironment, Reader } from './environment.ts';
import { readEpoch, VALUES_END, valueKey } from './records.ts';

// Values in LMDB; keys are stored as UTF-8 bytes, so LMDB's order is the order of `list`.

export class LmdbStorage implements Storage {
  readonly type = 'lmdb';
  readonly limits = {
    keyBytesMax: STORAGE_KEY_BYTES_MAX,
    valueBytesMax: STORAGE_VALUE_BYTES_MAX,
    batchChangesMax: STORAGE_BATCH_CHANGES_MAX,
  };
  readonly #environment: LmdbEnvironment;

  constructor(environment: LmdbEnvironment) {
    this.#environment = environment;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#environment.read((reader) => {
      const value = reader.get(valueKey(key));
      return value && new Uint8Array(value);
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<string[]> {
    return this.#environment.read((reader) => namesUnder(reader, prefix, options));
  }

  async write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void> {
    await this.#environment.transact((writer) => {
      // First, and under the writer's lock: nobody can take the lead between this check and the commit.
      if (fence !== unfenced && readEpoch(writer) !== fence.epoch) {
        throw new LatchkeyError('fenced', 'this node no longer leads; nothing was written');
      }
      for (const change of changes) {
        if (change.kind === 'put') writer.putSync(valueKey(change.key), Buffer.from(change.value));
        else writer.removeSync(valueKey(change.key));
      }
    });
  }

  close(): Promise<void> {
    return this.#environment.release();
  }
}

const SLASH = 0x2f;

/** Reads one key per name: a folder is left by a jump over all that lies in it. */
function namesUnder(reader: Reader, prefix: string, options: ListOptions): string[] {
  const base = valueKey(prefix);
  const end = prefix === '' ? VALUES_END : folderEnd(base);
  const limit = options.limit ?? STORAGE_LIST_ENTRIES_MAX;
  const names: string[] = [];
  let start: Buffer | undefined = startAfter(base, options.after ?? '');
  while (start !== undefined) {
    const from: Buffer = start;
    start = undefined;
    for (const found of reader.getKeys({ start: from, end })) {
      const key = Buffer.from(found);
      const slash = key.indexOf(SLASH, base.length);
      names.push(key.toString('utf8', base.length, slash === -1 ? undefined : slash + 1));
      if (names.length === limit) return names;
      if (slash === -1) continue;
      start = folderEnd(key.subarray(0, slash + 1));
      break;
    }
  }
  return names;
}

/** The first key whose name sorts after `after`. A name holds at most one slash, its last character. */
function startAfter(base: Buffer, after: string): Buffer {
  const slash = after.indexOf('/');
  if (slash !== -1) return folderEnd(Buffer.concat([base, Buffer.from(after.slice(0, slash + 1))]));
  return after === '' ? base : Buffer.concat([base, Buffer.from(after), Buffer.of(0)]);
}

/** The first key after all that start with `folder`, which ends in a slash. */
function folderEnd(folder: Buffer): Buffer {
  const end = Buffer.from(folder);
  end[end.length - 1] = SLASH + 1;
  return end;
}
