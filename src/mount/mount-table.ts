// The table of mounts: which engine type answers below which path, and with which options. One record, format 1.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';

export interface MountEntry {
  /** Ends in `/`, e.g. `secret/`. */
  readonly path: string;
  readonly type: string;
  readonly uuid: string;
  readonly accessor: string;
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly local: boolean;
  readonly sealWrap: boolean;
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  readonly listingVisibility: string;
}

const RECORD_PATH = 'mounts';
const MOUNTS_MAX = 4_096;
const PATH_CHARACTERS_MAX = 256;
/** Paths that belong to the server itself. */
const RESERVED = ['sys/', 'auth/', 'cubbyhole/', 'identity/', 'audit/', 'core/'];

export class MountTable {
  readonly #view: View;
  #entries: readonly MountEntry[];

  private constructor(view: View, entries: readonly MountEntry[]) {
    this.#view = view;
    this.#entries = entries;
  }

  static async create(view: View): Promise<MountTable> {
    const table = new MountTable(view, []);
    await table.#save([]);
    return table;
  }

  /** @throws LatchkeyError storage_corrupt */
  static async open(view: View): Promise<MountTable> {
    const bytes = await view.get(RECORD_PATH);
    if (bytes === undefined) throw new LatchkeyError('storage_corrupt', 'the mount table is missing');
    const value: unknown = JSON.parse(fromUtf8(bytes));
    if (!isObject(value) || value['format'] !== 1 || !Array.isArray(value['mounts'])) {
      throw new LatchkeyError(
        'storage_corrupt',
        'the mount table has a format that this version does not know',
      );
    }
    return new MountTable(view, value['mounts'] as unknown as MountEntry[]);
  }

  get entries(): readonly MountEntry[] {
    return this.#entries;
  }

  /**
   * Refuses what cannot be mounted, before anything is opened or written.
   * @throws LatchkeyError bad_request
   */
  check(path: string): void {
    if (!/^[^\s/]+(\/[^\s/]+)*\/$/.test(path) || path.length > PATH_CHARACTERS_MAX) {
      throw new LatchkeyError(
        'bad_request',
        `a mount path is 1 to ${PATH_CHARACTERS_MAX} characters without spaces`,
      );
    }
    if (RESERVED.some((reserved) => path.startsWith(reserved))) {
      throw new LatchkeyError('bad_request', `cannot mount "${path}": the path is reserved`);
    }
    const taken = this.#entries.find((entry) => path.startsWith(entry.path) || entry.path.startsWith(path));
    if (taken !== undefined) {
      throw new LatchkeyError('bad_request', `path is already in use at ${taken.path}`);
    }
    if (this.#entries.length >= MOUNTS_MAX) {
      throw new LatchkeyError('bad_request', `there are ${MOUNTS_MAX} mounts already, and that is the limit`);
    }
  }

  async add(entry: MountEntry): Promise<void> {
    this.check(entry.path);
    await this.#save([...this.#entries, entry]);
  }

  async remove(path: string): Promise<void> {
    await this.#save(this.#entries.filter((entry) => entry.path !== path));
  }

  async #save(entries: readonly MountEntry[]): Promise<void> {
    await this.#view.put(RECORD_PATH, utf8(JSON.stringify({ format: 1, mounts: entries })));
    this.#entries = entries;
  }
}

/** A new entry with a uuid and an accessor of its own. */
export function newMountEntry(
  random: Random,
  given: Pick<MountEntry, 'path' | 'type' | 'description' | 'options'> & Partial<MountEntry>,
): MountEntry {
  const uuid = random.uuid();
  return {
    local: false,
    sealWrap: false,
    defaultLeaseTtlSeconds: 0,
    maxLeaseTtlSeconds: 0,
    listingVisibility: '',
    ...given,
    uuid,
    accessor: `${given.type}_${uuid.slice(0, 8)}`,
  };
}
