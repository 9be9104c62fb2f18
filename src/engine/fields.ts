// The fields a route takes: declared once, they check the input, feed path-help and OpenAPI.

import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { isObject } from '../base/json.ts';

interface FieldValues {
  string: string;
  boolean: boolean;
  integer: number;
  /** Seconds. Takes a number, or a string such as "1h". */
  duration: number;
  strings: readonly string[];
  object: JsonObject;
  any: JsonValue;
}

export type FieldType = keyof FieldValues;

export interface Field {
  readonly type: FieldType;
  readonly help: string;
  readonly required?: boolean;
  /** Stands in the query of a read, a list or a delete, on a route that can be written as well. */
  readonly query?: boolean;
}

export type Fields = Readonly<Record<string, Field>>;

/** What `readFields` gives for a declaration: a value for required fields, else a value or undefined. */
export type FieldsOf<F extends Fields> = {
  readonly [Name in keyof F]: F[Name]['required'] extends true
    ? FieldValues[F[Name]['type']]
    : FieldValues[F[Name]['type']] | undefined;
};

/**
 * Reads declared fields out of `input`, coercing as Vault does ("true", "5", "a,b"). Unknown members are left alone.
 * @throws LatchkeyError bad_request naming the field and the type it wants, never its value.
 */
export function readFields<F extends Fields>(fields: F, input: JsonObject): FieldsOf<F> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const given = Object.hasOwn(input, name) ? input[name] : undefined;
    if (given === undefined || given === null) {
      if (field.required) throw new LatchkeyError('bad_request', `missing required field '${name}'`);
      values[name] = undefined;
      continue;
    }
    const value = coerce(field.type, given);
    if (value === undefined) {
      throw new LatchkeyError('bad_request', `field '${name}' must be ${wanted(field.type)}`);
    }
    values[name] = value;
  }
  return values as FieldsOf<F>;
}

function coerce(type: FieldType, given: JsonValue): unknown {
  switch (type) {
    case 'string':
      return typeof given === 'string' ? given : typeof given === 'number' ? String(given) : undefined;
    case 'boolean':
      return toBoolean(given);
    case 'integer':
      return toInteger(given);
    case 'duration':
      return toSeconds(given);
    case 'strings':
      return toStrings(given);
    case 'object':
      return isObject(given) ? given : undefined;
    case 'any':
      return given;
  }
}

function toBoolean(given: JsonValue): boolean | undefined {
  if (typeof given === 'boolean') return given;
  if (given === 1 || given === '1' || given === 'true' || given === 't' || given === 'TRUE') return true;
  if (given === 0 || given === '0' || given === 'false' || given === 'f' || given === 'FALSE') return false;
  return undefined;
}

function toInteger(given: JsonValue): number | undefined {
  const value = typeof given === 'string' && /^-?\d{1,15}$/.test(given) ? Number(given) : given;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function toSeconds(given: JsonValue): number | undefined {
  if (typeof given !== 'string' && typeof given !== 'number') return undefined;
  // As Vault's parseutil: what a client left empty is no length of time.
  if (given === '') return 0;
  const milliseconds = parseDuration(given);
  return milliseconds === undefined ? undefined : Math.floor(milliseconds / 1_000);
}

function toStrings(given: JsonValue): readonly string[] | undefined {
  if (typeof given === 'string') {
    return given
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
  const all = Array.isArray(given) && given.every((item) => typeof item === 'string');
  return all ? (given as string[]) : undefined;
}

function wanted(type: FieldType): string {
  const words: Record<FieldType, string> = {
    string: 'a string',
    boolean: 'true or false',
    integer: 'a whole number',
    duration: 'a duration such as "1h" or a number of seconds',
    strings: 'a list of strings',
    object: 'an object',
    any: 'a value',
  };
  return words[type];
}
