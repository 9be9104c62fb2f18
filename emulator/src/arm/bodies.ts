// Reads what clients PUT to ARM, and refuses what ARM refuses: 400.

import { asObject, jsonObject, ServiceError } from '../http/message.ts';

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

export function readLocation(object: Record<string, unknown>): string {
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

export function readTags(given: unknown): Record<string, string> | undefined {
  if (given === undefined || given === null) return undefined;
  const tags = asObject(given);
  const entries = Object.entries(tags ?? {});
  if (!tags || entries.length > 50 || entries.some(([, value]) => typeof value !== 'string')) {
    throw badRequest('InvalidTagsParameter', 'Tags must be at most 50 strings.');
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

export function readGuid(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== 'string' || !isGuid(value))
    throw badRequest('BadRequest', `'${name}' must be a GUID.`);
  return value.toLowerCase();
}

export function badRequest(code: string, message: string): ServiceError {
  return new ServiceError(400, code, message);
}
