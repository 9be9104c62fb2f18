import type { Clock } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Election } from '../election.ts';
import { guardElection, guardStorage } from '../guard.ts';
import { LeaseElection } from '../lease-election.ts';
import { leaseTimes } from '../lease-times.ts';
import type { Storage } from '../storage.ts';
import { LmdbEnvironment } from './environment.ts';
import { LmdbBoard } from './lmdb-board.ts';
import { LmdbStorage } from './lmdb-storage.ts';
import { checkFormat } from './records.ts';

// Embedded storage for one host: several processes on one LMDB environment, and who of them leads.

/** A lease this long survives a stall of the disk or the event loop of over three seconds. Milliseconds. */
const LEASE_MS = 5_000;
const WRITE_LIMIT_MS = 10_000;

export interface LmdbOptions {
  /** Folder; made with mode 0700 if missing. Its files get 0600. On a local disk, never NFS. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** See `EnvironmentOptions.onPanic`. */
  onPanic(reason: string): void;
  /** Milliseconds; default 5,000. The same in every process. */
  readonly leaseMs?: number;
  /** Milliseconds; default 10,000. */
  readonly writeLimitMs?: number;
}

/**
 * All processes must share one host, one boot and one PID namespace. A process that was stopped (SIGSTOP) inside a
 * commit holds the writer's lock and delays every write and take-over until it runs again or is killed.
 * @throws LatchkeyError storage_unavailable (folder missing and not to be made, no rights), storage_corrupt
 *   (not our file, damaged, or of a newer format).
 */
export async function openLmdb(options: LmdbOptions): Promise<{ storage: Storage; election: Election }> {
  const { path, clock, random, log } = options;
  const environment = await LmdbEnvironment.open({
    path,
    clock,
    log,
    writeLimitMs: options.writeLimitMs ?? WRITE_LIMIT_MS,
    onPanic: (reason) => options.onPanic(reason),
  });
  environment.retain();
  try {
    await checkFormat(environment);
  } catch (error) {
    await environment.release();
    if (error instanceof LatchkeyError) {
      throw new LatchkeyError(error.code, error.message, { cause: error.cause, detail: path });
    }
    throw error;
  }
  environment.retain();
  const times = leaseTimes(options.leaseMs ?? LEASE_MS);
  return {
    storage: guardStorage(new LmdbStorage(environment)),
    election: guardElection(
      new LeaseElection({ board: new LmdbBoard(environment, clock), clock, random, times }),
    ),
  };
}
