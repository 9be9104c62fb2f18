// What a storage is: it keeps untrusted bytes under keys and applies batches whole or not at all.

/** One change of a batch. Later changes to the same key win. `value` belongs to the storage once handed over. */
export type Change =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

/**
 * Proof of leadership, issued by `Election.campaign` and checked by the same storage inside the atomic write.
 * Epochs grow: the holder of an older epoch cannot write once a newer one has been granted.
 */
export interface Fence {
  readonly epoch: number;
}

/** For the election's own record and for tests of the storage itself; nothing else may write without a fence. */
export const unfenced: unique symbol = Symbol('unfenced');
export type Unfenced = typeof unfenced;

export interface StorageLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly batchChangesMax: number;
}

export interface ListOptions {
  /** Only names that sort after this one. */
  readonly after?: string;
  /** At most so many names; default and upper bound STORAGE_LIST_ENTRIES_MAX. */
  readonly limit?: number;
}

/**
 * Keys are non-empty UTF-8 strings of `/`-separated segments, without leading or trailing slash, without empty,
 * `.` or `..` segments, without control characters.
 */
export interface Storage {
  /** For seal-status and logs: `inmem`, `lmdb`, … */
  readonly type: string;
  readonly limits: StorageLimits;

  /**
   * The newest acknowledged value, whoever wrote it; a copy that the caller may change. Undefined if absent.
   * @throws LatchkeyError storage_unavailable
   */
  get(key: string): Promise<Uint8Array | undefined>;

  /**
   * Names directly under `prefix` (empty, or ending in `/`), sorted by UTF-8 bytes. A name that has more below it
   * ends in `/`; a key that is both a value and a folder gives both `a` and `a/`.
   */
  list(prefix: string, options?: ListOptions): Promise<string[]>;

  /**
   * Applies all changes or none; when it resolves they are durable and visible to every node.
   * @throws LatchkeyError fenced if `fence` is not the newest epoch (nothing was written),
   *   bad_request if a limit is broken (nothing was written), storage_unavailable (outcome unknown).
   */
  write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void>;

  close(): Promise<void>;
}
