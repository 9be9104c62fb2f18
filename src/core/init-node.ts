// `sys/init` on this node: takes the lead for the moment, so that exactly one of several nodes wins, makes the cluster,
// gives the lead back, and lets the ordinary way open the node.

import { Barrier } from '../barrier/barrier.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import { SealFault } from '../seal/seal.ts';
import type { Election } from '../storage/election.ts';
import type { Storage } from '../storage/storage.ts';
import type { InitRequest, InitResult } from '../system/ports.ts';
import { initializeCluster } from './init.ts';
import type { NodeParts } from './node-parts.ts';
import { ROOT_KEYS_PATH, type RootKeyRecord } from './root-keys.ts';
import type { StoreDoor } from './stores.ts';
import type { Tenure } from './tenure.ts';

export interface InitNodeParts extends NodeParts {
  readonly door: StoreDoor;
  record(): RootKeyRecord | undefined;
  tenure(): Tenure | undefined;
  /** Resolves once this node is unsealed and somebody leads. */
  untilServing(): Promise<void>;
  /** Resolves once this node knows of the cluster. */
  lookAgain(): Promise<unknown>;
}

/** @throws LatchkeyError already_initialized, init_elsewhere, storage_unavailable; SealFault, with its remedy in the text. */
export async function initializeNode(
  parts: InitNodeParts,
  request: InitRequest,
  signal: AbortSignal,
): Promise<InitResult> {
  if (parts.record() !== undefined && request.restart) return restart(parts);
  const { storage, election } = await parts.door.open();
  const leadership = await election.tryCampaign(parts.advert);
  if (leadership === undefined) {
    throw await refusalOfSecond(parts, storage, election);
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
      AbortSignal.any([signal, leadership.lost, ...(request.signal === undefined ? [] : [request.signal])]),
    );
    parts.log.info('initialised', {
      cluster_id: made.record.clusterId,
      cluster_name: made.record.clusterName,
    });
    await leadership.resign();
    // Where people hold the KEK the node stays sealed until they give it back.
    if (parts.seal.manual !== undefined) await parts.lookAgain();
    const warnings = parts.seal.manual === undefined ? await settle(parts) : [];
    if (request.signal?.aborted === true) parts.log.warn(UNDELIVERED);
    return { keyShares: made.keyShares, rootToken: made.rootToken, warnings };
  } catch (error) {
    throw error instanceof SealFault ? withRemedy(parts, error) : error;
  } finally {
    await leadership.resign();
  }
}

const UNDELIVERED =
  'initialised, but whoever asked for it has gone, so nobody has the keys; ' +
  '`operator init -restart` on this machine issues new ones as long as no token was used';

/** Somebody leads: a cluster that this node has not seen yet, or an initialisation under way. */
async function refusalOfSecond(
  { advert }: InitNodeParts,
  storage: Storage,
  election: Election,
): Promise<LatchkeyError> {
  if ((await storage.get(ROOT_KEYS_PATH)) !== undefined) {
    return new LatchkeyError('already_initialized', 'Vault is already initialized');
  }
  const own = (await election.leader())?.advert.nodeId === advert.nodeId;
  return new LatchkeyError(
    'init_elsewhere',
    own
      ? 'Vault is being initialized on this node, by an earlier request; wait for its end'
      : 'Vault is being initialized on another node',
  );
}

/** Init is asked for once, by a person: the command that mends it belongs into the answer. */
function withRemedy({ log }: InitNodeParts, fault: SealFault): SealFault {
  const { stage, class: faultClass, httpStatus, sentence, remedy } = fault.facts;
  log.warn(`init failed: ${sentence}`, { stage, class: faultClass, http_status: httpStatus, remedy });
  if (remedy === undefined) return fault;
  return new SealFault({ ...fault.facts, sentence: `${sentence}\nTo mend it: ${remedy}` }, fault.cause);
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
  if (parts.seal.manual !== undefined) {
    throw new LatchkeyError(
      'cannot_comply',
      'init with restart is not possible with a Shamir seal, whose key is lost',
    );
  }
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
