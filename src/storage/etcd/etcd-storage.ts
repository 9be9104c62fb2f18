import { LatchkeyError } from '../../base/errors.ts';
import {
  STORAGE_BATCH_CHANGES_MAX,
  STORAGE_KEY_BYTES_MAX,
  STORAGE_LIST_ENTRIES_MAX,
  STORAGE_VALUE_BYTES_MAX,
} from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import type { Change, Fence, ListOptions, Storage, Unfenced } from '../storage.ts';
import { unfenced } from '../storage.ts';
import { type Group, WriteQueue } from '../write-queue.ts';
import type { EtcdClient } from './etcd-client.ts';
import { type EtcdKeys, endOf } from './keys.ts';
import { act, holds, type KeyValue, type TxnAnswer, txnRequest } from './messages.ts';

// Entries as keys of etcd. A write is one transaction: it moves the key `write` on, and does nothing if that key or the
// lock is not as the writer knows it.

/** etcd's --max-request-bytes, unless it was raised: bytes of one transaction. */
const REQUEST_BYTES_MAX = 1_572_864;
/** Below etcd's --max-txn-ops of 128: the key `write` is one more. */
const GROUP = { changesMax: 126, bytesMax: STORAGE_VALUE_BYTES_MAX };
/** Keys of one page of a list: few where folders are jumped over, more where names follow each other. */
const PAGE_MIN = 16;
const PAGE_MAX = 1_024;

export class EtcdStorage implements Storage {
  readonly type = 'etcd';
  readonly limits = {
    keyBytesMax: STORAGE_KEY_BYTES_MAX,
    valueBytesMax: STORAGE_VALUE_BYTES_MAX,
    batchChangesMax: STORAGE_BATCH_CHANGES_MAX,
  };
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #random: Random;
  readonly #queue: WriteQueue;
  /**
   * The last known one of the key `write`. After a write of unknown outcome it may be behind. If the late one comes
   * before the next write, that learns so and tries again; if it comes after it, it finds the key moved.
   */
  #revision = 0;

  constructor(client: EtcdClient, keys: EtcdKeys, random: Random) {
    this.#client = client;
    this.#keys = keys;
    this.#random = random;
    this.#queue = new WriteQueue((group) => this.#apply(group), GROUP);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const { found } = await this.#client.range({ key: this.#keys.data + key });
    // A copy: the value is a slice of the whole answer.
    return found[0] && Uint8Array.from(found[0].value);
  }

  /** Reads keys page by page, and jumps over what is below a name that is known: a folder costs one page at most. */
  async list(
    prefix: string,
    { after = '', limit = STORAGE_LIST_ENTRIES_MAX }: ListOptions = {},
  ): Promise<string[]> {
    const folder = this.#keys.data + prefix;
    const end = endOf(folder);
    const names: string[] = [];
    let start = startOf(folder, after);
    let page = PAGE_MIN;
    while (names.length < limit) {
      const { found, hasMore } = await this.#client.range({ key: start, end, limit: page, keysOnly: true });
      const before = names.length;
      for (const { key } of found) {
        const name = nameOf(key.slice(folder.length));
        if (names.at(-1) !== name) names.push(name);
      }
      const last = names.at(-1);
      if (!hasMore || last === undefined) break;
      start = startOf(folder, last);
      page = names.length - before > page / 2 ? Math.min(page * 2, PAGE_MAX) : PAGE_MIN;
    }
    return names.slice(0, limit);
  }

  write(changes: readonly Change[], fence: Fence | Unfenced): Promise<void> {
    return this.#queue.write(changes, fence);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #apply({ changes, fence }: Group): Promise<void> {
    const { lock, epoch, write } = this.#keys;
    const name = this.#random.uuid();
    const leads = this.#leads(fence);
    const then = [...this.#operations(changes), act.put(write, name)];
    const otherwise = [write, epoch, lock].map((key) => act.range({ key }));
    checkSize(txnRequest([...leads, holds.unchangedSince(write, 0)], then, otherwise));
    for (;;) {
      const conditions = [...leads, holds.unchangedSince(write, this.#revision)];
      const answer = await this.#client.txn(conditions, then, otherwise);
      const [last] = answer.found[0] ?? [];
      this.#revision = answer.succeeded ? answer.revision : (last?.modRevision ?? 0);
      // Not succeeded, and yet the last write is this one: an earlier try was applied and its answer was lost.
      if (answer.succeeded || last?.value.toString() === name) return;
      if (answer.isRepeated) {
        throw new LatchkeyError(
          'storage_unavailable',
          'etcd lost the answer to a write, and others wrote since',
        );
      }
      if (!isLeading(fence, answer)) throw fenced();
      // Another node wrote without a fence, as initialisation does. Nothing was written here: once more.
    }
  }

  /** A lock of another leader has another epoch; a lock that ran out is gone even before there is one. */
  #leads(fence: Fence | Unfenced): readonly Buffer[] {
    if (fence === unfenced) return [];
    return [holds.value(this.#keys.epoch, String(fence.epoch)), holds.exists(this.#keys.lock)];
  }

  /** Of several changes to one key the last: etcd takes one only. */
  #operations(changes: readonly Change[]): readonly Buffer[] {
    const last = new Map<string, Change>();
    for (const change of changes) last.set(change.key, change);
    return [...last.values()].map((change) => {
      const key = this.#keys.data + change.key;
      return change.kind === 'put' ? act.put(key, change.value) : act.delete(key);
    });
  }
}

function isLeading(fence: Fence | Unfenced, { found: [, epoch, lock] }: TxnAnswer): boolean {
  if (fence === unfenced) return true;
  return textOf(epoch) === String(fence.epoch) && lock !== undefined && lock.length > 0;
}

function textOf(found: readonly KeyValue[] | undefined): string | undefined {
  return found?.[0]?.value.toString();
}

/** @throws LatchkeyError bad_request */
function checkSize(request: Buffer): void {
  if (request.byteLength <= REQUEST_BYTES_MAX) return;
  throw new LatchkeyError(
    'bad_request',
    `a batch is larger than ${REQUEST_BYTES_MAX} bytes, which etcd takes at most (--max-request-bytes)`,
  );
}

/** The name directly below a folder, of a key that is somewhere below it. */
function nameOf(rest: string): string {
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash + 1);
}

/** The first key whose name in `folder` can sort after `after`. Keys hold no control characters. */
function startOf(folder: string, after: string): string {
  if (after === '') return folder;
  const name = nameOf(after);
  return name.endsWith('/') ? endOf(folder + name) : `${folder}${name}\u0001`;
}

function fenced(): LatchkeyError {
  return new LatchkeyError('fenced', 'this node no longer leads; nothing was written');
}
