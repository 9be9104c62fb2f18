// Custom roles: what may be made, changed and removed. ARM's handler and the test shortcuts both call this.

import { ServiceError } from '../http/message.ts';
import { covers } from '../rbac/domain.ts';
import type { RoleDefinition } from '../rbac/roles.ts';
import { isGuid } from './bodies.ts';
import type { Subscription } from './domain.ts';
import type { RoleRequest } from './role-bodies.ts';

/** `scope` is where the request stands: one of the role's own scopes must cover it. */
export function putCustomRole(
  subscription: Subscription,
  scope: string,
  guid: string,
  request: RoleRequest,
): { role: RoleDefinition; created: boolean } {
  const name = guid.toLowerCase();
  const { roles } = subscription;
  if (!isGuid(name)) {
    throw refused(400, 'InvalidRoleDefinitionId', `The role definition ID '${guid}' is not a GUID.`);
  }
  const known = roles.roles.find((role) => role.name === name);
  if (known?.type === 'BuiltInRole') throw builtIn(known);
  for (const assignable of request.assignableScopes) checkAssignable(subscription, assignable);
  if (!request.assignableScopes.some((assignable) => covers(assignable, scope))) {
    throw refused(
      400,
      'RoleDefinitionScopeNotAssignable',
      `The scope '${scope}' of the request is not among the assignable scopes of the role definition.`,
    );
  }
  const sameName = roles.roles.find(
    (role) => role.roleName.toLowerCase() === request.roleName.toLowerCase() && role.name !== name,
  );
  if (sameName) {
    throw refused(
      409,
      'RoleDefinitionWithSameNameExists',
      `A custom role with the same name already exists in this directory. Use a different name: '${request.roleName}'.`,
    );
  }
  const inUse = roles
    .list()
    .find(
      (assignment) =>
        assignment.role === name &&
        !request.assignableScopes.some((other) => covers(other, assignment.scope)),
    );
  if (inUse) throw hasAssignments();
  return { role: roles.putRole({ ...request, name, type: 'CustomRole' }), created: !known };
}

export function deleteCustomRole(subscription: Subscription, role: RoleDefinition): void {
  if (role.type === 'BuiltInRole') throw builtIn(role);
  if (subscription.roles.list().some((assignment) => assignment.role === role.name)) throw hasAssignments();
  subscription.roles.removeRole(role.name);
}

/** Azure takes management groups, subscriptions and resource groups; the first there are none of here. */
function checkAssignable(subscription: Subscription, scope: string): void {
  const segments = scope.split('/').filter(Boolean);
  if (segments.length !== 2 && segments.length !== 4) {
    throw refused(
      400,
      'InvalidAssignableScope',
      `'${scope}' is no assignable scope: it must be a subscription or a resource group.`,
    );
  }
  subscription.checkScope(scope);
}

function builtIn(role: RoleDefinition): ServiceError {
  return refused(403, 'RoleDefinitionIsBuiltIn', `The built-in role '${role.roleName}' cannot be changed.`);
}

function hasAssignments(): ServiceError {
  return refused(
    400,
    'RoleDefinitionHasAssignments',
    'There are existing role assignments referencing this role definition.',
  );
}

function refused(status: number, code: string, message: string): ServiceError {
  return new ServiceError(status, code, message);
}
