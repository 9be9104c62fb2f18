// The certificate of a tenure, kept inside the barrier: whoever can read it there is a member of the cluster.

import { type ClusterIdentity, parseClusterIdentity } from '../cluster/certificate.ts';
import type { View } from '../engine/engine.ts';

/** Big enough for the epochs of some thousand years of elections each second. */
const EPOCH_DIGITS = 16;

/** Publishes `identity` for the standbys, and forgets the ones of earlier tenures. */
export async function writeIdentity(view: View, epoch: number, identity: ClusterIdentity): Promise<void> {
  using record = identity.serialize();
  const old = await view.list('');
  await view.write([
    ...old.map((path) => ({ kind: 'delete', path }) as const),
    { kind: 'put', path: recordOf(epoch), value: record.expose().slice() },
  ]);
}

/** Undefined until the leader of that epoch has published it. */
export async function readIdentity(view: View, epoch: number): Promise<ClusterIdentity | undefined> {
  const bytes = await view.get(recordOf(epoch));
  if (bytes === undefined) return undefined;
  try {
    return parseClusterIdentity(bytes);
  } finally {
    bytes.fill(0);
  }
}

function recordOf(epoch: number): string {
  return String(epoch).padStart(EPOCH_DIGITS, '0');
}
