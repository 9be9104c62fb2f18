// Initialisation: on the holder of the election lock, fenced, and committed in one batch. A kill at any step leaves
// an uninitialised cluster that can be initialised again, or an initialised one; never half of one.

import type { Barrier } from '../barrier/barrier.ts';
import { fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { View } from '../engine/engine.ts';
import { MountTable } from '../mount/mount-table.ts';
import { type Seal, SealFault, type WrappedCopy } from '../seal/seal.ts';
import type { Change, Fence, Storage } from '../storage/storage.ts';
import { TokenStore } from '../token/token-store.ts';
import { BatchView } from './batch-view.ts';
import { CORE_PREFIX, INIT_INTENT_PATH, SHAMIR_KEK_RECORD, TOKEN_PREFIX } from './layout.ts';
import { createRecoveryKey, splitKey } from './recovery.ts';
import { ROOT_KEYS_PATH, type RootKeyRecord, serializeRootKeys } from './root-keys.ts';

export interface InitParts {
  readonly storage: Storage;
  readonly seal: Seal;
  /** A barrier of its own: the node's opens by the ordinary way, through the unsealer. */
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Chosen name of the cluster; one is made up if it is undefined. */
  readonly clusterName: string | undefined;
  /** `cluster_id` of the config: the new cluster takes it, so that the pin holds from the start. */
  readonly clusterId: string | undefined;
  /** Only for `server -dev`; otherwise the root token is made at random. */
  readonly rootToken: string | undefined;
}

export interface Initialized {
  readonly record: RootKeyRecord;
  /** Of the recovery key, or of the KEK if people hold it. */
  readonly keyShares: readonly SecretBytes[];
  readonly rootToken: string;
}

const ROOT_KEY_BYTES = 32;
const KEK_BYTES = 32;

/**
 * Makes a cluster. The order is: look, say what is meant (the intent), make the KEK, prove that it wraps and unwraps,
 * then one batch with everything.
 * @throws LatchkeyError already_initialized, fenced, storage_unavailable, bad_request for another `clusterId` than a
 *   first try had; SealFault if the seal refuses; the reason of `signal`, before anything is final.
 */
export async function initializeCluster(
  parts: InitParts,
  recovery: { readonly shares: number; readonly threshold: number },
  fence: Fence,
  signal: AbortSignal,
): Promise<Initialized> {
  const { storage, seal, log } = parts;
  if ((await storage.get(ROOT_KEYS_PATH)) !== undefined) {
    throw new LatchkeyError('already_initialized', 'Vault is already initialized');
  }
  const { clusterId, isNew } = await declareIntent(parts, fence);
  log.info('initialising: preparing the KEK', { cluster_id: clusterId, seal: seal.name });
  try {
    await seal.prepare?.(clusterId, signal);
  } catch (error) {
    if (!(error instanceof SealFault)) throw error;
    throw isNew && error.facts.definite ? await withdrawIntent(parts, fence, error) : unfinished(error);
  }
  const root = SecretBytes.fill(ROOT_KEY_BYTES, (target) => parts.random.fill(target));
  const kek = seal.manual && SecretBytes.fill(KEK_BYTES, (target) => parts.random.fill(target));
  if (kek !== undefined) seal.manual?.offer(kek.clone());
  try {
    const wrapped = await wrapAndProve(seal, root, clusterId, signal);
    log.info('initialising: the seal wrapped and unwrapped the root key', { kek: wrapped.keyId });
    // The last moment to turn back: after the batch the keys exist, and somebody must be there to take them.
    signal.throwIfAborted();
    return await commit(parts, { clusterId, root, kek, wrapped, recovery }, fence);
  } catch (error) {
    throw error instanceof SealFault ? unfinished(error) : error;
  } finally {
    root.wipe();
    kek?.wipe();
    seal.manual?.forget();
    parts.barrier.seal();
  }
}

interface Intent {
  readonly clusterId: string;
  /** False if an earlier try left it, whose KEK may be in Azure. */
  readonly isNew: boolean;
}

/**
 * The intent keeps the cluster id over a kill: the KEK in Azure is tagged with it, and a second try must find its own
 * KEK again instead of refusing it as another cluster's.
 */
async function declareIntent(parts: InitParts, fence: Fence): Promise<Intent> {
  const stored = await parts.storage.get(INIT_INTENT_PATH);
  if (stored !== undefined) {
    const value = parseJson(fromUtf8(stored), 2);
    const clusterId = isObject(value) ? value['cluster_id'] : undefined;
    if (typeof clusterId === 'string') {
      refuseOtherPin(parts.clusterId, clusterId);
      parts.log.info('an earlier initialisation did not finish; repeating it', { cluster_id: clusterId });
      return { clusterId, isNew: false };
    }
  }
  const clusterId = parts.clusterId ?? parts.random.uuid();
  const value = utf8(JSON.stringify({ format: 1, cluster_id: clusterId }));
  await parts.storage.write([{ kind: 'put', key: INIT_INTENT_PATH, value }], fence);
  return { clusterId, isNew: true };
}

/** Else the new cluster would be one that the pin refuses at once. */
function refuseOtherPin(pin: string | undefined, begun: string): void {
  if (pin === undefined || pin === begun) return;
  throw new LatchkeyError(
    'bad_request',
    `An initialisation began as cluster ${begun} and did not finish, and cluster_id in the config pins ${pin}. ` +
      'Set cluster_id to the former, or take it out, restart, and repeat the initialisation.',
  );
}

/** A definite refusal made nothing, so the intent goes too. After a time-out the KEK may be there: the intent stays. */
async function withdrawIntent(parts: InitParts, fence: Fence, error: SealFault): Promise<SealFault> {
  await parts.storage.write([{ kind: 'delete', key: INIT_INTENT_PATH }], fence);
  return new SealFault({ ...error.facts, sentence: `Nothing was written. ${error.facts.sentence}` }, error);
}

/** The intent stays, and with it perhaps a KEK that a repeat finds again. */
function unfinished(error: SealFault): SealFault {
  const { sentence } = error.facts;
  const repeat = 'Repeat the initialisation once that is mended: it goes on where this one stopped.';
  return new SealFault({ ...error.facts, sentence: `Not initialised. ${sentence}. ${repeat}` }, error);
}

/** A principal that may wrap but not unwrap must be found out before anything depends on it. */
async function wrapAndProve(
  seal: Seal,
  root: SecretBytes,
  clusterId: string,
  signal: AbortSignal,
): Promise<WrappedCopy> {
  const context = { clusterId, sealName: seal.name, generation: 1 };
  const wrapped = await seal.wrap(root, context, signal);
  using opened = await seal.unwrap(wrapped, context, signal);
  if (!opened.equals(root)) {
    throw new LatchkeyError(
      'cannot_comply',
      'the seal did not give back what it had wrapped; nothing was written',
    );
  }
  return wrapped;
}

interface Ingredients {
  readonly clusterId: string;
  readonly root: SecretBytes;
  /** Only if people hold it. */
  readonly kek: SecretBytes | undefined;
  readonly wrapped: WrappedCopy;
  readonly recovery: { readonly shares: number; readonly threshold: number };
}

async function commit(parts: InitParts, made: Ingredients, fence: Fence): Promise<Initialized> {
  const { barrier, storage, seal, clock, random } = parts;
  const record: RootKeyRecord = {
    clusterId: made.clusterId,
    clusterName: parts.clusterName ?? `latchkey-cluster-${made.clusterId.slice(0, 8)}`,
    generation: 1,
    recovery: made.recovery,
    copies: [
      {
        sealName: seal.name,
        sealKind: seal.kind,
        generation: 1,
        wrappedAt: clock.now(),
        wrapped: made.wrapped,
      },
    ],
  };
  const changes: Change[] = barrier.initialize(made.root);
  const view = new BatchView((key, value) => barrier.encrypt(key, value), changes);
  const core = view.sub(CORE_PREFIX);
  await MountTable.create(core);
  using tokens = await TokenStore.create(view.sub(TOKEN_PREFIX), random);
  const { token } = await tokens.issueRoot(random, clock.now(), parts.rootToken);
  const keyShares = await sharesFor(made, core, random);
  changes.push({ kind: 'put', key: ROOT_KEYS_PATH, value: serializeRootKeys(record, made.root) });
  changes.push({ kind: 'delete', key: INIT_INTENT_PATH });
  try {
    await storage.write(changes, fence);
  } catch (error) {
    for (const share of keyShares) share.wipe();
    throw error;
  }
  return { record, keyShares, rootToken: token };
}

/** A KEK that people hold is split among them and kept inside the barrier; else they get a recovery key. */
async function sharesFor(made: Ingredients, core: View, random: Random): Promise<SecretBytes[]> {
  const { shares, threshold } = made.recovery;
  if (made.kek === undefined) return createRecoveryKey(core, random, shares, threshold);
  await core.put(SHAMIR_KEK_RECORD, made.kek.expose().slice());
  return splitKey(made.kek, shares, threshold);
}
