// Reads what clients PUT to ARM, and refuses what ARM refuses: 400.

import { asObject, jsonObject, ServiceError } from '../http/message.ts';
import type { AccessPolicy } from '../key-vault/vault.ts';
import type { VaultRequest } from './vaults.ts';

export interface LocatedRequest {
  location: string;
  tags: Record<string, string>;
}

export interface AssignmentRequest {
  roleDefinitionId: string;
  principalId: string;
  principalType: string | undefined;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const POLICIES_MAX = 1024;

export function isGuid(text: string): boolean {
  return GUID.test(text);
}

export function readBody(body: Buffer): Record<string, unknown> {
  const object = jsonObject(body);
  if (!object)
    throw badRequest(
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized.',
    );
  return object;
}

/** Resource groups and identities: a location and tags. */
export function readLocated(body: Buffer): LocatedRequest {
  const object = readBody(body);
  return { location: readLocation(object), tags: readTags(object['tags']) ?? {} };
}

/** `createMode: recover` is all that a recovery says. */
export function asksForRecovery(body: Buffer): boolean {
  const mode = asObject(readBody(body)['properties'])?.['createMode'];
  return typeof mode === 'string' && mode.toLowerCase() === 'recover';
}

export function readVault(body: Buffer): VaultRequest {
  const object = readBody(body);
  const properties = asObject(object['properties']);
  if (!properties) throw badRequest('BadRequest', "The parameter 'properties' is missing.");
  const tenantId = readGuid(properties, 'tenantId');
  const sku = asObject(properties['sku'])?.['name'];
  if (typeof sku !== 'string' || !/^(standard|premium)$/i.test(sku)) {
    throw badRequest('BadRequest', "The parameter 'sku' must name 'standard' or 'premium'.");
  }
  return {
    location: readLocation(object),
    tags: readTags(object['tags']),
    tenantId,
    sku: sku.toLowerCase(),
    rbac: readFlag(properties, 'enableRbacAuthorization'),
    accessPolicies: readPolicies(properties['accessPolicies']),
    retentionDays: readRetention(properties['softDeleteRetentionInDays']),
    purgeProtection: readFlag(properties, 'enablePurgeProtection'),
  };
}

export function readAssignment(body: Buffer): AssignmentRequest {
  const properties = asObject(readBody(body)['properties']);
  if (!properties) throw badRequest('InvalidRequestContent', "The parameter 'properties' is missing.");
  const roleDefinitionId = properties['roleDefinitionId'];
  if (typeof roleDefinitionId !== 'string' || !isGuid(roleDefinitionId.slice(-36))) {
    throw badRequest('InvalidRoleDefinitionId', 'The role definition id must end in a GUID.');
  }
  const principalType = properties['principalType'] ?? undefined;
  if (principalType !== undefined && typeof principalType !== 'string') {
    throw badRequest('InvalidRequestContent', "'principalType' must be a string.");
  }
  if (typeof properties['condition'] === 'string') {
    // Granting without the limit that was asked for would be worse than refusing.
    throw new ServiceError(
      501,
      'NotImplemented',
      'This emulator does not evaluate conditions of role assignments.',
    );
  }
  return { roleDefinitionId, principalId: readGuid(properties, 'principalId'), principalType };
}

function readPolicies(given: unknown): AccessPolicy[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!Array.isArray(given) || given.length > POLICIES_MAX) {
    throw badRequest('BadRequest', "'accessPolicies' must be a list of at most 1024 entries.");
  }
  return given.map((entry) => {
    const policy = asObject(entry);
    if (!policy) throw badRequest('BadRequest', "An entry of 'accessPolicies' must be an object.");
    const permissions = asObject(policy['permissions']) ?? {};
    return {
      tenantId: readGuid(policy, 'tenantId'),
      objectId: readGuid(policy, 'objectId'),
      permissions: {
        keys: readNames(permissions['keys']),
        secrets: readNames(permissions['secrets']),
        certificates: readNames(permissions['certificates']),
        storage: readNames(permissions['storage']),
      },
    };
  });
}

function readNames(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || given.length > 64)
    throw badRequest('BadRequest', 'Permissions must be lists of names.');
  return given.map((name) => {
    if (typeof name !== 'string') throw badRequest('BadRequest', 'Permissions must be lists of names.');
    return name;
  });
}

function readLocation(object: Record<string, unknown>): string {
  const { location } = object;
  if (typeof location !== 'string' || location === '') {
    throw badRequest('LocationRequired', 'The location property is required for this definition.');
  }
  // `East US` and `eastus` are the same place.
  const normal = location.toLowerCase().replaceAll(' ', '');
  if (!/^[a-z0-9]{1,40}$/.test(normal)) {
    throw badRequest(
      'LocationNotAvailableForResourceType',
      `The provided location '${location}' is not available.`,
    );
  }
  return normal;
}

function readTags(given: unknown): Record<string, string> | undefined {
  if (given === undefined || given === null) return undefined;
  const tags = asObject(given);
  const entries = Object.entries(tags ?? {});
  if (!tags || entries.length > 50 || entries.some(([, value]) => typeof value !== 'string')) {
    throw badRequest('InvalidTagsParameter', 'Tags must be at most 50 strings.');
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function readGuid(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' || !isGuid(value))
    throw badRequest('BadRequest', `'${name}' must be a GUID.`);
  return value.toLowerCase();
}

function readFlag(object: Record<string, unknown>, name: string): boolean | undefined {
  const value = object[name] ?? undefined;
  if (value !== undefined && typeof value !== 'boolean')
    throw badRequest('BadRequest', `'${name}' must be true or false.`);
  return value;
}

function readRetention(given: unknown): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 7 || given > 90) {
    throw badRequest('BadRequest', "'softDeleteRetentionInDays' must be from 7 to 90.");
  }
  return given;
}

function badRequest(code: string, message: string): ServiceError {
  return new ServiceError(400, code, message);
}
