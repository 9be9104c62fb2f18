// What a policy says about the parameters of a request: allowed, denied, required.
// Source: Vault's docs/concepts/policies, "Parameter constraints".

import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../base/json.ts';

/** By lower-cased name. An empty list stands for any value; the name `*` for every parameter without an entry. */
export type ParameterRules = ReadonlyMap<string, readonly JsonValue[]>;

export interface ParameterLimits {
  /** Undefined or empty: every parameter is allowed. */
  readonly allowed: ParameterRules | undefined;
  readonly denied: ParameterRules | undefined;
  /** Names as written. */
  readonly required: readonly string[];
}

/** True if `input` keeps to the limits. An empty input does, unless something is required. */
export function keepsTo(limits: ParameterLimits, input: JsonObject): boolean {
  // Asked for by its exact name: a handler reads `name`, so that `Name` would satisfy the policy and set nothing.
  if (!limits.required.every((name) => Object.hasOwn(input, name.toLowerCase()))) return false;
  const given = Object.entries(input);
  if (given.length === 0) return true;
  return !isDenied(limits.denied, given) && isAllowed(limits.allowed, given);
}

function isDenied(denied: ParameterRules | undefined, given: readonly [string, JsonValue][]): boolean {
  if (denied === undefined) return false;
  if (denied.has('*')) return true;
  return given.some(([name, value]) => {
    const values = denied.get(name.toLowerCase());
    if (values === undefined) return false;
    return values.length === 0 || itemsOf(value).some((item) => isAmong(item, values));
  });
}

/**
 * A forbidden item of a list is as good as the item alone, and engines take "a,b" for a list. Vault compares the value
 * as a whole and lets both pass.
 */
function itemsOf(value: JsonValue): readonly JsonValue[] {
  if (Array.isArray(value)) return [value, ...value];
  if (typeof value !== 'string' || !value.includes(',')) return [value];
  return [value, ...value.split(',').map((item) => item.trim())];
}

function isAllowed(allowed: ParameterRules | undefined, given: readonly [string, JsonValue][]): boolean {
  if (allowed === undefined || allowed.size === 0) return true;
  return given.every(([name, value]) => {
    const values = allowed.get(name.toLowerCase());
    return values === undefined ? allowed.has('*') : values.length === 0 || isAmong(value, values);
  });
}

function isAmong(value: JsonValue, list: readonly JsonValue[]): boolean {
  const text = scalarText(value);
  return list.some((item) => {
    const wanted = scalarText(item);
    return text === undefined || wanted === undefined
      ? isDeepStrictEqual(value, item)
      : globMatches(wanted, text) || isSameNumber(wanted, text);
  });
}

/** Engines take `5` and `"5"`, `true` and `"true"` for the same, so that policies must. */
function scalarText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  // A number that a double would change is kept as its text; see base/json.ts.
  return JSON.isRawJSON(value) ? JSON.stringify(value) : undefined;
}

function isSameNumber(left: string, right: string): boolean {
  return NUMBER.test(left) && NUMBER.test(right) && Number(left) === Number(right);
}
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** A `*` at the start, at the end or at both stands for any text. */
function globMatches(glob: string, text: string): boolean {
  if (glob === '*') return true;
  const atStart = glob.startsWith('*');
  const atEnd = glob.endsWith('*');
  const core = glob.slice(atStart ? 1 : 0, atEnd ? -1 : undefined);
  if (atStart && atEnd) return text.includes(core);
  if (atStart) return text.endsWith(core);
  return atEnd ? text.startsWith(core) : text === core;
}

/** Union by name; an empty list, which stands for any value, wins over values. Undefined if there is nothing. */
export function mergeRules(all: readonly (ParameterRules | undefined)[]): ParameterRules | undefined {
  const given = all.filter((rules) => rules !== undefined && rules.size > 0);
  if (given.length < 2) return given[0];
  const merged = new Map<string, JsonValue[]>();
  for (const rules of given) {
    for (const [name, values] of rules ?? []) {
      const before = merged.get(name);
      if (before === undefined) merged.set(name, [...values]);
      else if (before.length > 0 && values.length > 0) for (const value of values) before.push(value);
      else before.length = 0;
    }
  }
  return merged;
}
