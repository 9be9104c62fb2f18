// Reads what clients send to Graph, and refuses what it refuses: 400 Request_BadRequest.

import type { FederatedCredential } from '../entra/credentials.ts';
import { asObject, jsonObject, ServiceError } from '../http/message.ts';

export interface ApplicationRequest {
  displayName: string | undefined;
  identifierUris: string[] | undefined;
  /** DER, each; undefined: not said. */
  certificates: Buffer[] | undefined;
}

export interface PasswordRequest {
  displayName: string | undefined;
  /** Seconds since the Unix epoch. */
  starts: number | undefined;
  ends: number | undefined;
}

const LIST_MAX = 1000;
const TEXT_MAX = 600;

export function readApplication(body: Buffer): ApplicationRequest {
  const object = readObject(body);
  const keys = object['keyCredentials'] ?? undefined;
  return {
    displayName: readText(object, 'displayName'),
    identifierUris: readTexts(object, 'identifierUris'),
    certificates: keys === undefined ? undefined : readKeys(keys),
  };
}

/** The client id of the application that gets a service principal. */
export function readAppId(body: Buffer): string {
  const appId = readText(readObject(body), 'appId');
  if (appId === undefined)
    throw badRequest("A value is required for property 'appId' of resource 'ServicePrincipal'.");
  return appId;
}

export function readPassword(body: Buffer): PasswordRequest {
  const object = body.length === 0 ? {} : readObject(body);
  const password = asObject(object['passwordCredential']) ?? {};
  return {
    displayName: readText(password, 'displayName'),
    starts: readTime(password, 'startDateTime'),
    ends: readTime(password, 'endDateTime'),
  };
}

export function readKeyId(body: Buffer): string {
  const keyId = readText(readObject(body), 'keyId');
  if (keyId === undefined) throw badRequest("A value is required for 'keyId'.");
  return keyId;
}

export function readIds(body: Buffer): string[] {
  const ids = readTexts(readObject(body), 'ids');
  if (ids === undefined) throw badRequest("A value is required for 'ids'.");
  return ids;
}

/** A member that is absent is left as `known` has it. */
export function readFederated(body: Buffer, known?: FederatedCredential): FederatedCredential {
  const object = readObject(body);
  const text = (name: 'name' | 'issuer' | 'subject') => {
    const value = readText(object, name) ?? known?.[name];
    if (value === undefined) throw badRequest(`A value is required for property '${name}'.`);
    return value;
  };
  const audiences = readTexts(object, 'audiences') ?? known?.audiences;
  if (audiences?.length !== 1) throw badRequest("'audiences' must be a list with exactly one entry.");
  return { name: text('name'), issuer: text('issuer'), subject: text('subject'), audiences };
}

function readKeys(given: unknown): Buffer[] {
  if (!Array.isArray(given) || given.length > LIST_MAX) throw badRequest("'keyCredentials' must be a list.");
  return given.map((entry) => {
    const key = asObject(entry)?.['key'];
    if (typeof key !== 'string' || !/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(key)) {
      throw badRequest("An entry of 'keyCredentials' must have a certificate in base64 as 'key'.");
    }
    return Buffer.from(key, 'base64');
  });
}

function readObject(body: Buffer): Record<string, unknown> {
  const object = jsonObject(body);
  if (!object) throw badRequest('Unable to read JSON request payload.');
  return object;
}

function readText(object: Record<string, unknown>, name: string): string | undefined {
  const value = object[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > TEXT_MAX) {
    throw badRequest(`'${name}' must be a text of 1 to ${TEXT_MAX} characters.`);
  }
  return value;
}

function readTexts(object: Record<string, unknown>, name: string): string[] | undefined {
  const given = object[name] ?? undefined;
  if (given === undefined) return undefined;
  if (!Array.isArray(given) || given.length > LIST_MAX) {
    throw badRequest(`'${name}' must be a list of at most ${LIST_MAX} texts.`);
  }
  return given.map((text: unknown) => {
    if (typeof text !== 'string' || text.length > TEXT_MAX)
      throw badRequest(`'${name}' must be a list of texts.`);
    return text;
  });
}

function readTime(object: Record<string, unknown>, name: string): number | undefined {
  const text = readText(object, name);
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw badRequest(`'${name}' is no time.`);
  return Math.floor(at / 1000);
}

export function badRequest(message: string): ServiceError {
  return new ServiceError(400, 'Request_BadRequest', message);
}
