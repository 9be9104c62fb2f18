// The one table of commands. Help, dispatch and the list of subcommands are all read from it.

import type { Command } from './command.ts';
import { auditDisableCommand, auditEnableCommand, auditListCommand } from './commands/audit.ts';
import { deleteCommand } from './commands/delete.ts';
import { kvDeleteCommand } from './commands/kv-delete.ts';
import { kvEnableVersioningCommand } from './commands/kv-enable-versioning.ts';
import { kvGetCommand } from './commands/kv-get.ts';
import { kvListCommand } from './commands/kv-list.ts';
import {
  kvMetadataDeleteCommand,
  kvMetadataGetCommand,
  kvMetadataPatchCommand,
  kvMetadataPutCommand,
} from './commands/kv-metadata.ts';
import { kvPatchCommand } from './commands/kv-patch.ts';
import { kvPutCommand } from './commands/kv-put.ts';
import { kvRollbackCommand } from './commands/kv-rollback.ts';
import { kvDestroyCommand, kvUndeleteCommand } from './commands/kv-undelete.ts';
import { leaseLookupCommand, leaseRenewCommand, leaseRevokeCommand } from './commands/lease.ts';
import { listCommand } from './commands/list.ts';
import { loginCommand } from './commands/login.ts';
import { MOUNT_COMMANDS } from './commands/mounts.ts';
import { operatorGenerateRootCommand } from './commands/operator-generate-root.ts';
import { operatorInitCommand } from './commands/operator-init.ts';
import { operatorMembersCommand } from './commands/operator-members.ts';
import { operatorKeyStatusCommand, operatorRotateCommand } from './commands/operator-rotate.ts';
import { operatorSealCommand } from './commands/operator-seal.ts';
import { operatorStepDownCommand } from './commands/operator-step-down.ts';
import { operatorUnsealCommand } from './commands/operator-unseal.ts';
import { pathHelpCommand } from './commands/path-help.ts';
import {
  policyDeleteCommand,
  policyListCommand,
  policyReadCommand,
  policyWriteCommand,
} from './commands/policy.ts';
import { printTokenCommand } from './commands/print-token.ts';
import { readCommand } from './commands/read.ts';
import { serverCommand } from './commands/server.ts';
import { statusCommand } from './commands/status.ts';
import {
  tokenCapabilitiesCommand,
  tokenLookupCommand,
  tokenRenewCommand,
  tokenRevokeCommand,
} from './commands/token.ts';
import { tokenCreateCommand } from './commands/token-create.ts';
import { unwrapCommand } from './commands/unwrap.ts';
import { versionCommand } from './commands/version.ts';
import { versionHistoryCommand } from './commands/version-history.ts';
import { writeCommand } from './commands/write.ts';

export const COMMANDS: readonly Command[] = [
  serverCommand,
  statusCommand,
  operatorInitCommand,
  operatorUnsealCommand,
  operatorSealCommand,
  operatorStepDownCommand,
  operatorMembersCommand,
  operatorKeyStatusCommand,
  operatorRotateCommand,
  operatorGenerateRootCommand,
  loginCommand,
  kvPutCommand,
  kvGetCommand,
  kvListCommand,
  kvDeleteCommand,
  kvPatchCommand,
  kvUndeleteCommand,
  kvDestroyCommand,
  kvRollbackCommand,
  kvMetadataGetCommand,
  kvMetadataPutCommand,
  kvMetadataPatchCommand,
  kvMetadataDeleteCommand,
  kvEnableVersioningCommand,
  readCommand,
  writeCommand,
  listCommand,
  deleteCommand,
  ...MOUNT_COMMANDS,
  auditEnableCommand,
  auditDisableCommand,
  auditListCommand,
  printTokenCommand,
  tokenCreateCommand,
  tokenLookupCommand,
  tokenRenewCommand,
  tokenRevokeCommand,
  tokenCapabilitiesCommand,
  policyListCommand,
  policyReadCommand,
  policyWriteCommand,
  policyDeleteCommand,
  leaseLookupCommand,
  leaseRenewCommand,
  leaseRevokeCommand,
  unwrapCommand,
  pathHelpCommand,
  versionCommand,
  versionHistoryCommand,
];
