// Reads the custom roles that clients PUT to ARM, and refuses what ARM refuses: 400.

import { asObject, ServiceError } from '../http/message.ts';
import type { Permissions } from '../rbac/roles.ts';
import { readBody } from './bodies.ts';

export interface RoleRequest {
  roleName: string;
  description: string;
  permissions: Permissions;
  assignableScopes: string[];
}

const NAMES_MAX = 1024;
const SCOPES_MAX = 2000;
/** `Microsoft.KeyVault/vaults/keys/wrap/action`, with `*` anywhere in it, or `*` alone. */
const ACTION = /^(\*|[\w.*-]+(\/[\w.*-]+)+)$/;

export function readRole(body: Buffer): RoleRequest {
  const properties = asObject(readBody(body)['properties']);
  if (!properties) throw invalid("The parameter 'properties' is missing.");
  const roleName = properties['roleName'];
  if (typeof roleName !== 'string' || roleName.trim() === '' || roleName.length > 512) {
    throw invalid("'roleName' must be a text of at most 512 characters.");
  }
  const type = properties['type'] ?? 'CustomRole';
  if (type !== 'CustomRole') throw invalid("'type' must be 'CustomRole'.");
  const description = properties['description'] ?? '';
  if (typeof description !== 'string' || description.length > 2048) {
    throw invalid("'description' must be a text of at most 2048 characters.");
  }
  return {
    roleName,
    description,
    permissions: readPermissions(properties['permissions']),
    assignableScopes: readScopes(properties['assignableScopes']),
  };
}

function readPermissions(given: unknown): Permissions {
  const entry = Array.isArray(given) && given.length === 1 ? asObject(given[0]) : undefined;
  if (!entry) throw invalid("'permissions' must be a list with one entry.");
  const permissions = {
    actions: readActions(entry, 'actions'),
    notActions: readActions(entry, 'notActions'),
    dataActions: readActions(entry, 'dataActions'),
    notDataActions: readActions(entry, 'notDataActions'),
  };
  if (permissions.actions.length + permissions.dataActions.length === 0) {
    throw invalid('A role must have at least one action or data action.');
  }
  return permissions;
}

function readActions(entry: Record<string, unknown>, name: string): string[] {
  return readTexts(entry[name] ?? [], NAMES_MAX, name).map((action) => {
    if (ACTION.test(action)) return action;
    throw new ServiceError(
      400,
      'InvalidActionOrNotAction',
      `'${action.slice(0, 200)}' does not match any of the actions supported by the providers.`,
    );
  });
}

function readScopes(given: unknown): string[] {
  const scopes = readTexts(given, SCOPES_MAX, 'assignableScopes');
  if (scopes.length === 0) throw invalid("'assignableScopes' must name at least one scope.");
  return scopes.map((scope) => scope.replace(/\/+$/, '') || '/');
}

function readTexts(given: unknown, most: number, name: string): string[] {
  if (!Array.isArray(given) || given.length > most) {
    throw invalid(`'${name}' must be a list of at most ${most} texts.`);
  }
  return given.map((text: unknown) => {
    if (typeof text !== 'string') throw invalid(`'${name}' must be a list of texts.`);
    return text;
  });
}

function invalid(message: string): ServiceError {
  return new ServiceError(400, 'InvalidRoleDefinition', message);
}
