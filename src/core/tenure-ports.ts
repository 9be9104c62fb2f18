// What sys/ asks of a tenure: each port of `system/ports.ts`, filled by the room that knows.

import type { AuditBroker } from '../audit/broker.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Metrics, timed } from '../base/metrics.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import type {
  AuditPort,
  CorsPort,
  LeasePort,
  MountPort,
  PolicyPort,
  RightsPort,
  TenurePort,
  WrappingPort,
} from '../system/ports.ts';
import { type KnownToken, loginMetadataOf } from '../token/token-entry.ts';
import { readCors, writeCors } from './cors.ts';
import type { GenerateRoot } from './generate-root.ts';
import { describedMounts } from './help.ts';
import type { KeyRotation } from './key-rotation.ts';
import { CORE_PREFIX } from './layout.ts';
import type { Mounts } from './mounts.ts';
import type { Moves } from './moves.ts';
import type { Rooms } from './rooms.ts';
import type { TenureParts } from './tenure.ts';
import { readVersions } from './version-history.ts';
import { wrappingTokenOf } from './wrapping.ts';

/** Rooms that only sys/ asks. */
interface Behind {
  readonly mounts: Mounts;
  readonly moves: Moves;
  readonly policies: PolicyStore;
  readonly generateRoot: GenerateRoot;
  readonly rotation: KeyRotation;
}

export function tenurePort(
  parts: TenureParts,
  rooms: Rooms,
  { mounts, moves, policies, generateRoot, rotation }: Behind,
  end: (reason: string) => void,
): TenurePort {
  const { barrier, leadership, log, metrics } = parts;
  return {
    members: parts.members,
    stepDown: () => end('step_down'),
    keyStatus: () => barrier.keyStatus(),
    rotate: async () => void (await barrier.rotate(leadership.fence)),
    policies: policyPort(policies, metrics),
    rights: rightsPort(rooms),
    described: () => describedMounts(rooms.router),
    cors: corsPort(parts),
    versions: () => readVersions(barrier.view(CORE_PREFIX)),
    countTokens: () => countAll(rooms.tokens.store.ids()),
    audit: auditPort(rooms.audit),
    leases: leasePort(rooms, metrics, log.child('lease')),
    wrapping: wrappingPort(rooms),
    generateRoot,
    rotation,
    mounts: mountPort(mounts, moves),
  };
}

function corsPort({ barrier, leadership }: TenureParts): CorsPort {
  const view = barrier.view(CORE_PREFIX, leadership.fence);
  return { read: () => readCors(view), write: (rules) => writeCors(view, rules) };
}

async function countAll(names: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of names) count += 1;
  return count;
}

function mountPort(mounts: Mounts, moves: Moves): MountPort {
  return {
    list: () => mounts.list(),
    mount: (request) => mounts.mount(request),
    unmount: (path) => mounts.unmount(path),
    tune: (path, tuning) => mounts.tune(path, tuning),
    move: (from, to) => moves.start(from, to),
    moveStatus: (id) => moves.find(id),
  };
}

function policyPort(policies: PolicyStore, metrics: Metrics): PolicyPort {
  return {
    list: () => timed(metrics, 'policy.list_policies', () => policies.list()),
    read: (name) => timed(metrics, 'policy.get_policy', () => policies.read(name)),
    write: (name, text) => timed(metrics, 'policy.set_policy', () => policies.write(name, text)),
    delete: (name) => timed(metrics, 'policy.delete_policy', () => policies.delete(name)),
  };
}

function rightsPort({ decider, tokens }: Rooms): RightsPort {
  const subjectOf = (known: KnownToken | undefined) =>
    known && { policies: known.entry.policies, loginMetadata: loginMetadataOf(known.entry) };
  return {
    capabilities: (subject, path) => decider.capabilities(subject, path),
    reaches: (subject, mountPath) => decider.reaches(subject, mountPath),
    resultantAcl: (subject) => decider.resultantAcl(subject),
    subjectOfToken: async (token) => subjectOf(await tokens.find(token)),
    subjectOfAccessor: async (accessor) => subjectOf(await tokens.findAccessor(accessor)),
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

function leasePort({ leases, router }: Rooms, metrics: Metrics, log: Logger): LeasePort {
  let tidying = false;
  return {
    find: (id) => leases.find(id),
    list: (prefix) => leases.list(prefix),
    renew: (id, increment) => timed(metrics, 'expire.renew', () => leases.renew(id, increment)),
    revoke: (id, sync) => timed(metrics, 'expire.revoke', () => leases.revoke(id, sync)),
    revokePrefix: (prefix, sync) => leases.revokePrefix(prefix, sync),
    revokeForce: (prefix) => leases.revokeForce(prefix),
    tidy: () => {
      if (tidying) return false;
      tidying = true;
      leases
        .tidy()
        .catch((error: unknown) => log.warn('leases could not be tidied', { error: explain(error) }))
        .finally(() => {
          tidying = false;
        });
      return true;
    },
    irrevocable: () =>
      leases.irrevocable.map((leaseId) => ({
        leaseId,
        mountAccessor: router.find(leaseId)?.mounted.entry.accessor ?? 'mount-accessor-not-found',
      })),
  };
}

function wrappingPort({ wrapping, callTokens }: Rooms): WrappingPort {
  const tokenOf = (request: Parameters<WrappingPort['unwrap']>[0]) =>
    wrappingTokenOf({ input: request.input, token: callTokens.get(request)?.text });
  return {
    unwrap: async (request) => {
      const presented = callTokens.get(request);
      const token = tokenOf(request);
      // Its own use was taken when it came in; one in the body is used here.
      if (presented?.use !== undefined && presented.text === token) return wrapping.open(presented.use);
      return wrapping.unwrap(token);
    },
    lookup: (request) => wrapping.describe(tokenOf(request)),
    rewrap: (request) => wrapping.rewrap(tokenOf(request)),
  };
}
