// What a role looks for in the claims of a token: single values by name or JSON pointer, bounds, and what goes into the
// login's metadata. The refusals are Vault's.

import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { fitsGlob } from '../glob.ts';
import { numberText } from '../registered-claims.ts';

export type BoundClaimsType = 'string' | 'glob';

/** A claim is not there, or not what it must be; the words name it and never tell its value. */
export class ClaimFault extends Error {
  constructor(words: string) {
    super(words);
    this.name = 'ClaimFault';
  }
}

/** By name, or by JSON pointer (RFC 6901) if it begins with a slash. Undefined if it is missing or null. */
export function claimAt(claims: JsonObject, name: string): JsonValue | undefined {
  const value = name.startsWith('/') ? pointedAt(claims, name) : own(claims, name);
  return value === null ? undefined : value;
}

/** Of the claims themselves, whatever its first character: `user_claim` without `user_claim_json_pointer`. */
export function own(claims: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function pointedAt(claims: JsonObject, pointer: string): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const escaped of pointer.slice(1).split('/')) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) value = /^(0|[1-9]\d{0,8})$/.test(name) ? value[Number(name)] : undefined;
    else value = isObject(value) ? own(value, name) : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

/** One value, or any of a list. Numbers as text, marked, so that `5` is not `"5"`, and 2^53 + 1 not 2^53. */
type Plain = string | boolean | { readonly digits: string };

/** @throws ClaimFault unless every bound claim has one of the values that it may have. */
export function assertBounds(claims: JsonObject, bounds: JsonObject, type: BoundClaimsType): void {
  for (const [name, wanted] of Object.entries(bounds)) {
    const value = claimAt(claims, name);
    if (value === undefined) throw new ClaimFault(`claim "${name}" is missing`);
    const actual = plainList(name === 'aud' && typeof value === 'string' ? [value] : value);
    if (actual === undefined) {
      throw new ClaimFault(`received claim "${name}" is not a string, bool, int or list`);
    }
    const allowed = plainList(wanted) ?? [];
    if (!allowed.some((one) => actual.some((other) => isMatch(one, other, type)))) {
      throw new ClaimFault(`claim "${name}" does not match any associated bound claim values`);
    }
  }
}

function isMatch(wanted: Plain | undefined, actual: Plain | undefined, type: BoundClaimsType): boolean {
  if (wanted === undefined || actual === undefined) return false;
  if (typeof wanted === 'object' || typeof actual === 'object') {
    return typeof wanted === 'object' && typeof actual === 'object' && wanted.digits === actual.digits;
  }
  const isGlob = type === 'glob' && typeof wanted === 'string' && typeof actual === 'string';
  return isGlob ? fitsGlob(wanted, actual) : wanted === actual;
}

/** Undefined for what is neither a plain value nor a list; a list's own lists and objects match nothing. */
function plainList(value: JsonValue): readonly (Plain | undefined)[] | undefined {
  if (Array.isArray(value)) return value.map(plain);
  const one = plain(value);
  return one === undefined ? undefined : [one];
}

function plain(value: JsonValue): Plain | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  const digits = numberText(value);
  return digits === undefined ? undefined : { digits };
}

/** What a role may be bound to. Undefined if it may, else what is wrong with it. */
export function boundsFault(bounds: JsonObject, type: BoundClaimsType): string | undefined {
  for (const [name, value] of Object.entries(bounds)) {
    const values = plainList(value);
    if (values === undefined || values.includes(undefined)) {
      return `claim "${name}" is not a string, bool, int or list`;
    }
    if (type === 'glob' && !values.every((one) => typeof one === 'string')) {
      return `claim "${name}" is not a string or a list of strings`;
    }
  }
  return undefined;
}

/** @throws ClaimFault if a mapped claim is there and not a string. */
export function mappedMetadata(
  claims: JsonObject,
  mappings: Readonly<Record<string, string>>,
): Record<string, string> {
  const metadata: [string, string][] = [];
  for (const [source, target] of Object.entries(mappings)) {
    const value = claimAt(claims, source);
    if (value === undefined) continue;
    if (typeof value !== 'string') throw new ClaimFault(`error converting claim '${source}' to string`);
    metadata.push([target, value]);
  }
  return Object.fromEntries(metadata);
}

/** Groups have no effect without identities; a token that lacks them is refused as in Vault. @throws ClaimFault */
export function assertGroups(claims: JsonObject, name: string): void {
  if (name === '') return;
  const value = claimAt(claims, name);
  if (value === undefined) throw new ClaimFault(`failed to fetch groups: "${name}" claim not found in token`);
  const groups = plainList(value);
  if (groups === undefined) throw new ClaimFault(`"${name}" claim could not be converted to string list`);
  if (!groups.every((group) => typeof group === 'string')) {
    throw new ClaimFault(`a value in groups claim "${name}" could not be parsed as string`);
  }
}

/** The claim that names the user. @throws ClaimFault */
export function userOf(claims: JsonObject, name: string, isPointer: boolean): string {
  const value = isPointer ? claimAt(claims, name) : own(claims, name);
  if (value === undefined || value === null) throw new ClaimFault(`claim "${name}" not found in token`);
  if (typeof value !== 'string') throw new ClaimFault(`claim "${name}" could not be converted to string`);
  if (value === '' || value.length > USER_CHARACTERS_MAX) {
    throw new ClaimFault(`claim "${name}" must have 1 to ${USER_CHARACTERS_MAX} characters`);
  }
  return value;
}

const USER_CHARACTERS_MAX = 1_024;
