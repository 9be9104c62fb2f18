// Who may do what with a vault's data: role assignments or access policies, never both.

import type { Caller } from '../entra/tokens.ts';
import { ServiceError } from '../http/message.ts';
import type { RoleBook } from '../rbac/domain.ts';
import type { Vault } from './vault.ts';

export interface Operation {
  /** Data action below Microsoft.KeyVault/vaults/. */
  action: string;
  /** The same right in an access policy. */
  permission: string;
}

/** Operation → right. Source: Azure's Key Vault RBAC guide and the access policy reference. */
export const SECRET_OPERATIONS = {
  set: { action: 'secrets/setSecret/action', permission: 'set' },
  get: { action: 'secrets/getSecret/action', permission: 'get' },
  list: { action: 'secrets/readMetadata/action', permission: 'list' },
  getDeleted: { action: 'secrets/readMetadata/action', permission: 'get' },
  update: { action: 'secrets/update/action', permission: 'set' },
  delete: { action: 'secrets/delete', permission: 'delete' },
  recover: { action: 'secrets/recover/action', permission: 'recover' },
  purge: { action: 'secrets/purge/action', permission: 'purge' },
} as const satisfies Record<string, Operation>;

/** Throws the 403 of Key Vault unless the caller may. `object` is like `secrets/name`, absent for lists. */
export function authorize(
  vault: Vault,
  roles: RoleBook,
  caller: Caller,
  operation: Operation,
  object?: string,
): void {
  if (!vault.rbac) {
    if (!policyAllows(vault, caller, operation.permission)) throw deniedByPolicy(vault, caller, operation);
    return;
  }
  const action = `Microsoft.KeyVault/vaults/${operation.action}`;
  const resource = object ? `${vault.id}/${object}` : vault.id;
  if (roles.grants({ principalId: caller.objectId, action, plane: 'data', resource }).length === 0) {
    throw deniedByRbac(vault, caller, action, resource.toLowerCase());
  }
}

function policyAllows(vault: Vault, caller: Caller, permission: string): boolean {
  return vault.accessPolicies.some(
    (policy) =>
      policy.objectId.toLowerCase() === caller.objectId &&
      policy.tenantId.toLowerCase() === caller.tenantId &&
      policy.permissions.secrets.some((given) => ['all', permission].includes(given.toLowerCase())),
  );
}

/** Word for word as the service says it, CRLF after every line: clients pick identity, action and resource out of it. */
function deniedByRbac(vault: Vault, caller: Caller, action: string, resource: string): ServiceError {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: ${describe(caller)}`,
    `Action: '${action}'`,
    `Resource: '${resource}'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    "DecisionReason: 'DeniedWithNoValidRBAC' ",
    `Vault: ${vault.name};location=${vault.location}`,
  ];
  return new ServiceError(403, 'Forbidden', lines.map((line) => `${line}\r\n`).join(''), {
    innerCode: 'ForbiddenByRbac',
  });
}

function deniedByPolicy(vault: Vault, caller: Caller, operation: Operation): ServiceError {
  return new ServiceError(
    403,
    'Forbidden',
    `The user, group or application '${describe(caller)}' does not have secrets ${operation.permission} permission on key vault '${vault.name};location=${vault.location}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`,
    { innerCode: 'AccessDenied' },
  );
}

function describe(caller: Caller): string {
  return `appid=${caller.clientId};oid=${caller.objectId};iss=${caller.issuer}`;
}
