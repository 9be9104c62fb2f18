// Opens the node and keeps it open: lives as long as the process, tries for ever, and always knows the cause.

import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { formatDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import { type Seal, SealFault, type SealStage } from '../seal/seal.ts';
import type { FaultView, UnsealState } from '../system/ports.ts';
import { ALTERED, faultOf, waitAfter } from './fault.ts';
import {
  contextOf,
  parseRootKeys,
  ROOT_KEYS_PATH,
  type RootKeyCopy,
  type RootKeyRecord,
  type StoredRootKeys,
} from './root-keys.ts';
import type { StoreDoor, Stores } from './stores.ts';

export interface UnsealerParts {
  readonly door: StoreDoor;
  readonly seal: Seal;
  /** `cluster_id` of the config: data of another cluster is refused. */
  readonly clusterIdPin: string | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Session {
  /** Aborts when the node is sealed again. */
  readonly signal: AbortSignal;
  /** To be called once, when everything of the session is closed and the barrier wiped. */
  release(): void;
  readonly released: Promise<void>;
}

/** Milliseconds between two looks at a storage that holds no cluster yet. */
const UNINITIALIZED_POLL_MS = 500;

export class Unsealer {
  readonly #parts: UnsealerParts;
  readonly #lock = new KeyLock();
  #state: UnsealState = 'starting';
  #stateSince: number;
  #record: RootKeyRecord | undefined;
  #readOnce = false;
  #sealKey = '';
  #fault: FaultView | undefined;
  #attempts = 0;
  #session: AbortController | undefined;
  /** Stays until it is released, so that no new session opens the barrier that the old one is about to wipe. */
  #held: Session | undefined;
  #wake: () => void = () => {};
  /** A poke that came while nobody rested counts for the next rest. */
  #poked = false;
  #watchers = new Set<() => void>();

  constructor(parts: UnsealerParts) {
    this.#parts = parts;
    this.#stateSince = parts.clock.monotonic();
  }

  get secondsInState(): number {
    return (this.#parts.clock.monotonic() - this.#stateSince) / 1_000;
  }

  get state(): UnsealState {
    return this.#state;
  }

  /** The record last read; undefined if there is none, or none was read yet. */
  get record(): RootKeyRecord | undefined {
    return this.#record;
  }

  /** True once the storage has said whether there is a cluster. */
  get hasRead(): boolean {
    return this.#readOnce;
  }

  /** Full id of the KEK that opened this node; empty before. */
  get sealKey(): string {
    return this.#sealKey;
  }

  get fault(): FaultView | undefined {
    return this.#fault;
  }

  /** Aborts when the node is sealed again; undefined while it is sealed. */
  get session(): AbortSignal | undefined {
    return this.#session?.signal;
  }

  /** Tries until `signal` aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = await this.#turn(signal);
      await this.#rest(wait, signal);
    }
  }

  /** Tries again now: after SIGHUP, or after an initialisation. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /**
   * Resolves once the node is unsealed, or was and its session has not been released yet; rejects with the signal's
   * reason. Whoever lives on the session wipes the barrier at its end and then releases it.
   */
  async untilUnsealed(signal: AbortSignal): Promise<Session> {
    while (this.#held === undefined) await this.untilChanged(signal);
    return this.#held;
  }

  /** Resolves at the next change of state; rejects with the signal's reason. */
  untilChanged(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        signal.removeEventListener('abort', aborted);
        this.#watchers.delete(done);
        resolve();
      };
      const aborted = () => {
        this.#watchers.delete(done);
        reject(signal.reason);
      };
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      this.#watchers.add(done);
    });
  }

  /** Seals until the process restarts or shares reopen it. */
  sealByOperator(): void {
    this.#enter('operator', 'an operator sealed this node');
    this.#fault = undefined;
    this.#session?.abort(new LatchkeyError('sealed', 'Vault is sealed'));
    this.#session = undefined;
  }

  /**
   * One attempt on behalf of an operator with recovery shares: opens the barrier through the seal, then asks `allow`.
   * @throws SealFault or LatchkeyError as the attempt met them; bad_request if `allow` says no, and the node stays sealed.
   */
  async openFor(allow: (stores: Stores) => Promise<boolean>, signal: AbortSignal): Promise<void> {
    await this.#untilReleased(signal);
    await this.#lock.run('attempt', async () => {
      if (this.#session !== undefined) return;
      const opened = await this.#open(signal);
      if (opened === undefined) throw new LatchkeyError('not_initialized', 'Vault is not initialized');
      if (!(await allow(opened))) {
        opened.barrier.seal();
        throw new LatchkeyError(
          'bad_request',
          'failed to verify recovery key: the shares do not give back the key',
        );
      }
      this.#unsealed('recovery shares were given');
    });
    this.#wake();
  }

  /**
   * One attempt with the KEK that people have given (32 bytes, taken over); undefined if their shares cannot belong
   * together. The seal forgets it again.
   * @throws LatchkeyError bad_request if it is not the KEK; the node stays sealed.
   */
  async openWith(kek: SecretBytes | undefined, signal: AbortSignal): Promise<void> {
    const { manual } = this.#parts.seal;
    await this.#untilReleased(signal);
    await this.#lock.run('attempt', async () => {
      try {
        if (kek === undefined || manual === undefined) throw wrongShares();
        manual.offer(kek);
        if ((await this.#open(signal)) === undefined) {
          throw new LatchkeyError('not_initialized', 'Vault is not initialized');
        }
        this.#unsealed('key shares were given');
      } catch (error) {
        throw error instanceof SealFault && error.facts.class === 'kek_mismatch' ? wrongShares(error) : error;
      } finally {
        manual?.forget();
      }
    });
    this.#wake();
  }

  /** Reads the record now, so that a cluster just made is known before the next turn of the loop. */
  async lookAgain(): Promise<RootKeyRecord | undefined> {
    await this.#lock.run('attempt', async () => {
      if (this.#session === undefined && this.#parts.seal.manual !== undefined) await this.#awaitShares();
      else if (this.#record === undefined) await this.#find();
    });
    return this.#record;
  }

  /** One turn of the loop; returns how long to rest, milliseconds, or undefined to rest until something changes. */
  #turn(signal: AbortSignal): Promise<number | undefined> {
    return this.#lock.run('attempt', async () => {
      if (this.#state === 'operator' || this.#held !== undefined) return undefined;
      try {
        if (this.#parts.seal.manual !== undefined) return await this.#awaitShares();
        const opened = await this.#open(signal);
        if (opened === undefined) return this.#uninitialized();
        if (this.#isSealedByOperator()) {
          opened.barrier.seal();
          return undefined;
        }
        this.#unsealed(`opened with ${this.#sealKey}`);
        return undefined;
      } catch (error) {
        return signal.aborted ? 0 : this.#failed(error);
      }
    });
  }

  #uninitialized(): number {
    this.#attempts = 0;
    this.#fault = undefined;
    this.#enter('not_initialized', 'the storage holds no cluster');
    return UNINITIALIZED_POLL_MS;
  }

  /** Nothing to try without people; but what they will open must be known, and so must its absence. */
  async #awaitShares(): Promise<number | undefined> {
    if ((await this.#find()) === undefined) return this.#uninitialized();
    this.#fault = undefined;
    this.#enter('awaiting_shares', 'people hold the KEK');
    return undefined;
  }

  /** The state may change while an attempt waits for Azure, which the compiler cannot see. */
  #isSealedByOperator(): boolean {
    return this.#state === 'operator';
  }

  /** Undefined if there is no cluster. */
  async #find(): Promise<{ readonly stores: Stores; readonly stored: StoredRootKeys } | undefined> {
    const stores = await this.#parts.door.open();
    const bytes = await stores.storage.get(ROOT_KEYS_PATH);
    this.#readOnce = true;
    this.#record = undefined;
    if (bytes === undefined) return undefined;
    const stored = parseRootKeys(bytes);
    this.#record = stored.record;
    return { stores, stored };
  }

  /** Undefined if there is no cluster. */
  async #open(signal: AbortSignal): Promise<Stores | undefined> {
    const found = await this.#find();
    if (found === undefined) return undefined;
    const { stores, stored } = found;
    using _ = this.#parts.metrics.time('core.unseal');
    if (this.#state === 'starting' || this.#state === 'not_initialized') {
      this.#enter('unsealing', 'a cluster was found');
    }
    const copies = this.#copiesToTry(stored.record);
    let last: unknown;
    for (const copy of copies) {
      let root: SecretBytes | undefined;
      try {
        root = await this.#parts.seal.unwrap(copy.wrapped, contextOf(stored.record, copy), signal);
        if (!stored.authenticates(root)) throw this.#refusal('unwrap', 'root_keys_altered', ALTERED);
        await stores.barrier.unseal(root);
        this.#sealKey = copy.wrapped.keyId;
        return stores;
      } catch (error) {
        last = error;
      } finally {
        root?.wipe();
      }
    }
    throw last;
  }

  #copiesToTry(record: RootKeyRecord): readonly RootKeyCopy[] {
    const { seal, clusterIdPin } = this.#parts;
    if (clusterIdPin !== undefined && clusterIdPin !== record.clusterId) {
      throw this.#refusal(
        'config',
        'cluster_id_mismatch',
        `The storage belongs to cluster ${record.clusterId}, and cluster_id in the config pins ${clusterIdPin}.`,
        'correct the path of the storage, or cluster_id, in the config, and restart',
      );
    }
    const current = record.copies.filter((copy) => copy.generation === record.generation);
    const own = current.filter((copy) => copy.sealName === seal.name && copy.sealKind === seal.kind);
    if (own.length > 0) return own;
    const known = current
      .map((copy) => `"${copy.sealName}" (${copy.sealKind}, ${copy.wrapped.keyId})`)
      .join(', ');
    const [first] = current;
    throw this.#refusal(
      'config',
      'no_copy_for_seal',
      `The data was sealed by ${known || 'no current seal'}, and this node is set to "${seal.name}" (${seal.kind}).`,
      first && `set name = "${first.sealName}" in the seal "${first.sealKind}" stanza, and restart`,
    );
  }

  #refusal(stage: SealStage, faultClass: string, sentence: string, remedy?: string): SealFault {
    const { seal } = this.#parts;
    return new SealFault({
      sealName: seal.name,
      stage,
      class: faultClass,
      retry: 'rare',
      sentence,
      ...(remedy === undefined ? {} : { remedy }),
      definite: true,
    });
  }

  #unsealed(reason: string): void {
    this.#attempts = 0;
    this.#fault = undefined;
    const session = new AbortController();
    this.#session = session;
    const released = Promise.withResolvers<void>();
    const release = () => {
      this.#held = undefined;
      released.resolve();
    };
    this.#held = { signal: session.signal, release, released: released.promise };
    this.#enter('unsealed', reason);
  }

  /** A sealed session may still be closing what it had opened. */
  async #untilReleased(signal: AbortSignal): Promise<void> {
    while (this.#session === undefined && this.#held !== undefined) {
      signal.throwIfAborted();
      await this.#held.released;
    }
  }

  #failed(error: unknown): number {
    const { clock, log, random, seal } = this.#parts;
    this.#attempts += 1;
    this.#parts.metrics.count('latchkey.unseal.failures_total');
    const fault = faultOf(error, seal.name);
    const wait = waitAfter(fault, this.#attempts, random);
    this.#fault = { ...fault, attempts: this.#attempts, nextAttemptAt: clock.now() + wait };
    log.warn(`still sealed: ${fault.sentence}`, {
      stage: fault.stage,
      class: fault.class,
      http_status: fault.httpStatus,
      seal: fault.seal,
      attempt: this.#attempts,
      next_in: formatDuration(wait),
      remedy: fault.remedy,
    });
    this.#enter('fault', fault.class);
    return wait;
  }

  #enter(state: UnsealState, reason: string): void {
    if (state !== this.#state) {
      this.#stateSince = this.#parts.clock.monotonic();
      this.#parts.log.info(`seal state: ${this.#state} -> ${state}`, { reason });
    }
    this.#state = state;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Sleeps, unless poked; without a time, until poked. */
  async #rest(milliseconds: number | undefined, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#wake = wake;
    if (this.#poked) wake();
    signal.addEventListener('abort', wake, { once: true });
    try {
      const forever = 2 ** 31 - 1;
      await this.#parts.clock.sleep(milliseconds ?? forever, woken.signal);
    } catch {
      // Woken early: the loop looks again.
    } finally {
      this.#poked = false;
      signal.removeEventListener('abort', wake);
    }
  }
}

/** The text begins as Vault's does. */
function wrongShares(cause?: unknown): LatchkeyError {
  const message = 'failed to decrypt keys from storage: the shares do not give back the key';
  return new LatchkeyError('bad_request', message, { cause });
}
