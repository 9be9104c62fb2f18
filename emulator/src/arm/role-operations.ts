// ARM's role assignments and role definitions.

import type { Caller } from '../entra/tokens.ts';
import { queryValue, type Reply, ServiceError } from '../http/message.ts';
import { covers, type RoleAssignment } from '../rbac/domain.ts';
import type { RoleDefinition } from '../rbac/roles.ts';
import { isGuid, readAssignment } from './bodies.ts';
import type { Subscription } from './domain.ts';
import { type ArmOperation, type Context, nameOf, ok } from './operation.ts';
import type { ArmPath } from './path.ts';
import * as render from './render.ts';
import { readRole } from './role-bodies.ts';
import { deleteCustomRole, putCustomRole } from './roles.ts';

const ASSIGNMENTS = 'Microsoft.Authorization/roleAssignments';
const ROLES = 'Microsoft.Authorization/roleDefinitions';

export const ROLE_OPERATIONS: readonly ArmOperation[] = [
  { kind: 'roleAssignments', method: 'GET', action: `${ASSIGNMENTS}/read`, run: listAssignments },
  { kind: 'roleAssignment', method: 'PUT', action: `${ASSIGNMENTS}/write`, run: putAssignment },
  { kind: 'roleAssignment', method: 'GET', action: `${ASSIGNMENTS}/read`, run: getAssignment },
  { kind: 'roleAssignment', method: 'DELETE', action: `${ASSIGNMENTS}/delete`, run: deleteAssignment },
  { kind: 'roleDefinitions', method: 'GET', action: `${ROLES}/read`, run: listRoles },
  { kind: 'roleDefinition', method: 'GET', action: `${ROLES}/read`, run: getRole },
  { kind: 'roleDefinition', method: 'PUT', action: `${ROLES}/write`, run: putRole },
  { kind: 'roleDefinition', method: 'DELETE', action: `${ROLES}/delete`, run: deleteRole },
];

/** `$filter`: atScope() is this scope and above; principalId eq 'x' and assignedTo('x') narrow it further. */
function listAssignments({ subscription, request, path }: Context): Reply {
  const filter = queryValue(request, '$filter') ?? '';
  const above = /atScope\(\)/i.test(filter);
  const principal = /(?:principalId\s+eq\s+|assignedTo\()'([^']+)'/i.exec(filter)?.[1]?.toLowerCase();
  const wanted = subscription.roles.list().filter((assignment) => {
    if (principal !== undefined && assignment.principalId !== principal) return false;
    return covers(assignment.scope, path.scope) || (!above && covers(path.scope, assignment.scope));
  });
  return ok({ value: wanted.map((assignment) => render.renderAssignment(assignment, subscription)) });
}

function putAssignment({ subscription, request, path, caller }: Context): Reply {
  const name = nameOf(path.name);
  if (!isGuid(name))
    throw new ServiceError(
      400,
      'InvalidRoleAssignmentId',
      `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
    );
  const asked = readAssignment(request.body);
  checkMayAssign(subscription, caller, path.scope, asked.roleDefinitionId);
  const { assignment, created } = subscription.assign({
    scope: path.scope,
    name,
    principalId: asked.principalId,
    principalType: asked.principalType,
    role: asked.roleDefinitionId,
    createdBy: caller.objectId,
  });
  return { status: created ? 201 : 200, body: render.renderAssignment(assignment, subscription) };
}

/** Some roles may assign only some roles: at least one of the caller's grants must let this one through. */
function checkMayAssign(subscription: Subscription, caller: Caller, scope: string, wanted: string): void {
  const action = `${ASSIGNMENTS}/write`;
  const role = subscription.roles.role(wanted)?.name;
  const grants = subscription.roles.grants({
    principalId: caller.objectId,
    action,
    plane: 'management',
    resource: scope,
  });
  const allowed = grants.some((grant) => {
    const limit = subscription.roles.role(grant.role)?.mayAssign;
    return limit === undefined || (role !== undefined && limit.includes(role));
  });
  if (allowed) return;
  throw new ServiceError(
    403,
    'AuthorizationFailed',
    `The client '${caller.clientId}' with object id '${caller.objectId}' has an authorization with ABAC condition that is not fulfilled to perform action '${action}' over scope '${scope}'.`,
  );
}

function getAssignment({ subscription, path }: Context): Reply {
  const assignment = assignmentAt(subscription, path);
  if (!assignment)
    throw new ServiceError(
      404,
      'RoleAssignmentNotFound',
      `The role assignment '${nameOf(path.name)}' is not found.`,
    );
  return ok(render.renderAssignment(assignment, subscription));
}

function deleteAssignment({ subscription, path, caller }: Context): Reply {
  const assignment = assignmentAt(subscription, path);
  if (!assignment) return { status: 204 };
  checkMayAssign(subscription, caller, path.scope, assignment.role);
  subscription.roles.remove(assignment.name);
  return ok(render.renderAssignment(assignment, subscription));
}

function assignmentAt(subscription: Subscription, path: ArmPath): RoleAssignment | undefined {
  const assignment = subscription.roles.get(nameOf(path.name));
  return assignment?.scope.toLowerCase() === path.scope.toLowerCase() ? assignment : undefined;
}

function listRoles({ subscription, request, path }: Context): Reply {
  const filter = queryValue(request, '$filter') ?? '';
  const wanted = /roleName\s+eq\s+'([^']*)'/i.exec(filter)?.[1]?.toLowerCase();
  const type = /type\s+eq\s+'([^']*)'/i.exec(filter)?.[1]?.toLowerCase();
  const roles = subscription.roles.roles.filter(
    (role) =>
      (wanted === undefined || role.roleName.toLowerCase() === wanted) &&
      (type === undefined || role.type.toLowerCase() === type) &&
      role.assignableScopes.some((scope) => covers(scope, path.scope)),
  );
  return ok({ value: roles.map((role) => render.renderRole(role, subscription)) });
}

function getRole({ subscription, path }: Context): Reply {
  const role = roleNamed(subscription, nameOf(path.name));
  if (!role) {
    throw new ServiceError(
      404,
      'RoleDefinitionDoesNotExist',
      `The specified role definition with ID '${nameOf(path.name)}' does not exist.`,
    );
  }
  return ok(render.renderRole(role, subscription));
}

/** The right to write is needed at every scope where the role could then be assigned, before and after. */
function putRole({ subscription, request, path, caller }: Context): Reply {
  const name = nameOf(path.name);
  const asked = readRole(request.body);
  const known = roleNamed(subscription, name);
  checkScopes(subscription, caller, 'write', [...asked.assignableScopes, ...(known?.assignableScopes ?? [])]);
  const { role, created } = putCustomRole(subscription, path.scope, name, asked);
  return { status: created ? 201 : 200, body: render.renderRole(role, subscription) };
}

function deleteRole({ subscription, path, caller }: Context): Reply {
  const role = roleNamed(subscription, nameOf(path.name));
  if (!role) return { status: 204 };
  checkScopes(subscription, caller, 'delete', role.assignableScopes);
  deleteCustomRole(subscription, role);
  return ok(render.renderRole(role, subscription));
}

/** `/` is for built-in roles alone; the domain refuses those with a reason of its own. */
function checkScopes(
  subscription: Subscription,
  caller: Caller,
  verb: 'write' | 'delete',
  scopes: string[],
): void {
  const action = `${ROLES}/${verb}`;
  for (const resource of scopes) {
    const question = { principalId: caller.objectId, action, plane: 'management', resource } as const;
    if (resource === '/' || subscription.roles.grants(question).length > 0) continue;
    throw new ServiceError(
      403,
      'LinkedAuthorizationFailed',
      `The client '${caller.clientId}' has permission to perform action '${action}' on the role definition; however, it does not have permission to perform action '${action}' on the linked scope '${resource}'.`,
    );
  }
}

function roleNamed(subscription: Subscription, name: string): RoleDefinition | undefined {
  return subscription.roles.roles.find((role) => role.name === name.toLowerCase());
}
