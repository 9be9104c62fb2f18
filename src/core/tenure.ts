// Everything that exists only while this node leads. Opening a step registers its own closing, and closing runs in
// reverse, so there is no list of things to stop.

import type { AuditConfig } from '../audit/audit-table.ts';
import type { AuditSinkType } from '../audit/device.ts';
import type { Barrier } from '../barrier/barrier.ts';
import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import { LATCHKEY_VERSION, RELEASE_DATE } from '../base/version.ts';
import type { EngineType } from '../engine/engine.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import type { Leadership } from '../storage/election.ts';
import type { MemberView, NodePort } from '../system/ports.ts';
import type { SystemRoom } from '../system/system-engine.ts';
import type { Answer, Call } from './call.ts';
import { CORE_PREFIX } from './layout.ts';
import { runPipeline } from './pipeline.ts';
import { createRecoveryKey } from './recovery.ts';
import { openRooms, type Rooms } from './rooms.ts';
import type { PipelineParts } from './steps.ts';
import { UsageMetrics } from './usage-metrics.ts';
import { noteVersion } from './version-history.ts';

export interface TenureParts {
  readonly barrier: Barrier;
  readonly leadership: Leadership;
  /** Types that can be mounted, by name. */
  readonly engines: ReadonlyMap<string, EngineType>;
  readonly cubbyhole: EngineType;
  readonly leaseTtl: TtlLimits;
  readonly node: NodePort;
  readonly system: SystemRoom;
  readonly auditSinks: ReadonlyMap<string, AuditSinkType>;
  auditConfig(): AuditConfig;
  members(): readonly MemberView[];
  readonly metrics: Metrics;
  /** Milliseconds between two counts of the tokens; 0 for none at all. */
  readonly usagePeriodMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Milliseconds that requests under way get to finish when the tenure ends in good order. */
const DRAIN_MS_MAX = 5_000;

export class Tenure implements AsyncDisposable {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly #parts: TenureParts;
  readonly #closing: AsyncDisposableStack;
  readonly #rooms: Rooms;
  readonly #pipeline: PipelineParts;
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(parts: TenureParts, rooms: Rooms, closing: AsyncDisposableStack) {
    this.#parts = parts;
    this.#rooms = rooms;
    this.#pipeline = pipelineOf(parts, rooms);
    this.#closing = closing;
    this.since = parts.clock.now();
  }

  /**
   * Opens mounts, tokens and engines under the leader's fence.
   * @throws LatchkeyError sealed, fenced, storage_unavailable, storage_corrupt; what was opened is closed again.
   */
  static async open(parts: TenureParts, end: (reason: string) => void): Promise<Tenure> {
    await using closing = new AsyncDisposableStack();
    // Another node may have rotated the keyring while this one stood by.
    await parts.barrier.refresh();
    const rooms = await openRooms(parts, closing, end);
    closing.use(usageOf(parts, rooms));
    const core = parts.barrier.view(CORE_PREFIX, parts.leadership.fence);
    await noteVersion(core, LATCHKEY_VERSION, RELEASE_DATE, parts.clock.now());
    return new Tenure(parts, rooms, closing.move());
  }

  /** @throws LatchkeyError; see `runPipeline`. */
  async run(call: Call): Promise<Answer> {
    if (this.#ended.signal.aborted)
      throw new LatchkeyError('no_active_node', 'this node has just stopped leading');
    const running = runPipeline(this.#pipeline, call);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /**
   * `operator init -restart`: the first answer was lost. New recovery keys and a new root token take the place of the
   * lost ones; the root key and the KEK stay. A kill in between leaves keys that nobody has, and it can be repeated.
   * @throws LatchkeyError already_initialized if any token was ever used.
   */
  async reissue(recovery: { readonly shares: number; readonly threshold: number }): Promise<Reissued> {
    const { barrier, leadership, clock, random } = this.#parts;
    if (this.#rooms.used.isSet) {
      throw new LatchkeyError(
        'already_initialized',
        'Vault is already initialized, and a token has been used since',
      );
    }
    const core = barrier.view(CORE_PREFIX, leadership.fence);
    const keyShares = await createRecoveryKey(core, random, recovery.shares, recovery.threshold);
    const { token } = await this.#rooms.tokens.store.replaceAllByRoot(random, clock.now());
    return { keyShares, rootToken: token };
  }

  /** After SIGHUP: devices are as the config says now, and rotated files are opened anew. */
  reloadAudit(): Promise<void> {
    return this.#rooms.audit.reload();
  }

  /** Runs `close` when the tenure ends, before what was opened earlier is closed. */
  onClose(close: () => Promise<void>): void {
    this.#closing.defer(close);
  }

  /** Takes no new calls, lets those under way finish while the lead holds, then closes in reverse. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { leadership, clock, log } = this.#parts;
    this.#ended.abort();
    const drained = Promise.allSettled(this.#running);
    await Promise.race([drained, clock.sleep(DRAIN_MS_MAX, leadership.lost).catch(() => {})]);
    try {
      await this.#closing.disposeAsync();
    } catch (error) {
      log.error('something did not close in good order when the tenure ended', { error: String(error) });
    }
  }
}

function pipelineOf(
  { leadership, clock, metrics }: TenureParts,
  { used, callTokens, ...rooms }: Rooms,
): PipelineParts {
  return {
    ...rooms,
    clock,
    metrics,
    markUsed: () => used.set(),
    rememberToken: (request, presented) => void callTokens.set(request, presented),
    holds: () => leadership.holds(),
    signal: leadership.lost,
  };
}

function usageOf(parts: TenureParts, { tokens, leases }: Rooms): UsageMetrics {
  const { metrics, clock, log, usagePeriodMs } = parts;
  return new UsageMetrics({
    metrics,
    clock,
    log,
    periodMs: usagePeriodMs,
    tokens: () => tokens.store.ids(),
    leases: () => leases.pending,
    irrevocableLeases: () => leases.irrevocable.length,
  });
}

export interface Reissued {
  readonly keyShares: readonly SecretBytes[];
  readonly rootToken: string;
}
