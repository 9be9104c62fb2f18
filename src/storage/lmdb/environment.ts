import { open, type RootDatabase } from 'lmdb';
import type { Clock } from '../../base/clock.ts';
import { explain, LatchkeyError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { FILE_MODE, prepareFolder } from './data-folder.ts';

// One LMDB environment, opened the one way that several processes may share without losing writes.

export interface EnvironmentOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A write that makes no progress for so long breaks the environment. Milliseconds. */
  readonly writeLimitMs: number;
  /**
   * Called once, when this process can never write again. The caller ends the process with SIGKILL and starts anew:
   * `process.exit` waits for the library's writer thread, which may wait for ever, holding the lock of all writers.
   */
  onPanic(reason: string): void;
}

export type Reader = Pick<RootDatabase<Buffer, Buffer>, 'get' | 'getKeys'>;
export type Writer = Reader & Pick<RootDatabase<Buffer, Buffer>, 'putSync' | 'removeSync'>;

/** The watch looks this often within the limit, so that one jump of time (SIGSTOP, suspend) counts as one look. */
const LOOKS_PER_LIMIT = 10;

export class LmdbEnvironment {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #options: EnvironmentOptions;
  readonly #broken = Promise.withResolvers<never>();
  #brokenReason: string | undefined;
  #pending = 0;
  #finished = 0;
  #watching = false;
  #users = 0;
  readonly #closing = new AbortController();

  private constructor(db: RootDatabase<Buffer, Buffer>, options: EnvironmentOptions) {
    this.#db = db;
    this.#options = options;
    // Each write races against it; without writes under way nobody listens, and that is no fault.
    this.#broken.promise.catch(() => {});
    // Each batch of the library makes one more promise that it hands to nobody. If the commit fails, that one
    // rejects as well and would end the process. It is made right after this event, so the microtask finds it.
    db.on('beforecommit', () => queueMicrotask(() => void db.committed.then(() => {}, swallowCommitError)));
  }

  /**
   * Waits, and with it this process's event loop, while another process holds the writer's lock: milliseconds,
   * unless that process was stopped inside a commit.
   * @throws LatchkeyError storage_unavailable or storage_corrupt, with the path and the cause in the detail.
   */
  static async open(options: EnvironmentOptions): Promise<LmdbEnvironment> {
    await prepareFolder(options.path, options.clock);
    // `overlappingSync`, the library's default, has left survivors of a kill -9 unable to write. `noSubdir` is
    // otherwise guessed from a dot in the path. `permissionsMode` is missing in the library's types.
    const settings = {
      overlappingSync: false,
      encoding: 'binary' as const,
      keyEncoding: 'binary' as const,
      noSubdir: false,
      permissionsMode: FILE_MODE,
    };
    try {
      return new LmdbEnvironment(open<Buffer, Buffer>(options.path, settings), options);
    } catch (error) {
      const message = 'the storage could not be opened';
      const code = /MDB_(INVALID|CORRUPTED|VERSION_MISMATCH|BAD_CHECKSUM)/.test(explain(error))
        ? 'storage_corrupt'
        : 'storage_unavailable';
      throw new LatchkeyError(code, message, { cause: error, detail: options.path });
    }
  }

  /**
   * Runs `look` on a fresh snapshot. Without the reset, another process's acknowledged write may stay unseen for a
   * turn of the event loop. `look` must not await: an open cursor must not outlive the snapshot.
   */
  read<T>(look: (reader: Reader) => T): T {
    this.#refuseIfBroken();
    try {
      this.#db.resetReadTxn();
      return look(this.#db);
    } catch (error) {
      if (error instanceof LatchkeyError) throw error;
      throw new LatchkeyError('storage_unavailable', 'the storage could not be read', { cause: error });
    }
  }

  /**
   * Runs `act` under the lock of all writers of all processes, on the newest state; what it puts is kept whole and
   * durable when this resolves, and rolled back whole if it throws. `act` must not await.
   */
  async transact<T>(act: (writer: Writer) => T): Promise<T> {
    this.#refuseIfBroken();
    this.#pending += 1;
    void this.#watch();
    try {
      return await Promise.race([this.#db.childTransaction(() => act(this.#db)), this.#broken.promise]);
    } catch (error) {
      if (error instanceof LatchkeyError) throw error;
      throw await this.#writeFailure(error);
    } finally {
      this.#pending -= 1;
      this.#finished += 1;
    }
  }

  /** Frees the page pins of readers that were killed; else the file grows. */
  clearDeadReaders(): void {
    if (this.#brokenReason === undefined) this.#db.readerCheck();
  }

  /** One more part of this process uses the environment; the last `release` closes it. */
  retain(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    // A broken library waits for its lost writes for ever; the process is about to end anyway.
    if (this.#brokenReason === undefined) await this.#db.close();
    this.#closing.abort();
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    let still = 0;
    let finishedBefore = this.#finished;
    while (this.#pending > 0 && this.#brokenReason === undefined) {
      try {
        await this.#options.clock.sleep(this.#options.writeLimitMs / LOOKS_PER_LIMIT, this.#closing.signal);
      } catch {
        break;
      }
      still = this.#finished === finishedBefore ? still + 1 : 0;
      finishedBefore = this.#finished;
      if (still >= LOOKS_PER_LIMIT && this.#pending > 0) {
        this.#break(`a write has been pending for ${this.#options.writeLimitMs} ms`);
      }
    }
    this.#watching = false;
  }

  /** The library's error says only that a commit failed; the reason is in a promise that rejects a little later. */
  async #writeFailure(error: unknown): Promise<LatchkeyError> {
    const reason = await commitReason(error, this.#options.clock);
    const text = explain(reason);
    if (/MDB_PANIC|MDB_CORRUPTED|MDB_BAD_TXN/.test(text)) this.#break(text);
    // LMDB reports a disk that takes only a part of a page as an input/output error.
    const full = /no space left|quota exceeded|file too large|input\/output error/i.test(text);
    const message = full
      ? 'the storage could not be written: its disk is full or failing'
      : 'the storage write failed';
    return new LatchkeyError('storage_unavailable', message, { cause: reason });
  }

  #break(reason: string): void {
    if (this.#brokenReason !== undefined) return;
    this.#brokenReason = reason;
    this.#options.log.error('storage is broken in this process', { reason });
    this.#broken.reject(brokenError(reason));
    this.#options.onPanic(reason);
  }

  #refuseIfBroken(): void {
    if (this.#brokenReason !== undefined) throw brokenError(this.#brokenReason);
  }
}

function swallowCommitError(error: unknown): void {
  if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
    error.commitError.catch(() => {});
  }
}

const COMMIT_REASON_MS_MAX = 100;

async function commitReason(error: unknown, clock: Clock): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error) || !(error.commitError instanceof Promise))
    return error;
  const reason = error.commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
  return await Promise.race([reason, clock.sleep(COMMIT_REASON_MS_MAX).then(() => error)]);
}

function brokenError(reason: string): LatchkeyError {
  return new LatchkeyError(
    'storage_unavailable',
    'the storage is broken in this process; it must be restarted',
    {
      detail: reason,
    },
  );
}
