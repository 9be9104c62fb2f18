// Who may do what with a vault's data: role assignments or access policies, never both.

import type { Caller } from '../entra/tokens.ts';
import { ServiceError } from '../http/message.ts';
import type { RoleBook } from '../rbac/domain.ts';
import type { Settings } from '../settings.ts';
import type { Vault } from './vault.ts';

export interface Operation {
  kind: 'secrets' | 'keys';
  /** Data action below Microsoft.KeyVault/vaults/. */
  action: string;
  /** The same right in an access policy. */
  permission: string;
}

/** Operation → right. Source: Azure's Key Vault RBAC guide and the access policy reference. */
export const SECRET_OPERATIONS = {
  set: secret('setSecret/action', 'set'),
  get: secret('getSecret/action', 'get'),
  list: secret('readMetadata/action', 'list'),
  getDeleted: secret('readMetadata/action', 'get'),
  update: secret('update/action', 'set'),
  delete: secret('delete', 'delete'),
  recover: secret('recover/action', 'recover'),
  purge: secret('purge/action', 'purge'),
  backup: secret('backup/action', 'backup'),
  restore: secret('restore/action', 'restore'),
};

export const KEY_OPERATIONS = {
  create: key('create/action', 'create'),
  import: key('import/action', 'import'),
  get: key('read', 'get'),
  list: key('read', 'list'),
  getDeleted: key('read', 'get'),
  update: key('update/action', 'update'),
  rotate: key('rotate/action', 'rotate'),
  backup: key('backup/action', 'backup'),
  restore: key('restore/action', 'restore'),
  delete: key('delete', 'delete'),
  recover: key('recover/action', 'recover'),
  purge: key('purge/action', 'purge'),
  encrypt: key('encrypt/action', 'encrypt'),
  decrypt: key('decrypt/action', 'decrypt'),
  wrapKey: key('wrap/action', 'wrapKey'),
  unwrapKey: key('unwrap/action', 'unwrapKey'),
  sign: key('sign/action', 'sign'),
  verify: key('verify/action', 'verify'),
  getPolicy: { kind: 'keys', action: 'keyrotationpolicies/read', permission: 'getrotationpolicy' },
  setPolicy: { kind: 'keys', action: 'keyrotationpolicies/write', permission: 'setrotationpolicy' },
} as const satisfies Record<string, Operation>;

/** Where the sources disagree about wrapping, the setting decides. */
export function neededRight(operation: Operation, { wrapNeeds }: Pick<Settings, 'wrapNeeds'>): Operation {
  return operation === KEY_OPERATIONS.wrapKey && wrapNeeds === 'read' ? KEY_OPERATIONS.get : operation;
}

function secret(action: string, permission: string): Operation {
  return { kind: 'secrets', action: `secrets/${action}`, permission };
}

function key(action: string, permission: string): Operation {
  return { kind: 'keys', action: `keys/${action}`, permission };
}

/** Throws the 403 of Key Vault unless the caller may. `name` is the object's, absent for lists. */
export function authorize(
  vault: Vault,
  roles: RoleBook,
  caller: Caller,
  operation: Operation,
  name?: string,
): void {
  if (!vault.rbac) {
    if (!policyAllows(vault, caller, operation)) throw deniedByPolicy(vault, caller, operation);
    return;
  }
  const action = `Microsoft.KeyVault/vaults/${operation.action}`;
  const resource = name ? `${vault.id}/${operation.kind}/${name}` : vault.id;
  if (roles.grants({ principalId: caller.objectId, action, plane: 'data', resource }).length === 0) {
    throw deniedByRbac(vault, caller, action, resource.toLowerCase());
  }
}

function policyAllows(vault: Vault, caller: Caller, { kind, permission }: Operation): boolean {
  return vault.accessPolicies.some(
    (policy) =>
      policy.objectId.toLowerCase() === caller.objectId &&
      policy.tenantId.toLowerCase() === caller.tenantId &&
      policy.permissions[kind].some((given) =>
        ['all', permission.toLowerCase()].includes(given.toLowerCase()),
      ),
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
    `The user, group or application '${describe(caller)}' does not have ${operation.kind} ${operation.permission} permission on key vault '${vault.name};location=${vault.location}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`,
    { innerCode: 'AccessDenied' },
  );
}

export function describe(caller: Caller): string {
  return `appid=${caller.clientId};oid=${caller.objectId};iss=${caller.issuer}`;
}
