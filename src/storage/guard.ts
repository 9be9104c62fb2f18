import { hasCode, LatchkeyError } from '../base/errors.ts';
import { STORAGE_LIST_ENTRIES_MAX } from '../base/limits.ts';
import type { Advert, Election, Leader, Leadership } from './election.ts';
import type { Change, Fence, ListOptions, Storage, StorageLimits, Unfenced } from './storage.ts';
import { unfenced } from './storage.ts';

// Put round every adapter: enforces the contract once, so that adapters stay dumb.

/**
 * `inner` with the contract enforced: keys and sizes are checked before the adapter sees them, nothing runs after
 * `close`, `close` waits for what is under way and reaches the adapter once, and only LatchkeyErrors come out.
 */
export function guardStorage(inner: Storage): Storage {
  const gate = new Gate('the storage');
  return {
    type: inner.type,
    limits: inner.limits,
    get(key) {
      return gate.pass(() => {
        checkKey(key, inner.limits);
        return inner.get(key);
      });
    },
    list(prefix, options = {}) {
      return gate.pass(() => inner.list(checkPrefix(prefix, inner.limits), checkListOptions(options)));
    },
    write(changes, fence) {
      return gate.pass(() => {
        checkChanges(changes, inner.limits);
        checkFence(fence);
        return inner.write(changes, fence);
      });
    },
    close: () => gate.close(() => inner.close()),
  };
}

/**
 * `inner` with the contract enforced. `close` ends waiting campaigns with storage_unavailable, gives away a lead
 * that is still held, and reaches the adapter once.
 */
export function guardElection(inner: Election): Election {
  const gate = new Gate('the election');
  const held = new Set<Leadership>();
  const keep = (leadership: Leadership): Leadership => {
    held.add(leadership);
    leadership.lost.addEventListener('abort', () => held.delete(leadership), { once: true });
    return leadership;
  };
  return {
    leaseMsMax: inner.leaseMsMax,
    campaign(advert, signal) {
      return gate.pass(async () => {
        signal.throwIfAborted();
        const leadership = await inner.campaign(advert, AbortSignal.any([signal, gate.closing]));
        // The lead may have come in the same moment as the abort: the caller is gone, so nobody would resign it.
        if (signal.aborted || gate.closing.aborted) {
          await leadership.resign();
          throw signal.aborted ? signal.reason : gate.closing.reason;
        }
        return keep(leadership);
      }, signal);
    },
    tryCampaign(advert: Advert) {
      return gate.pass(async () => {
        const leadership = await inner.tryCampaign(advert);
        return leadership && keep(leadership);
      });
    },
    leader: (): Promise<Leader | undefined> => gate.pass(() => inner.leader()),
    close: () =>
      gate.close(async () => {
        // A lead that cannot be resigned runs out by itself; that must not keep the adapter open.
        await Promise.allSettled([...held].map((leadership) => leadership.resign()));
        await inner.close();
      }),
  };
}

/** @throws LatchkeyError bad_request if `key` breaks the rules of `Storage`. The key is not quoted: paths are private. */
export function checkKey(key: string, limits: StorageLimits): void {
  const fault = keyFault(key, limits);
  if (fault !== undefined) throw new LatchkeyError('bad_request', `invalid storage key: ${fault}`);
}

/** Counts what is under way, refuses what comes after close, and turns foreign errors into ours. */
class Gate {
  readonly #what: string;
  readonly #closing = new AbortController();
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  /** Aborts when close begins. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  async pass<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.closing.throwIfAborted();
    this.#underWay += 1;
    try {
      return await act();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof LatchkeyError) throw error;
      throw new LatchkeyError('storage_unavailable', `${this.#what} failed`, { cause: error });
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle?.();
    }
  }

  close(act: () => Promise<void>): Promise<void> {
    this.#closed ??= this.#closeOnce(act);
    return this.#closed;
  }

  async #closeOnce(act: () => Promise<void>): Promise<void> {
    this.#closing.abort(new LatchkeyError('storage_unavailable', `${this.#what} is closed`));
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    try {
      await act();
    } catch (error) {
      if (hasCode(error, 'storage_unavailable')) throw error;
      throw new LatchkeyError('storage_unavailable', `${this.#what} could not be closed`, { cause: error });
    }
  }
}

function keyFault(key: string, limits: StorageLimits): string | undefined {
  if (typeof key !== 'string' || key === '') return 'it is empty';
  if (!key.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(key) > limits.keyBytesMax) return `it is longer than ${limits.keyBytesMax} bytes`;
  if (/\p{Cc}/u.test(key)) return 'it contains a control character';
  for (const segment of key.split('/')) {
    if (segment === '') return 'it has an empty segment or a slash at an end';
    if (segment === '.' || segment === '..') return 'it has a "." or ".." segment';
  }
  return undefined;
}

function checkPrefix(prefix: string, limits: StorageLimits): string {
  if (prefix === '') return prefix;
  if (typeof prefix !== 'string' || !prefix.endsWith('/')) {
    throw new LatchkeyError('bad_request', 'invalid storage prefix: it must be empty or end in a slash');
  }
  checkKey(prefix.slice(0, -1), limits);
  return prefix;
}

function checkListOptions(options: ListOptions): ListOptions {
  const limit = options.limit ?? STORAGE_LIST_ENTRIES_MAX;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new LatchkeyError('bad_request', 'invalid list limit: it must be a whole number from 1');
  }
  const within = { limit: Math.min(limit, STORAGE_LIST_ENTRIES_MAX) };
  if (options.after === undefined || options.after === '') return within;
  if (!options.after.isWellFormed()) {
    throw new LatchkeyError('bad_request', 'invalid name to list after: it is not valid Unicode');
  }
  return { ...within, after: options.after };
}

function checkChanges(changes: readonly Change[], limits: StorageLimits): void {
  if (changes.length > limits.batchChangesMax) {
    throw new LatchkeyError('bad_request', `more than ${limits.batchChangesMax} changes in one batch`);
  }
  for (const change of changes) {
    checkKey(change.key, limits);
    if (change.kind === 'put' && change.value.byteLength > limits.valueBytesMax) {
      throw new LatchkeyError('bad_request', `a value is larger than ${limits.valueBytesMax} bytes`);
    }
  }
}

function checkFence(fence: Fence | Unfenced): void {
  if (fence === unfenced) return;
  if (!Number.isSafeInteger(fence.epoch) || fence.epoch < 1) {
    throw new LatchkeyError('bad_request', 'invalid fence: an epoch is a whole number from 1');
  }
}
