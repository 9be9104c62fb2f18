// Reads what clients send to the secrets API and what all objects share, and refuses what Key Vault refuses:
// 400 BadParameter.

import { asObject, jsonObject, ServiceError } from '../http/message.ts';
import type { ObjectAttributes, ObjectChange } from './objects.ts';
import type { NewSecret, SecretChange } from './secrets.ts';

/** Azure's published limits: 25 KB a value, 15 tags of 256 characters, 255 characters of content type. */
const VALUE_BYTES_MAX = 25 * 1024;
const TAGS_MAX = 15;
const TAG_CHARS_MAX = 256;
const CONTENT_TYPE_CHARS_MAX = 255;

export function readNewSecret(body: Buffer): NewSecret {
  const object = readObject(body);
  const { value } = object;
  if (typeof value !== 'string') throw badParameter('The request must contain a value.');
  if (Buffer.byteLength(value) > VALUE_BYTES_MAX) {
    throw badParameter('The specified secret value is too long. The maximum is 25600 bytes.');
  }
  return { value, ...readSecretMembers(object) };
}

export function readSecretChange(body: Buffer): SecretChange {
  const object = readObject(body);
  if (object['value'] !== undefined && object['value'] !== null) {
    throw badParameter('The value of a secret version cannot be updated.');
  }
  return readSecretMembers(object);
}

/** A name as in a path; throws 400. */
export function checkObjectName(name: string): void {
  if (!/^[0-9a-z-]{1,127}$/i.test(name))
    throw badParameter(`The request URI contains an invalid name: ${name}`);
}

export function badParameter(message: string): ServiceError {
  return new ServiceError(400, 'BadParameter', message);
}

export function readObject(body: Buffer): Record<string, unknown> {
  const object = jsonObject(body);
  if (!object) throw badParameter('The request body is not a valid JSON object.');
  return object;
}

/** null means "not said": az sends it for all that its user left out. */
export function readChange(object: Record<string, unknown>): ObjectChange {
  return { tags: readTags(object['tags']), attributes: readAttributes(object['attributes']) };
}

function readSecretMembers(object: Record<string, unknown>): SecretChange {
  const contentType = object['contentType'] ?? undefined;
  if (contentType !== undefined) {
    if (typeof contentType !== 'string' || contentType.length > CONTENT_TYPE_CHARS_MAX) {
      throw badParameter('contentType must be a string of at most 255 characters.');
    }
  }
  return { contentType, ...readChange(object) };
}

function readTags(given: unknown): Record<string, string> | undefined {
  if (given === undefined || given === null) return undefined;
  const tags = asObject(given);
  if (!tags) throw badParameter('tags must be an object of strings.');
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX) throw badParameter('At most 15 tags are allowed.');
  const read: [string, string][] = [];
  for (const [name, value] of entries) {
    if (typeof value !== 'string' || name.length > TAG_CHARS_MAX || value.length > TAG_CHARS_MAX) {
      throw badParameter('A tag has a name and a value of at most 256 characters each.');
    }
    read.push([name, value]);
  }
  return Object.fromEntries(read);
}

function readAttributes(given: unknown): Partial<ObjectAttributes> | undefined {
  if (given === undefined || given === null) return undefined;
  const attributes = asObject(given);
  if (!attributes) throw badParameter('attributes must be an object.');
  const read: Partial<ObjectAttributes> = {};
  const enabled = attributes['enabled'] ?? undefined;
  if (enabled !== undefined) {
    if (typeof enabled !== 'boolean') throw badParameter('attributes.enabled must be true or false.');
    read.enabled = enabled;
  }
  for (const name of ['nbf', 'exp'] as const) {
    const seconds = attributes[name] ?? undefined;
    if (seconds === undefined) continue;
    if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds) || seconds < 0) {
      throw badParameter(`attributes.${name} must be whole seconds since 1970.`);
    }
    read[name] = seconds;
  }
  if (read.nbf !== undefined && read.exp !== undefined && read.exp <= read.nbf) {
    throw badParameter('attributes.exp must be later than attributes.nbf.');
  }
  return read;
}
