// Opens the rooms of a tenure and connects them: each asks for its neighbours as functions, and gets them here.

import { AuditBroker } from '../audit/broker.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { EngineType, Request, View } from '../engine/engine.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import { deleteAll, namesIn } from '../engine/pages.ts';
import { LeaseRoom } from '../lease/lease-room.ts';
import { type MountEntry, MountTable, newMountEntry } from '../mount/mount-table.ts';
import { Router } from '../mount/router.ts';
import { type Decider, PolicyDecider } from '../policy/decide.ts';
import { PolicyStore } from '../policy/policy-store.ts';
import { tokenEngine } from '../token/token-engine.ts';
import { TokenRoles } from '../token/token-roles.ts';
import { TokenRoom } from '../token/token-room.ts';
import { TokenStore } from '../token/token-store.ts';
import { GenerateRoot } from './generate-root.ts';
import { KeyRotation } from './key-rotation.ts';
import {
  AUDIT_PREFIX,
  CORE_PREFIX,
  CUBBYHOLE_PREFIX,
  LEASE_PREFIX,
  MOUNT_PREFIX,
  POLICY_PREFIX,
  TOKEN_PREFIX,
} from './layout.ts';
import { measuredView } from './measured-view.ts';
import { limitsOf } from './mount-views.ts';
import { Mounts } from './mounts.ts';
import { Moves } from './moves.ts';
import type { PresentedToken } from './steps.ts';
import type { TenureParts } from './tenure.ts';
import { tenurePort } from './tenure-ports.ts';
import { UsedMark } from './used-mark.ts';
import { Wrapping } from './wrapping.ts';

export interface Rooms {
  readonly audit: AuditBroker;
  readonly decider: Decider;
  readonly router: Router;
  readonly tokens: TokenRoom;
  readonly leases: LeaseRoom;
  readonly wrapping: Wrapping;
  readonly used: UsedMark;
  readonly callTokens: WeakMap<Request, PresentedToken>;
  limits(path: string): TtlLimits;
}

/** What the rooms of callers and of what they were given are made with. */
interface Ground {
  readonly parts: TenureParts;
  readonly router: Router;
  view(prefix: string): View;
  limits(path: string): TtlLimits;
}

/** Where a batch token would lie, if it were stored: bound into its encryption. */
const BATCH_TOKEN_KEY = `${TOKEN_PREFIX}batch`;

/** What is opened registers its closing with `closing`; `end` ends the tenure. */
export async function openRooms(
  parts: TenureParts,
  closing: AsyncDisposableStack,
  end: (reason: string) => void,
): Promise<Rooms> {
  const { barrier, leadership, clock, random, log } = parts;
  const view = (prefix: string) => measuredView(barrier.view(prefix, leadership.fence), parts.metrics);
  const table = await MountTable.open(view(CORE_PREFIX));
  const used = await UsedMark.open(view(CORE_PREFIX));
  const policies = await PolicyStore.open(view(POLICY_PREFIX));
  const decider = new PolicyDecider(policies);
  const router = new Router();
  const audit = await AuditBroker.open({
    view: view(AUDIT_PREFIX),
    sinkTypes: parts.auditSinks,
    config: parts.auditConfig,
    clock,
    random,
    log: log.child('audit'),
  });
  closing.use(audit);
  const limits = (path: string) => limitsOf(router.find(path)?.mounted.entry, parts.leaseTtl);
  const open = (entry: MountEntry, type: EngineType, engineView: View) =>
    type.open({
      view: engineView,
      clock,
      random,
      log: log.child(entry.path),
      options: entry.options,
      mountPath: entry.path,
      leaseTtl: () => limits(entry.path),
    });
  const mounts = new Mounts({
    table,
    router,
    engines: parts.engines,
    view: view(MOUNT_PREFIX),
    clock,
    random,
    log: log.child('mounts'),
    leaseTtl: parts.leaseTtl,
    open,
    // While its engine is still there, which alone can end what it gave.
    endLeases: (path) => rooms.leases.revokePrefix(path, true),
  });
  closing.use(mounts);
  await mounts.openAll();
  const ground: Ground = { parts, router, view, limits };
  const { tokens, leases, roles } = await openCallers(ground, closing);
  const wrapping = new Wrapping({ tokens, view: view(CUBBYHOLE_PREFIX), clock });
  const callTokens = new WeakMap<Request, PresentedToken>();
  const rooms: Rooms = { audit, decider, router, tokens, leases, wrapping, used, callTokens, limits };
  const moves = new Moves({ mounts, clock, random, log: log.child('mounts') });
  closing.use(moves);
  const generateRoot = closing.use(generateRootOf(ground, tokens));
  const rotation = closing.use(await openRotation(ground));
  const behind = { mounts, moves, policies, generateRoot, rotation };
  const port = tenurePort(parts, rooms, behind, end);
  const builtIns: readonly [string, EngineType, string][] = [
    ['sys/', parts.system.engine(parts.node, port, () => clock.now()), 'system/'],
    ['auth/token/', tokenEngineOf(ground, rooms, roles, policies), TOKEN_PREFIX],
    ['cubbyhole/', parts.cubbyhole, CUBBYHOLE_PREFIX],
  ];
  for (const [path, type, prefix] of builtIns) {
    const entry = await table.builtIn(builtIn(random, path, type.type));
    router.mount(entry, await open(entry, type, view(prefix)));
  }
  leases.start();
  return rooms;
}

/** Tokens end leases, and leases end tokens, so each gets the other's functions. */
async function openCallers(ground: Ground, closing: AsyncDisposableStack) {
  const { parts, router, view, limits } = ground;
  const { barrier, clock, random, log } = parts;
  const roles = new TokenRoles(view(`${TOKEN_PREFIX}role/`));
  const cubbyholes = view(CUBBYHOLE_PREFIX);
  const leases: LeaseRoom = new LeaseRoom({
    view: view(LEASE_PREFIX),
    ...secretsOf(router),
    revokeToken: (id) => tokens.revokeId(id),
    expireToken: (id) => tokens.expire(id),
    limits,
    clock,
    random,
    log: log.child('lease'),
  });
  const tokens = await TokenRoom.open({
    store: closing.use(await TokenStore.open(view(TOKEN_PREFIX))),
    cipher: {
      encrypt: (plain) => recordOf(barrier.encrypt(BATCH_TOKEN_KEY, plain)),
      decrypt: (record) => barrier.decrypt(BATCH_TOKEN_KEY, record),
    },
    belongings: {
      endLeasesOf: (id) => leases.endLeasesOf(id),
      forgetLease: (id) => leases.forget(id),
      wipeCubbyhole: (cubbyhole) => deleteAll(cubbyholes.sub(`${cubbyhole}/`)),
      async *cubbyholes() {
        for await (const folder of namesIn(cubbyholes, '')) yield folder.replace(/\/$/, '');
      },
    },
    trackLease: (lease) => leases.track(lease),
    limits,
    renewLogin: async (path, renewData) => {
      const engine = router.find(path)?.mounted.engine;
      if (engine?.renewLogin === undefined) throw new LatchkeyError('bad_request', 'lease is not renewable');
      return engine.renewLogin(renewData);
    },
    role: (name) => roles.find(name),
    metrics: parts.metrics,
    clock,
    random,
    log: log.child('token'),
  });
  closing.use(leases);
  const stop = new AbortController();
  const resuming = tokens.resume(stop.signal);
  closing.defer(async () => {
    stop.abort();
    await resuming;
  });
  return { tokens, leases, roles };
}

function openRotation({ parts, view }: Ground): Promise<KeyRotation> {
  const { barrier, leadership, clock, log } = parts;
  return KeyRotation.open({
    view: view(CORE_PREFIX),
    keyStatus: () => barrier.keyStatus(),
    rotate: () => barrier.rotate(leadership.fence),
    clock,
    log: log.child('rotation'),
  });
}

function generateRootOf({ parts, view }: Ground, tokens: TokenRoom): GenerateRoot {
  const { clock, random, log, node } = parts;
  return new GenerateRoot({
    view: view(CORE_PREFIX),
    sealView: () => node.sealView(),
    issueRoot: async () => (await tokens.store.issueRoot(random, clock.now())).token,
    random,
    log: log.child('generate-root'),
  });
}

/** The engine that answers the path which made a secret also renews and ends it. */
function secretsOf(
  router: Router,
): Pick<ConstructorParameters<typeof LeaseRoom>[0], 'endSecret' | 'renewSecret'> {
  const engineOf = (path: string) => {
    const found = router.find(path);
    if (found === undefined) throw new LatchkeyError('no_route', `nothing is mounted at ${path} any more`);
    return found.mounted.engine;
  };
  return {
    endSecret: async (path, internal) => engineOf(path).revoke?.(internal),
    renewSecret: async (path, internal) => {
      const engine = engineOf(path);
      if (engine.renew === undefined) throw new LatchkeyError('bad_request', 'lease is not renewable');
      return engine.renew(internal);
    },
  };
}

function tokenEngineOf(ground: Ground, rooms: Rooms, roles: TokenRoles, policies: PolicyStore): EngineType {
  const { clock, log } = ground.parts;
  return tokenEngine({
    room: rooms.tokens,
    roles,
    clock,
    log: log.child('token'),
    limits: ground.limits,
    useOf: (request) => rooms.callTokens.get(request)?.use,
    hasSudo: async (caller, path) => (await rooms.decider.capabilities(caller, path)).includes('sudo'),
    policyExists: async (name) => (await policies.read(name).catch(() => undefined)) !== undefined,
  });
}

function recordOf(change: ReturnType<TenureParts['barrier']['encrypt']>): Uint8Array {
  if (change.kind !== 'put') throw new LatchkeyError('internal', 'an encryption gave no record');
  return change.value;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  system: 'system endpoints used for control, policy and debugging',
  token: 'token based credentials',
  cubbyhole: 'per-token private secret storage',
};

function builtIn(random: Random, path: string, type: string): MountEntry {
  return newMountEntry(random, { path, type, description: DESCRIPTIONS[type] ?? '', options: {} });
}
