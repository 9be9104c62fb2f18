// The shapes of the answers that the client knows by name, read from foreign JSON member by member.

import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { flagOf, numberOf, objectOf, textOf, textsOf } from './fields.ts';

/** `sys/seal-status`, `sys/unseal`. Source: Vault API, "/sys/seal-status"; the members after `raw` are ours. */
export interface SealStatus {
  readonly type: string;
  readonly recoverySeal: boolean;
  readonly recoverySealType: string;
  readonly initialized: boolean;
  readonly sealed: boolean;
  readonly threshold: number;
  readonly shares: number;
  readonly progress: number;
  readonly nonce: string;
  readonly migration: boolean;
  readonly version: string;
  readonly buildDate: string;
  readonly commitDate: string;
  readonly storageType: string;
  readonly clusterName: string;
  readonly clusterId: string;
  readonly warnings: readonly string[];
  /** The answer as it came, for JSON output. */
  readonly raw: JsonObject;
  /** not_initialized, unsealing, fault, operator or unsealed; empty from other servers. */
  readonly unsealState: string;
  readonly lastError: SealStatusFault | undefined;
  readonly sealKey: string;
  readonly sealWarnings: readonly string[];
}

/** Why auto-unseal has not succeeded yet. */
export interface SealStatusFault {
  readonly stage: string;
  readonly class: string;
  /** 0 if no HTTP answer was involved. */
  readonly httpStatus: number;
  readonly seal: string;
  readonly attempts: number;
  /** RFC 3339, or empty. */
  readonly nextAttemptAt: string;
  /** Only from listeners that may tell; else empty. */
  readonly sentence: string;
  readonly remedy: string;
}

/** `sys/leader`. */
export interface LeaderStatus {
  readonly haEnabled: boolean;
  readonly isSelf: boolean;
  /** RFC 3339, or empty. */
  readonly activeTime: string;
  readonly leaderAddress: string;
  readonly leaderClusterAddress: string;
}

/** `sys/init`: key material in clear, in the order of the shares. */
export interface InitAnswer {
  readonly keys: readonly string[];
  readonly keysBase64: readonly string[];
  readonly recoveryKeys: readonly string[];
  readonly recoveryKeysBase64: readonly string[];
  readonly rootToken: string;
  readonly warnings: readonly string[];
}

/** The envelope of every ordinary answer. Source: Vault API, "Libraries and response format". */
export interface Secret {
  readonly requestId: string;
  readonly leaseId: string;
  /** Seconds. */
  readonly leaseDuration: number;
  readonly renewable: boolean;
  readonly data: JsonObject | undefined;
  readonly warnings: readonly string[];
  readonly auth: JsonObject | undefined;
  readonly wrapInfo: JsonObject | undefined;
  readonly mountType: string;
}

export function readSealStatus(body: JsonValue | undefined): SealStatus {
  const raw = expectObject(body, 'sealed');
  const fault = objectOf(raw, 'last_error');
  return {
    type: textOf(raw, 'type'),
    recoverySeal: flagOf(raw, 'recovery_seal'),
    recoverySealType: textOf(raw, 'recovery_seal_type'),
    initialized: flagOf(raw, 'initialized'),
    sealed: flagOf(raw, 'sealed'),
    threshold: numberOf(raw, 't'),
    shares: numberOf(raw, 'n'),
    progress: numberOf(raw, 'progress'),
    nonce: textOf(raw, 'nonce'),
    migration: flagOf(raw, 'migration'),
    version: textOf(raw, 'version'),
    buildDate: textOf(raw, 'build_date'),
    commitDate: textOf(raw, 'commit_date'),
    storageType: textOf(raw, 'storage_type'),
    clusterName: textOf(raw, 'cluster_name'),
    clusterId: textOf(raw, 'cluster_id'),
    warnings: textsOf(raw, 'warnings'),
    raw,
    unsealState: textOf(raw, 'unseal_state'),
    lastError: fault === undefined ? undefined : readFault(fault),
    sealKey: textOf(raw, 'seal_key'),
    sealWarnings: textsOf(raw, 'seal_warnings'),
  };
}

function readFault(fault: JsonObject): SealStatusFault {
  return {
    stage: textOf(fault, 'stage'),
    class: textOf(fault, 'class'),
    httpStatus: numberOf(fault, 'http_status'),
    seal: textOf(fault, 'seal'),
    attempts: numberOf(fault, 'attempts'),
    nextAttemptAt: textOf(fault, 'next_attempt_at'),
    sentence: textOf(fault, 'sentence'),
    remedy: textOf(fault, 'remedy'),
  };
}

export function readLeader(body: JsonValue | undefined): LeaderStatus {
  const raw = expectObject(body, 'ha_enabled');
  // Go's zero time stands for "none".
  const activeTime = textOf(raw, 'active_time');
  return {
    haEnabled: flagOf(raw, 'ha_enabled'),
    isSelf: flagOf(raw, 'is_self'),
    activeTime: activeTime.startsWith('0001-01-01') ? '' : activeTime,
    leaderAddress: textOf(raw, 'leader_address'),
    leaderClusterAddress: textOf(raw, 'leader_cluster_address'),
  };
}

export function readInit(body: JsonValue | undefined): InitAnswer {
  const raw = expectObject(body, 'root_token');
  return {
    keys: textsOf(raw, 'keys'),
    keysBase64: textsOf(raw, 'keys_base64'),
    recoveryKeys: textsOf(raw, 'recovery_keys'),
    recoveryKeysBase64: textsOf(raw, 'recovery_keys_base64'),
    rootToken: textOf(raw, 'root_token'),
    warnings: textsOf(raw, 'warnings'),
  };
}

/** Undefined for an answer without content. An answer without envelope (`sys/seal-status` …) becomes its `data`. */
export function readSecret(body: JsonValue | undefined): Secret | undefined {
  if (!isObject(body)) return undefined;
  const enveloped = ['data', 'auth', 'wrap_info', 'warnings', 'request_id'].some((name) => name in body);
  return {
    requestId: textOf(body, 'request_id'),
    leaseId: textOf(body, 'lease_id'),
    leaseDuration: numberOf(body, 'lease_duration'),
    renewable: flagOf(body, 'renewable'),
    data: enveloped ? objectOf(body, 'data') : body,
    warnings: textsOf(body, 'warnings'),
    auth: objectOf(body, 'auth'),
    wrapInfo: objectOf(body, 'wrap_info'),
    mountType: textOf(body, 'mount_type'),
  };
}

/** Tells a Vault server from anything else that answers 200 on that address. */
function expectObject(body: JsonValue | undefined, member: string): JsonObject {
  if (isObject(body) && member in body) return body;
  throw new LatchkeyError(
    'internal',
    `the answer has no "${member}": is this the address of a Vault server?`,
  );
}
