// Prints a seal status with what `sys/leader` adds to it; used by `status` and `operator unseal`.

import type { LeaderStatus, SealStatus } from '../client/answers.ts';
import { ApiError } from '../client/api-error.ts';
import type { VaultClient } from '../client/client.ts';
import { type CommandCall, printData, printField } from './command.ts';
import { attempt } from './failure.ts';
import { sealStatusField, sealStatusJson, sealStatusTable } from './output/seal-status.ts';
import { reasonLines, whySealed } from './why-sealed.ts';

/** @throws CommandFailure (1) if the leader cannot be asked. */
export async function printSealStatus(
  call: CommandCall,
  client: VaultClient,
  status: SealStatus,
): Promise<void> {
  const leader = await attempt('Error checking leader status', () => askLeader(client), 1);
  const field = call.flags.text('field') ?? '';
  if (field !== '') printField(call, sealStatusField(status, leader, field), field, 'seal status');
  else if (call.format !== 'table') printData(call, sealStatusJson(status, leader));
  else {
    call.terminal.print(sealStatusTable(status, leader));
    const reason = whySealed(status, call.around.now());
    if (reason !== undefined) call.terminal.print(`\n${reasonLines(reason)}`);
  }
}

/** A sealed node of a cluster answers 503 here: then there is HA, and nobody to name. */
async function askLeader(client: VaultClient): Promise<LeaderStatus> {
  try {
    return await client.leader();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 503)) throw error;
    return { haEnabled: true, isSelf: false, activeTime: '', leaderAddress: '', leaderClusterAddress: '' };
  }
}
