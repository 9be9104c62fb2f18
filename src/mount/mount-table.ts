// The table of mounts: which engine type answers below which path, and with which options. One record, format 1.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';

/** What `sys/mounts/…/tune` changes. Lengths in seconds, 0 for the system's own. */
export interface MountSettings {
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
  readonly defaultLeaseTtlSeconds: number;
  readonly maxLeaseTtlSeconds: number;
  /** `unauth`, `hidden` or empty. */
  readonly listingVisibility: string;
  /** Members of requests and answers that the audit log shows in clear. */
  readonly auditNonHmacRequestKeys: readonly string[];
  readonly auditNonHmacResponseKeys: readonly string[];
  readonly passthroughRequestHeaders: readonly string[];
  readonly allowedResponseHeaders: readonly string[];
  /** What logins at this mount give; empty is `default-service`. Of auth methods alone. */
  readonly tokenType: MountTokenType;
  /** Kept and shown; there is no cache to go round. */
  readonly forceNoCache: boolean;
}

export type MountTokenType = '' | 'default-service' | 'default-batch' | 'service' | 'batch';

export interface MountEntry extends MountSettings {
  /** Ends in `/`, e.g. `secret/` or `auth/userpass/`. */
  readonly path: string;
  readonly type: string;
  readonly uuid: string;
  readonly accessor: string;
  readonly local: boolean;
  readonly sealWrap: boolean;
  /** Its removal has begun: it answers nothing any more, and removing it again finishes the work. */
  readonly ending: boolean;
}

const RECORD_PATH = 'mounts';
const MOUNTS_MAX = 4_096;
const PATH_CHARACTERS_MAX = 256;
/** Paths that belong to the server itself. */
const RESERVED = ['sys/', 'auth/', 'cubbyhole/', 'identity/', 'audit/', 'core/'];
export const AUTH_PREFIX = 'auth/';

const INITIAL: Omit<MountEntry, 'path' | 'type' | 'uuid' | 'accessor'> = {
  description: '',
  options: {},
  defaultLeaseTtlSeconds: 0,
  maxLeaseTtlSeconds: 0,
  listingVisibility: '',
  auditNonHmacRequestKeys: [],
  auditNonHmacResponseKeys: [],
  passthroughRequestHeaders: [],
  allowedResponseHeaders: [],
  tokenType: '',
  forceNoCache: false,
  local: false,
  sealWrap: false,
  ending: false,
};

export class MountTable {
  readonly #view: View;
  #entries: readonly MountEntry[];
  /** The server's own mounts: not to be added or removed, but with settings that last. */
  #builtIns: readonly MountEntry[];

  private constructor(view: View, entries: readonly MountEntry[], builtIns: readonly MountEntry[]) {
    this.#view = view;
    this.#entries = entries;
    this.#builtIns = builtIns;
  }

  static async create(view: View): Promise<MountTable> {
    const table = new MountTable(view, [], []);
    await table.#save([], []);
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
    const builtIns = Array.isArray(value['builtIns']) ? value['builtIns'] : [];
    return new MountTable(view, value['mounts'].map(complete), builtIns.map(complete));
  }

  get entries(): readonly MountEntry[] {
    return this.#entries;
  }

  /** One of the server's own mounts: as it is kept, or `initial`, which is kept from then on. */
  async builtIn(initial: MountEntry): Promise<MountEntry> {
    const kept = this.#builtIns.find((entry) => entry.path === initial.path);
    if (kept !== undefined) return kept;
    await this.#save(this.#entries, [...this.#builtIns, initial]);
    return initial;
  }

  isBuiltIn(path: string): boolean {
    return this.#builtIns.some((entry) => entry.path === path);
  }

  /**
   * Refuses what cannot be mounted, before anything is opened or written.
   * @throws LatchkeyError bad_request
   */
  check(path: string): void {
    checkPath(path);
    const isAuth = path.startsWith(AUTH_PREFIX);
    const taken = this.conflict(path);
    if (taken !== undefined) {
      const shown = isAuth ? taken.path.slice(AUTH_PREFIX.length) : taken.path;
      throw refusal(`path is already in use at ${shown}`);
    }
    if (this.#entries.length >= MOUNTS_MAX) {
      throw refusal(`there are ${MOUNTS_MAX} mounts already, and that is the limit`);
    }
  }

  /** A mount at, above or below `path`. */
  conflict(path: string): MountEntry | undefined {
    return [...this.#entries, ...this.#builtIns].find(
      (entry) => path.startsWith(entry.path) || entry.path.startsWith(path),
    );
  }

  async add(entry: MountEntry): Promise<void> {
    this.check(entry.path);
    await this.#save([...this.#entries, entry], this.#builtIns);
  }

  /** The entry of the same uuid becomes this one; its path may be another. */
  async replace(entry: MountEntry): Promise<void> {
    const exchange = (candidate: MountEntry) => (candidate.uuid === entry.uuid ? entry : candidate);
    await this.#save(this.#entries.map(exchange), this.#builtIns.map(exchange));
  }

  async remove(path: string): Promise<void> {
    await this.#save(
      this.#entries.filter((entry) => entry.path !== path),
      this.#builtIns,
    );
  }

  async #save(entries: readonly MountEntry[], builtIns: readonly MountEntry[]): Promise<void> {
    await this.#view.put(RECORD_PATH, utf8(JSON.stringify({ format: 1, mounts: entries, builtIns })));
    this.#entries = entries;
    this.#builtIns = builtIns;
  }
}

/** What an earlier version did not write yet has its initial value. */
function complete(stored: unknown): MountEntry {
  return { ...INITIAL, ...(stored as MountEntry) };
}

/** A new entry with a uuid and an accessor of its own. */
export function newMountEntry(
  random: Random,
  given: Pick<MountEntry, 'path' | 'type'> & Partial<MountEntry>,
): MountEntry {
  const uuid = random.uuid();
  const prefix = given.path.startsWith(AUTH_PREFIX) ? 'auth_' : '';
  return { ...INITIAL, ...given, uuid, accessor: `${prefix}${given.type}_${uuid.slice(0, 8)}` };
}

/** @throws LatchkeyError bad_request for what no mount may be called. */
export function checkPath(path: string): void {
  if (!/^[^\s/]+(\/[^\s/]+)*\/$/.test(path) || path.length > PATH_CHARACTERS_MAX) {
    throw refusal(`a mount path is 1 to ${PATH_CHARACTERS_MAX} characters without spaces`);
  }
  if (isReserved(path)) throw refusal(`cannot mount "${path}": the path is reserved`);
}

/** True for what belongs to the server; below `auth/` lie the auth methods. */
export function isReserved(path: string): boolean {
  if (path.startsWith(AUTH_PREFIX) && path !== AUTH_PREFIX) return false;
  return RESERVED.some((reserved) => path.startsWith(reserved));
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
