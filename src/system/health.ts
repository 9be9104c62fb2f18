// sys/health and sys/leader: what probes and load balancers ask, in every state.
// Vault's API pages /api-docs/system/health and /api-docs/system/leader.

import { rfc3339 } from '../base/clock.ts';
import { hasCode, LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { VAULT_API_VERSION } from '../base/version.ts';
import type { HealthCondition, Request, Response, Route } from '../engine/engine.ts';
import type { NodePort, SealView } from './ports.ts';

/** The query parameter that overrides the status of a condition. */
const OVERRIDES: Readonly<Record<string, HealthCondition>> = {
  uninitcode: 'uninitialized',
  sealedcode: 'sealed',
  haunhealthycode: 'standby_unreachable',
  standbycode: 'standby',
  activecode: 'active',
};

export function healthRoutes(port: NodePort, now: () => number): readonly Route[] {
  return [
    {
      pattern: 'health',
      local: true,
      access: 'open',
      operations: { read: (request) => health(port, now, request) },
      help: 'State of this node as an HTTP status, for probes and load balancers.',
    },
    {
      pattern: 'leader',
      local: true,
      access: 'open',
      operations: { read: () => leader(port) },
      help: 'Which node is active.',
    },
  ];
}

async function health(port: NodePort, now: () => number, request: Request): Promise<Response> {
  const codes = readCodes(request.input);
  const standbyOk = readSwitch(request.input, 'standbyok');
  readSwitch(request.input, 'perfstandbyok');
  let view: SealView;
  try {
    view = await port.sealView();
  } catch (error) {
    if (hasCode(error, 'storage_unavailable')) return neverRead(codes);
    throw error;
  }
  const leading = view.sealed ? undefined : await port.leader();
  const isActive = leading?.isSelf === true;
  let condition: HealthCondition = 'active';
  if (!view.initialized) condition = 'uninitialized';
  else if (view.sealed) condition = 'sealed';
  else if (!isActive && leading?.reachable === false) condition = 'standby_unreachable';
  else if (!isActive) condition = standbyOk ? 'active' : 'standby';
  const mode = view.sealed ? 'unknown' : 'disabled';
  const data: JsonObject = {
    initialized: view.initialized,
    sealed: view.sealed,
    standby: !isActive,
    performance_standby: false,
    replication_performance_mode: mode,
    replication_dr_mode: mode,
    server_time_utc: Math.floor(now() / 1_000),
    version: VAULT_API_VERSION,
    enterprise: false,
    ...(view.sealed ? {} : { cluster_name: view.clusterName, cluster_id: view.clusterId }),
    echo_duration_ms: 0,
    clock_skew_ms: 0,
    replication_primary_canary_age_ms: 0,
  };
  return { dress: 'raw', data, health: { condition, codes } };
}

/** "Not initialised" is said only when the storage said so; here it was never read, so the member is left out. */
function neverRead(codes: Partial<Record<HealthCondition, number>>): Response {
  const data = {
    sealed: true,
    standby: true,
    last_error: { stage: 'storage', class: 'storage_unavailable' },
  };
  return { dress: 'raw', data, health: { condition: 'sealed', codes } };
}

async function leader(port: NodePort): Promise<Response> {
  const view = await port.sealView();
  // Both CLIs read this very text as "HA is on, and sealed"; any other makes `status` fail.
  if (view.sealed) throw new LatchkeyError('sealed', 'Vault is sealed');
  const found = await port.leader();
  return {
    dress: 'raw',
    data: {
      ha_enabled: true,
      is_self: found.isSelf,
      active_time: found.activeSince === undefined ? '0001-01-01T00:00:00Z' : rfc3339(found.activeSince),
      leader_address: found.apiAddress,
      leader_cluster_address: found.clusterAddress,
      performance_standby: false,
      performance_standby_last_remote_wal: 0,
      raft_committed_index: 0,
      raft_applied_index: 0,
    },
  };
}

function readCodes(input: JsonObject): Partial<Record<HealthCondition, number>> {
  const codes: Partial<Record<HealthCondition, number>> = {};
  for (const [name, condition] of Object.entries(OVERRIDES)) {
    const given = input[name];
    if (given === undefined) continue;
    // Any three-digit status is taken: Vault's Go client asks for 299 everywhere.
    if (typeof given !== 'string' || !/^[1-9]\d{2}$/.test(given)) throw badQuery();
    codes[condition] = Number(given);
  }
  return codes;
}

function readSwitch(input: JsonObject, name: string): boolean {
  const given = input[name];
  if (given === undefined) return false;
  if (given === 'true' || given === '1') return true;
  if (given === 'false' || given === '0' || given === '') return false;
  throw badQuery();
}

/** Vault answers a bad health query with 400 and no text. */
function badQuery(): LatchkeyError {
  return new LatchkeyError('bad_request', '');
}
