// Opens a tenure and, once it can serve, the cluster port for the standbys.

import { createClusterIdentity } from '../cluster/certificate.ts';
import { Members } from '../cluster/members.ts';
import type { Leadership } from '../storage/election.ts';
import type { MemberView, NodePort } from '../system/ports.ts';
import type { Answer, Call } from './call.ts';
import { writeIdentity } from './cluster-identity.ts';
import { CLUSTER_PREFIX } from './layout.ts';
import type { NodeParts } from './node-parts.ts';
import type { Stores } from './stores.ts';
import { Tenure } from './tenure.ts';
import { decodeCall, encodeAnswer, encodeRefusal } from './wire.ts';

export interface ServingNode extends NodePort {
  serveForwarded(call: Call): Promise<Answer>;
}

/** Milliseconds that forwarded calls under way get when the tenure ends. */
const FORWARDED_GRACE_MS = 1_000;

/** @throws as `Tenure.open`; nothing is left open then. */
export async function openTenure(
  parts: NodeParts,
  node: ServingNode,
  stores: Stores,
  leadership: Leadership,
  end: (reason: 'step_down') => void,
): Promise<Tenure> {
  const { clock, random, log, cluster } = parts;
  const members = new Members(clock);
  const tenure = await Tenure.open(
    {
      barrier: stores.barrier,
      leadership,
      engines: parts.engines,
      cubbyhole: parts.cubbyhole,
      leaseTtl: parts.leaseTtl,
      system: parts.system,
      auditSinks: parts.auditSinks,
      auditConfig: parts.auditConfig,
      node,
      members: () => membersOf(parts, members),
      metrics: parts.metrics,
      usagePeriodMs: parts.usagePeriodMs,
      clock,
      random,
      log,
    },
    () => end('step_down'),
  );
  if (cluster === undefined) return tenure;
  try {
    using identity = createClusterIdentity({ random, clock });
    await writeIdentity(
      stores.barrier.view(CLUSTER_PREFIX, leadership.fence),
      leadership.fence.epoch,
      identity,
    );
    cluster.serve(identity, {
      request: (bytes, _peer, signal) => answer(node, bytes, signal),
      heartbeat: (echo) => members.hear(echo),
    });
    tenure.onClose(() => cluster.stopServing(FORWARDED_GRACE_MS));
    return tenure;
  } catch (error) {
    await tenure[Symbol.asyncDispose]();
    throw error;
  }
}

async function answer(node: ServingNode, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return encodeAnswer(await node.serveForwarded(decodeCall(bytes, signal)));
  } catch (error) {
    return encodeRefusal(error);
  }
}

function membersOf(parts: NodeParts, members: Members): readonly MemberView[] {
  const { advert, hostname, version } = parts;
  const own: MemberView = {
    hostname,
    apiAddress: advert.apiAddress,
    clusterAddress: advert.clusterAddress,
    active: true,
    lastEchoAt: undefined,
    version,
  };
  const others = members.list().filter((member) => member.nodeId !== advert.nodeId);
  return [own, ...others.map((member) => ({ ...member, active: false, lastEchoAt: member.lastEchoMs }))];
}
