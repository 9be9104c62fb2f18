// `status` and `operator unseal`: the seal's table, and below it why the node is sealed.

import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { LeaderStatus, SealStatus } from '../../client/answers.ts';
import type { Row } from './table.ts';
import { keyValueTable } from './value.ts';

/** Rows in Vault's order. `Seal Key` and `Seal Warning` are ours and appear only if the server sends them. */
export function sealStatusTable(status: SealStatus, leader: LeaderStatus): string {
  const recovery = status.recoverySeal ? 'Recovery ' : '';
  const rows: Row[] = [['Seal Type', status.type]];
  if (status.recoverySeal) rows.push(['Recovery Seal Type', status.recoverySealType]);
  if (status.sealKey !== '') rows.push(['Seal Key', status.sealKey]);
  rows.push(
    ['Initialized', String(status.initialized)],
    ['Sealed', String(status.sealed)],
    [`Total ${recovery}Shares`, String(status.shares)],
    ['Threshold', String(status.threshold)],
  );
  if (status.sealed) {
    rows.push(['Unseal Progress', `${status.progress}/${status.threshold}`], ['Unseal Nonce', status.nonce]);
  }
  if (status.migration) rows.push(['Seal Migration in Progress', 'true']);
  rows.push(...serverRows(status), ...leaderRows(status, leader));
  if (status.warnings.length > 0) rows.push(['Warnings', `[${status.warnings.join(' ')}]`]);
  for (const warning of status.sealWarnings) rows.push(['Seal Warning', warning]);
  return keyValueTable(rows);
}

function serverRows(status: SealStatus): Row[] {
  const rows: Row[] = [];
  if (status.version !== '') rows.push(['Version', status.version]);
  // Vault sends the one, OpenBao the other; a server that sends both is read as Vault would be.
  if (status.buildDate !== '') rows.push(['Build Date', status.buildDate]);
  else if (status.commitDate !== '') rows.push(['Commit Date', status.commitDate]);
  if (status.storageType !== '') rows.push(['Storage Type', status.storageType]);
  if (status.clusterName !== '' && status.clusterId !== '') {
    rows.push(['Cluster Name', status.clusterName], ['Cluster ID', status.clusterId]);
  }
  return rows;
}

function leaderRows(status: SealStatus, leader: LeaderStatus): Row[] {
  const rows: Row[] = [['HA Enabled', String(leader.haEnabled)]];
  if (!leader.haEnabled || status.sealed) return rows;
  rows.push(['HA Cluster', leader.leaderClusterAddress], ['HA Mode', leader.isSelf ? 'active' : 'standby']);
  if (!leader.isSelf) rows.push(['Active Node Address', leader.leaderAddress || '<none>']);
  else if (leader.activeTime !== '') rows.push(['Active Since', leader.activeTime]);
  return rows;
}

/** The server's own members, then what `sys/leader` said. */
export function sealStatusJson(status: SealStatus, leader: LeaderStatus): JsonObject {
  return {
    ...status.raw,
    ha_enabled: leader.haEnabled,
    ...(leader.isSelf ? { is_self: true } : {}),
    ...(leader.activeTime === '' ? {} : { active_time: leader.activeTime }),
    ...(leader.leaderAddress === '' ? {} : { leader_address: leader.leaderAddress }),
    ...(leader.leaderClusterAddress === '' ? {} : { leader_cluster_address: leader.leaderClusterAddress }),
  };
}

/** `-field` of `status`: a member of the JSON, or `ha_mode`. */
export function sealStatusField(
  status: SealStatus,
  leader: LeaderStatus,
  field: string,
): JsonValue | undefined {
  if (field === 'ha_mode') return leader.isSelf ? 'active' : 'standby';
  return sealStatusJson(status, leader)[field] ?? undefined;
}
