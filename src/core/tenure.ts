// Everything that exists only while this node leads. Opening a step registers its own closing, and closing runs in
// reverse, so there is no list of things to stop.

import type { AuditDeviceEntry } from '../audit/audit-table.ts';
import { AuditBroker } from '../audit/broker.ts';
import type { AuditSinkType } from '../audit/device.ts';
import type { Barrier } from '../barrier/barrier.ts';
import type { SecretBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { EngineType, Request, View } from '../engine/engine.ts';
import { type MountEntry, MountTable, newMountEntry } from '../mount/mount-table.ts';
import { Router } from '../mount/router.ts';
import { type Decider, PolicyDecider } from '../policy/decide.ts';
import { PolicyStore } from '../policy/policy-store.ts';
import type { Leadership } from '../storage/election.ts';
import type { AuditPort, MemberView, NodePort, PolicyPort, RightsPort } from '../system/ports.ts';
import type { SystemRoom } from '../system/system-engine.ts';
import { tokenEngine } from '../token/token-engine.ts';
import { loginMetadataOf, type TokenEntry, TokenStore } from '../token/token-store.ts';
import type { Answer, Call } from './call.ts';
import { AUDIT_PREFIX, CORE_PREFIX, MOUNT_PREFIX, POLICY_PREFIX, TOKEN_PREFIX } from './layout.ts';
import { Mounts } from './mounts.ts';
import { runPipeline } from './pipeline.ts';
import { createRecoveryKey } from './recovery.ts';
import { UsedMark } from './used-mark.ts';

export interface TenureParts {
  readonly barrier: Barrier;
  readonly leadership: Leadership;
  /** Types that can be mounted, by name. */
  readonly engines: ReadonlyMap<string, EngineType>;
  readonly node: NodePort;
  readonly system: SystemRoom;
  readonly auditSinks: ReadonlyMap<string, AuditSinkType>;
  readonly auditDevices: readonly AuditDeviceEntry[];
  members(): readonly MemberView[];
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
  readonly #router: Router;
  readonly #tokens: TokenStore;
  readonly #used: UsedMark;
  readonly #audit: AuditBroker;
  readonly #decider: Decider;
  readonly #callTokens: WeakMap<Request, string>;
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(parts: TenureParts, rooms: Rooms, closing: AsyncDisposableStack) {
    this.#parts = parts;
    this.#router = rooms.router;
    this.#tokens = rooms.tokens;
    this.#used = rooms.used;
    this.#callTokens = rooms.callTokens;
    this.#audit = rooms.audit;
    this.#decider = rooms.decider;
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
    return new Tenure(parts, rooms, closing.move());
  }

  /** @throws LatchkeyError; see `runPipeline`. */
  async run(call: Call): Promise<Answer> {
    if (this.#ended.signal.aborted)
      throw new LatchkeyError('no_active_node', 'this node has just stopped leading');
    const parts = {
      router: this.#router,
      audit: this.#audit,
      decider: this.#decider,
      clock: this.#parts.clock,
      lookup: (token: string) => this.#tokens.lookup(token),
      markUsed: () => this.#used.set(),
      rememberToken: (request: Request, token: string) => void this.#callTokens.set(request, token),
      holds: () => this.#parts.leadership.holds(),
      signal: this.#parts.leadership.lost,
    };
    const running = runPipeline(parts, call);
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
    if (this.#used.isSet) {
      throw new LatchkeyError(
        'already_initialized',
        'Vault is already initialized, and a token has been used since',
      );
    }
    const core = barrier.view(CORE_PREFIX, leadership.fence);
    const keyShares = await createRecoveryKey(core, random, recovery.shares, recovery.threshold);
    const { token } = await this.#tokens.replaceAllByRoot(random, clock.now());
    return { keyShares, rootToken: token };
  }

  /** After SIGHUP: rotated audit files are opened anew. */
  reopenAudit(): Promise<void> {
    return this.#audit.reopen();
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

export interface Reissued {
  readonly keyShares: readonly SecretBytes[];
  readonly rootToken: string;
}

interface Rooms {
  readonly audit: AuditBroker;
  readonly decider: Decider;
  readonly router: Router;
  readonly tokens: TokenStore;
  readonly used: UsedMark;
  readonly callTokens: WeakMap<Request, string>;
}

async function openRooms(
  parts: TenureParts,
  closing: AsyncDisposableStack,
  end: (reason: string) => void,
): Promise<Rooms> {
  const { barrier, leadership, clock, random, log } = parts;
  const view = (prefix: string) => barrier.view(prefix, leadership.fence);
  const table = await MountTable.open(view(CORE_PREFIX));
  const tokens = await TokenStore.open(view(TOKEN_PREFIX));
  const used = await UsedMark.open(view(CORE_PREFIX));
  const policies = await PolicyStore.open(view(POLICY_PREFIX));
  const decider = new PolicyDecider(policies);
  const router = new Router();
  const audit = await AuditBroker.open({
    view: view(AUDIT_PREFIX),
    sinkTypes: parts.auditSinks,
    declared: parts.auditDevices,
    random,
    log: log.child('audit'),
  });
  closing.use(audit);
  const callTokens = new WeakMap<Request, string>();
  const open = (entry: MountEntry, type: EngineType, engineView: View) =>
    type.open({
      view: engineView,
      clock,
      random,
      log: log.child(entry.path),
      options: entry.options,
      mountPath: entry.path,
    });
  const mounts = new Mounts({
    table,
    router,
    engines: parts.engines,
    view: view(MOUNT_PREFIX),
    random,
    open,
  });
  closing.use(mounts);
  await mounts.openAll();
  const tenurePort = {
    members: parts.members,
    stepDown: () => end('step_down'),
    keyStatus: () => barrier.keyStatus(),
    rotate: async () => void (await barrier.rotate(leadership.fence)),
    policies: policyPort(policies),
    rights: rightsPort(decider, tokens),
    audit: auditPort(audit),
    mounts: () => mounts.list(),
    mount: mounts.mount.bind(mounts),
    unmount: mounts.unmount.bind(mounts),
  };
  const system = parts.system.engine(parts.node, tenurePort, () => clock.now());
  const auth = tokenEngine(tokens, (request) => callTokens.get(request) ?? '');
  for (const [path, type] of [
    ['sys/', system],
    ['auth/token/', auth],
  ] as const) {
    const entry = builtIn(random, path, type.type);
    router.mount(entry, await open(entry, type, view(`${type.type}/`)));
  }
  return { audit, decider, router, tokens, used, callTokens };
}

function builtIn(random: Random, path: string, type: string): MountEntry {
  const description =
    type === 'system' ? 'system endpoints used for control, policy and debugging' : 'token based credentials';
  return newMountEntry(random, { path, type, description, options: {} });
}

function policyPort(policies: PolicyStore): PolicyPort {
  return {
    list: () => policies.list(),
    read: (name) => policies.read(name),
    write: (name, text) => policies.write(name, text),
    delete: (name) => policies.delete(name),
  };
}

function rightsPort(decider: Decider, tokens: TokenStore): RightsPort {
  const subjectOf = (entry: TokenEntry | undefined) =>
    entry && { policies: entry.policies, loginMetadata: loginMetadataOf(entry) };
  return {
    capabilities: (subject, path) => decider.capabilities(subject, path),
    reaches: (subject, mountPath) => decider.reaches(subject, mountPath),
    resultantAcl: (subject) => decider.resultantAcl(subject),
    subjectOfToken: async (token) => subjectOf(await tokens.lookup(token)),
    subjectOfAccessor: async (accessor) => subjectOf(await tokens.lookupAccessor(accessor)),
  };
}

function auditPort(audit: AuditBroker): AuditPort {
  return {
    list: () => audit.entries,
    enable: (entry) => audit.enable(entry),
    disable: (path) => audit.disable(path),
    hash: (path, value) => audit.hash(path, value),
  };
}
