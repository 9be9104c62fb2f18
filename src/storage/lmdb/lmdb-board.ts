import type { Clock } from '../../base/clock.ts';
import { isObject, parseJson } from '../../base/json.ts';
import type { LeaseBoard, LeaseRecord } from '../lease-election.ts';
import type { LmdbEnvironment } from './environment.ts';
import { hostMonotonicMs, ownIdentity, type ProcessIdentity, provablyGone } from './process-identity.ts';
import { EPOCH_KEY, encodeLease, LEASE_KEY, readLease } from './records.ts';

// The lease of one host: on CLOCK_MONOTONIC, owned by a process that others can look up.

const READER_CHECK_MS = 1_000;

export class LmdbBoard implements LeaseBoard {
  readonly owner: string;
  readonly #environment: LmdbEnvironment;
  readonly #clock: Clock;
  readonly #self: ProcessIdentity = ownIdentity();
  #tendedAt = Number.NEGATIVE_INFINITY;

  constructor(environment: LmdbEnvironment, clock: Clock) {
    this.#environment = environment;
    this.#clock = clock;
    this.owner = JSON.stringify(this.#self);
  }

  now(): number {
    return hostMonotonicMs();
  }

  async read(): Promise<LeaseRecord | undefined> {
    return this.#environment.read(readLease);
  }

  change(
    decide: (current: LeaseRecord | undefined) => LeaseRecord | undefined,
  ): Promise<LeaseRecord | undefined> {
    return this.#environment.transact((writer) => {
      const next = decide(readLease(writer));
      if (next !== undefined) {
        writer.putSync(LEASE_KEY, encodeLease(next));
        writer.putSync(EPOCH_KEY, Buffer.from(String(next.epoch)));
      }
      return next;
    });
  }

  ownerGone(owner: string): boolean {
    const other = parseOwner(owner);
    return other !== undefined && provablyGone(other, this.#self);
  }

  tend(): void {
    if (this.#clock.monotonic() - this.#tendedAt < READER_CHECK_MS) return;
    this.#tendedAt = this.#clock.monotonic();
    this.#environment.clearDeadReaders();
  }

  close(): Promise<void> {
    return this.#environment.release();
  }
}

/** Undefined if it is not what this version writes; then only the lease's end can free it. */
function parseOwner(owner: string): ProcessIdentity | undefined {
  const value = parseJson(owner);
  if (!isObject(value)) return undefined;
  const { pid, startTicks, bootId, pidNamespace } = value;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  if (typeof startTicks !== 'string' || typeof bootId !== 'string' || typeof pidNamespace !== 'string')
    return undefined;
  return { pid, startTicks, bootId, pidNamespace };
}
