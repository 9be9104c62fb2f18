// A node: what outlives leadership. It answers for itself what must be answered in every state, serves the rest while
// it leads, and carries it to the active node while it stands by.

import type { SecretBytes } from '../base/bytes.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import { ForwardFault } from '../cluster/wire.ts';
import { type RouteMatch, RouteTable } from '../mount/route-match.ts';
import type {
  InFlightView,
  InitRequest,
  InitResult,
  LeaderView,
  NodePort,
  ProcessPort,
  SealView,
} from '../system/ports.ts';
import type { Answer, Call, CallHandler, CorsRules } from './call.ts';
import { CorsReader } from './cors.ts';
import { Follower } from './follower.ts';
import { InFlight } from './in-flight.ts';
import { initializeNode } from './init-node.ts';
import { CORE_PREFIX } from './layout.ts';
import { keepLeading } from './leadership.ts';
import { answerLocally, answerUnchecked, isOpenHere } from './local-answer.ts';
import { MeasuredSeal } from './measured-seal.ts';
import { nodeReadings } from './node-metrics.ts';
import type { NodeParts } from './node-parts.ts';
import { openTenure } from './open-tenure.ts';
import { combineShares, verifyRecoveryShares } from './recovery.ts';
import { ShareCollection } from './shares.ts';
import { StoreDoor } from './stores.ts';
import type { Tenure } from './tenure.ts';
import { Unsealer } from './unsealer.ts';
import { decodeAnswer, encodeCall } from './wire.ts';

/** Milliseconds that a request waits on a standby while no leader is known. */
const HOLD_MS_MAX = 5_000;
const HOLD_STEP_MS = 50;

export class Node implements CallHandler, NodePort {
  readonly #parts: NodeParts;
  readonly #door: StoreDoor;
  readonly #unsealer: Unsealer;
  readonly #follower: Follower;
  readonly #shares: ShareCollection;
  readonly #local: RouteTable;
  readonly #inFlight: InFlight;
  readonly #cors: CorsReader;
  readonly #seal: MeasuredSeal;
  readonly #stop = new AbortController();
  #tenure: Tenure | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: NodeParts) {
    const { clock, random, log, metrics } = parts;
    this.#seal = new MeasuredSeal(parts.seal, metrics, clock);
    this.#parts = { ...parts, seal: this.#seal };
    this.#inFlight = new InFlight(clock);
    this.#cors = new CorsReader(clock);
    this.#door = new StoreDoor(parts.openStorage, random, clock, metrics);
    this.#unsealer = new Unsealer({
      door: this.#door,
      seal: this.#seal,
      clusterIdPin: parts.clusterId,
      metrics,
      clock,
      random,
      log: log.child('unsealer'),
    });
    const { advert, hostname, version } = parts;
    this.#follower = new Follower({
      nodeId: advert.nodeId,
      echo: { ...advert, hostname, version },
      metrics,
      clock,
      log: log.child('standby'),
    });
    this.#shares = new ShareCollection(random);
    this.#local = new RouteTable(parts.system.localRoutes(this, () => clock.now()));
    metrics.watch(() => this.#readings());
  }

  /** Starts the unsealer and everything behind it; returns at once. */
  start(): void {
    const signal = this.#stop.signal;
    this.#running = Promise.all([this.#unsealer.run(signal), this.#live(signal)]);
  }

  /** Hands the lead over, seals, and closes the storage. */
  async stop(): Promise<void> {
    this.#stop.abort(new LatchkeyError('sealed', 'the node is stopping'));
    await this.#running.catch(() => {});
    this.#shares.reset();
    await this.#door.close();
    await this.#parts.seal.close();
  }

  /** After SIGHUP: a sealed node tries again now. Resolves to names of what was opened anew, for the log. */
  async reload(): Promise<readonly string[]> {
    this.#unsealer.poke();
    if (this.#tenure === undefined) return [];
    await this.#tenure.reloadAudit();
    return ['audit devices'];
  }

  get isActive(): boolean {
    return this.#tenure !== undefined;
  }

  /** @throws LatchkeyError for every refusal. */
  async handle(call: Call): Promise<Answer> {
    using _ = this.#inFlight.enter(call);
    const local = call.path.startsWith('sys/')
      ? this.#local.match(call.path.slice('sys/'.length))
      : undefined;
    // Awaited here, so that the call is in flight until it is answered.
    if (local !== undefined) return await this.#answerForItself(local, call);
    if (this.#unsealer.session === undefined) throw sealed();
    return await this.#serve(call);
  }

  /** Every node reads them for itself, a standby as well: a browser talks to whichever it was given. */
  async cors(): Promise<CorsRules | undefined> {
    const barrier = this.#door.stores?.barrier;
    if (this.#unsealer.session === undefined || barrier === undefined) return undefined;
    return this.#cors.read(barrier.view(CORE_PREFIX)).catch(() => undefined);
  }

  /** For the cluster port: a call that a standby forwarded. */
  async serveForwarded(call: Call): Promise<Answer> {
    if (this.#tenure === undefined) throw new LatchkeyError('no_active_node', 'this node does not lead');
    using _ = this.#inFlight.enter(call);
    return await this.#tenure.run(call);
  }

  // --- NodePort -----------------------------------------------------------------------------------------------------

  get process(): ProcessPort {
    return this.#parts.process;
  }

  inFlight(): readonly InFlightView[] {
    return this.#inFlight.list();
  }

  async sealView(): Promise<SealView> {
    const { seal, storageType } = this.#parts;
    const unsealer = this.#unsealer;
    if (!unsealer.hasRead) {
      const cause = unsealer.fault?.sentence ?? 'it has not answered yet';
      throw new LatchkeyError(
        'storage_unavailable',
        `the storage was not read yet (storage_unavailable): ${cause}`,
      );
    }
    const { record } = unsealer;
    return {
      sealKind: seal.kind,
      isManual: seal.manual !== undefined,
      storageType,
      initialized: record !== undefined,
      sealed: unsealer.session === undefined,
      recoveryShares: record?.recovery.shares ?? 0,
      recoveryThreshold: record?.recovery.threshold ?? 0,
      clusterId: record?.clusterId ?? '',
      clusterName: record?.clusterName ?? '',
      progress: this.#shares.progress,
      nonce: this.#shares.nonce,
      unsealState: unsealer.state,
      fault: unsealer.fault,
      sealKey: seal.manual === undefined ? unsealer.sealKey : '',
      sealWarnings: seal.describe.warnings,
    };
  }

  async leader(): Promise<LeaderView> {
    const { advert } = this.#parts;
    const tenure = this.#tenure;
    if (tenure !== undefined) {
      const { apiAddress, clusterAddress } = advert;
      return { isSelf: true, activeSince: tenure.since, apiAddress, clusterAddress, reachable: true };
    }
    const leader = this.#follower.leader?.advert;
    return {
      isSelf: false,
      activeSince: undefined,
      apiAddress: leader?.apiAddress ?? '',
      clusterAddress: leader?.clusterAddress ?? '',
      reachable: this.#follower.reachable,
    };
  }

  initialize(request: InitRequest): Promise<InitResult> {
    return initializeNode(
      {
        ...this.#parts,
        door: this.#door,
        record: () => this.#unsealer.record,
        tenure: () => this.#tenure,
        untilServing: () => this.#untilServing(),
        lookAgain: () => this.#unsealer.lookAgain(),
      },
      request,
      this.#stop.signal,
    );
  }

  async submitShare(share: SecretBytes): Promise<void> {
    if (this.#unsealer.session !== undefined) {
      share.wipe();
      return;
    }
    this.#shares.add(share);
    const record = this.#unsealer.record ?? (await this.#unsealer.lookAgain());
    if (record === undefined) {
      this.#shares.reset();
      throw new LatchkeyError('not_initialized', 'Vault is not initialized');
    }
    const needed = record.recovery.threshold;
    if (this.#shares.progress < needed) return;
    const shares = this.#shares.take();
    try {
      if (this.#parts.seal.manual !== undefined) {
        await this.#unsealer.openWith(await combineShares(shares), this.#stop.signal);
      } else {
        await this.#unsealer.openFor(
          ({ barrier }) => verifyRecoveryShares(barrier.view(CORE_PREFIX), shares),
          this.#stop.signal,
        );
      }
    } finally {
      for (const given of shares) given.wipe();
    }
  }

  resetShares(): void {
    this.#shares.reset();
  }

  async sealByOperator(): Promise<void> {
    this.#parts.log.warn(
      'sealed by an operator on this node; auto-unseal is paused until a restart, or `operator unseal` with recovery keys',
    );
    this.#unsealer.sealByOperator();
  }

  // --- inside -------------------------------------------------------------------------------------------------------

  /** Unsealed: stand for the lead and follow whoever has it; sealed again: wipe and wait. */
  async #live(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const held = await this.#unsealer.untilUnsealed(signal).catch(() => undefined);
      if (held === undefined) return;
      const session = AbortSignal.any([held.signal, signal]);
      const stores = await this.#door.open();
      const following = this.#follower.run(stores, session);
      await keepLeading(
        {
          advert: this.#parts.advert,
          clock: this.#parts.clock,
          metrics: this.#parts.metrics,
          log: this.#parts.log,
          openTenure: (opened, leadership, end) => openTenure(this.#parts, this, opened, leadership, end),
          serving: (tenure) => {
            this.#tenure = tenure;
          },
        },
        stores,
        session,
      );
      await following;
      this.#cors.forget();
      stores.barrier.seal();
      held.release();
    }
  }

  /** Active: here. Standby: over there, or a redirect. Between leaders: wait a little for the next one. */
  async #serve(call: Call): Promise<Answer> {
    const { clock } = this.#parts;
    const deadline = clock.monotonic() + HOLD_MS_MAX;
    for (;;) {
      const answer = await this.#serveOnce(call);
      if (answer !== undefined) return answer;
      if (this.#unsealer.session === undefined) throw sealed();
      if (clock.monotonic() >= deadline) return this.#redirect();
      await clock.sleep(HOLD_STEP_MS, call.signal);
    }
  }

  /** Undefined if the call was certainly not carried out and may be tried again. */
  async #serveOnce(call: Call): Promise<Answer | undefined> {
    try {
      if (this.#tenure !== undefined) return await this.#tenure.run(call);
      if (!call.mayForward) return this.#follower.leader === undefined ? undefined : this.#redirect();
      return await this.#forward(call);
    } catch (error) {
      if (hasCode(error, 'no_active_node') && mayRepeat(error, call)) return undefined;
      throw error;
    }
  }

  async #forward(call: Call): Promise<Answer | undefined> {
    const { link } = this.#follower;
    const { metrics } = this.#parts;
    if (link === undefined) return undefined;
    using _ = metrics.time('ha.rpc.client.forward');
    try {
      return decodeAnswer(await link.send(encodeCall(call), call.signal));
    } catch (error) {
      if (error instanceof ForwardFault) metrics.count('ha.rpc.client.forward.errors');
      throw error;
    }
  }

  #redirect(): Answer {
    const origin = this.#follower.leader?.advert.apiAddress;
    if (origin === undefined) throw new LatchkeyError('no_active_node', 'no active Vault instance found');
    return { kind: 'redirect', origin };
  }

  /** Never by another node: `sys/seal`, metrics and kin are about the node that was asked. */
  async #answerForItself(local: RouteMatch, call: Call): Promise<Answer> {
    if (isOpenHere(local, call)) return answerLocally(local, call);
    if (local.route.pattern === 'seal') return this.#sealThisNode(call);
    if (this.#unsealer.session === undefined) return answerUnchecked(local, call, sealed());
    if (this.#tenure !== undefined) return this.#tenure.run(call);
    return this.#answerOnceAllowed(local, call);
  }

  /** On a standby the active node checks the token, and writes it down; the answer is this node's own. */
  async #answerOnceAllowed(local: RouteMatch, call: Call): Promise<Answer> {
    if (call.wrapTtl !== undefined) {
      throw new LatchkeyError('bad_request', 'what a standby says of itself cannot be wrapped');
    }
    const nobody = new LatchkeyError('no_active_node', 'no active Vault instance found');
    if (this.#follower.link === undefined && local.route.unchecked !== undefined) {
      return answerUnchecked(local, call, nobody);
    }
    try {
      const verdict = await this.#serve({ ...call, onlyDecide: true });
      return verdict.kind === 'redirect' || call.help ? verdict : await answerLocally(local, call);
    } catch (error) {
      if (!hasCode(error, 'no_active_node')) throw error;
      return answerUnchecked(local, call, error);
    }
  }

  /** `sys/seal` seals the node that is asked, so it is neither open nor forwarded. */
  async #sealThisNode(call: Call): Promise<Answer> {
    if (this.#unsealer.session === undefined) return { kind: 'response', response: {}, mountType: 'system' };
    if (this.#tenure === undefined) {
      throw new LatchkeyError(
        'cannot_comply',
        'vault cannot seal when in standby mode; please restart instead',
      );
    }
    return this.#tenure.run(call);
  }

  #readings() {
    return nodeReadings({
      unsealer: this.#unsealer,
      isActive: this.isActive,
      hearsActive: this.#follower.reachable,
      now: this.#parts.clock.now(),
      inFlight: this.#inFlight.size,
      secondsSinceSealSuccess: this.#seal.secondsSinceSuccess,
    });
  }

  /** Resolves once this node is unsealed and knows who leads. */
  async #untilServing(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(HOLD_MS_MAX * 2)]);
    this.#unsealer.poke();
    await this.#unsealer.untilUnsealed(signal);
    while (this.#tenure === undefined && this.#follower.link === undefined) {
      await this.#parts.clock.sleep(HOLD_STEP_MS, signal);
    }
  }
}

/** A write whose fate is unknown must not be carried out twice. */
function mayRepeat(error: LatchkeyError, call: Call): boolean {
  const isRead = call.verb === 'read' || call.verb === 'list';
  return isRead || !(error instanceof ForwardFault) || error.delivery === 'not_delivered';
}

function sealed(): LatchkeyError {
  return new LatchkeyError('sealed', 'Vault is sealed');
}
