// Reads members of a foreign answer with the type that is wanted, or a neutral value where it has another.

import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';

/** Empty if absent or not a string. */
export function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}

/** 0 if absent or not a number. */
export function numberOf(object: JsonObject, name: string): number {
  const value = object[name];
  return typeof value === 'number' ? value : 0;
}

/** False if absent or not a boolean. */
export function flagOf(object: JsonObject, name: string): boolean {
  return object[name] === true;
}

/** Empty if absent or not a list; entries that are not strings are left out. */
export function textsOf(object: JsonObject, name: string): string[] {
  const value = object[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** Undefined if absent or not an object. */
export function objectOf(object: JsonObject, name: string): JsonObject | undefined {
  const value: JsonValue | undefined = object[name];
  return isObject(value) ? value : undefined;
}
