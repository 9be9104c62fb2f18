// `sys/init` on this node: takes the lead for the moment, so that exactly one of several nodes wins, makes the cluster,
// gives the lead back, and lets the ordinary way open the node.

import { Barrier } from '../barrier/barrier.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import type { InitRequest, InitResult } from '../system/ports.ts';
import { initializeCluster } from './init.ts';
import type { NodeParts } from './node-parts.ts';
import type { RootKeyRecord } from './root-keys.ts';
import type { StoreDoor } from './stores.ts';
import type { Tenure } from './tenure.ts';

export interface InitNodeParts extends NodeParts {
  readonly door: StoreDoor;
  record(): RootKeyRecord | undefined;
  tenure(): Tenure | undefined;
  /** Resolves once this node is unsealed and somebody leads. */
  untilServing(): Promise<void>;
}

/** @throws LatchkeyError already_initialized, init_elsewhere, storage_unavailable; SealFault. */
export async function initializeNode(
  parts: InitNodeParts,
  request: InitRequest,
  signal: AbortSignal,
): Promise<InitResult> {
  if (parts.record() !== undefined && request.restart) return restart(parts);
  const { storage, election } = await parts.door.open();
  const leadership = await election.tryCampaign(parts.advert);
  if (leadership === undefined) {
    throw new LatchkeyError('init_elsewhere', 'Vault is being initialized on another node');
  }
  try {
    const { clock, random } = parts;
    const made = await initializeCluster(
      {
        ...parts,
        storage,
        barrier: new Barrier({ storage, random, clock }),
        log: parts.log.child('init'),
        rootToken: request.rootToken,
      },
      { shares: request.recoveryShares, threshold: request.recoveryThreshold },
      leadership.fence,
      AbortSignal.any([signal, leadership.lost]),
    );
    parts.log.info('initialised', {
      cluster_id: made.record.clusterId,
      cluster_name: made.record.clusterName,
    });
    await leadership.resign();
    const warnings = await settle(parts);
    return { recoveryKeys: made.recoveryKeys, rootToken: made.rootToken, warnings };
  } finally {
    await leadership.resign();
  }
}

/** Keys that exist are always handed out, whatever fails afterwards. */
async function settle(parts: InitNodeParts): Promise<string[]> {
  try {
    await parts.untilServing();
    return [];
  } catch (error) {
    parts.log.warn('initialised, but this node does not serve yet', { error: explain(error) });
    return [
      'The cluster is initialised, but this node does not serve yet; see `status` and the log of this node.',
    ];
  }
}

async function restart(parts: InitNodeParts): Promise<InitResult> {
  const tenure = parts.tenure();
  const recovery = parts.record()?.recovery;
  if (tenure === undefined || recovery === undefined) {
    throw new LatchkeyError(
      'cannot_comply',
      'init with restart is taken by the active node alone, while it is unsealed',
    );
  }
  const made = await tenure.reissue(recovery);
  parts.log.warn(
    'recovery keys and root token were issued anew; the ones of the first initialisation are void',
  );
  return {
    ...made,
    warnings: [
      `The recovery keys are as many as at first: ${recovery.shares}, of which ${recovery.threshold} are needed.`,
    ],
  };
}
