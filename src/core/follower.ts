// Keeps a line to the active node while this node stands by: finds it by the election, authenticates by the certificate
// that the active node keeps inside the barrier, and tells it by heartbeat that this node is there.

import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { HEARTBEAT_INTERVAL_MS, type MemberEcho } from '../cluster/members.ts';
import { type ActiveLink, connectToActive } from '../cluster/standby.ts';
import type { Leader } from '../storage/election.ts';
import { readIdentity } from './cluster-identity.ts';
import { CLUSTER_PREFIX } from './layout.ts';
import type { Stores } from './stores.ts';

export interface FollowerParts {
  readonly nodeId: string;
  /** What the heartbeat says of this node. */
  readonly echo: MemberEcho;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds between two looks at who leads; a look costs one read of the storage. */
const LOOK_MS = 150;
/** Milliseconds that a former leader has to answer what was sent to it before. */
const ANSWER_GRACE_MS = 1_500;
/** Without an answer for so long (two heartbeats), `sys/health` says that the active node cannot be reached. */
const UNREACHABLE_MS = 2 * HEARTBEAT_INTERVAL_MS;

export class Follower {
  readonly #parts: FollowerParts;
  #leader: Leader | undefined;
  #link: { readonly epoch: number; readonly active: ActiveLink } | undefined;
  #lastEchoAt = Number.NEGATIVE_INFINITY;
  #nextHeartbeatAt = 0;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  /** The line to the active node, if there is one. */
  get link(): ActiveLink | undefined {
    return this.#link?.active;
  }

  get reachable(): boolean {
    return this.#parts.clock.monotonic() - this.#lastEchoAt < UNREACHABLE_MS;
  }

  /** Follows until `signal` aborts. Never throws. */
  async run(stores: Stores, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look(stores);
        this.#heartbeat(signal);
      } catch (error) {
        if (!signal.aborted)
          this.#parts.log.debug('could not follow the active node', { error: explain(error) });
      }
      await this.#parts.clock.sleep(LOOK_MS, signal).catch(() => {});
    }
    this.#drop();
    this.#leader = undefined;
  }

  async #look(stores: Stores): Promise<void> {
    const leader = await stores.election.leader();
    this.#leader = leader;
    if (leader?.epoch === this.#link?.epoch) return;
    this.#drop();
    if (leader === undefined || leader.advert.nodeId === this.#parts.nodeId) return;
    using identity = await readIdentity(stores.barrier.view(CLUSTER_PREFIX), leader.epoch);
    // The new leader publishes its certificate a moment after it was elected; the next look will find it.
    if (identity === undefined) return;
    const active = connectToActive({ address: leader.advert.clusterAddress, identity });
    this.#link = { epoch: leader.epoch, active };
    this.#nextHeartbeatAt = 0;
    this.#parts.log.info('following the active node', {
      active: leader.advert.nodeId,
      address: leader.advert.clusterAddress,
      epoch: leader.epoch,
    });
  }

  /** Not awaited by the loop: a hung active node must not keep this one from seeing its successor. */
  #heartbeat(signal: AbortSignal): void {
    const { clock, echo, log, metrics } = this.#parts;
    const link = this.#link?.active;
    if (link === undefined || clock.monotonic() < this.#nextHeartbeatAt) return;
    this.#nextHeartbeatAt = clock.monotonic() + HEARTBEAT_INTERVAL_MS;
    const startedAt = clock.monotonic();
    link.heartbeat(echo, signal).then(
      () => {
        metrics.sample('ha.rpc.client.echo', clock.monotonic() - startedAt);
        if (this.#link?.active === link) this.#lastEchoAt = clock.monotonic();
      },
      (error: unknown) => {
        metrics.count('ha.rpc.client.echo.errors');
        if (!signal.aborted) log.debug('the active node did not hear this one', { error: explain(error) });
      },
    );
  }

  /** Calls under way may still be answered by a leader that closes in good order; nobody waits for them here. */
  #drop(): void {
    this.#link?.active.close(ANSWER_GRACE_MS).catch(() => {});
    this.#link = undefined;
    this.#lastEchoAt = Number.NEGATIVE_INFINITY;
  }
}
