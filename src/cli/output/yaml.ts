// JSON values as YAML, in the layout of Vault's `-format=yaml`: members by name, lists not indented.
//
// Our own and not a library: writing is the small half of YAML, and a number kept with its digits must stay a number.

import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { exactNumber } from '../../client/exact-json.ts';
import { sortedEntries } from './value.ts';

/** YAML 1.2 allows no longer key without the sign `?`. */
const SIMPLE_KEY_CHARACTERS_MAX = 1_000;

/** Without a line end at the end. Every string that a reader could take for something else is quoted. */
export function yaml(value: JsonValue): string {
  return isNested(value) ? lines(value).join('\n') : scalar(value);
}

function lines(value: JsonObject | JsonValue[]): string[] {
  return Array.isArray(value)
    ? value.flatMap((entry) => hanging('-', entry))
    : sortedEntries(value).flatMap(([name, member]) => pair(name, member));
}

function pair(name: string, value: JsonValue): string[] {
  const key = text(name);
  if (key.length > SIMPLE_KEY_CHARACTERS_MAX) return [`? ${key}`, ...hanging(':', value)];
  if (!isNested(value)) return [`${key}: ${scalar(value)}`];
  const below = lines(value);
  return [`${key}:`, ...(Array.isArray(value) ? below : below.map((line) => `  ${line}`))];
}

/** The sign, with the value beside and below it. */
function hanging(sign: '-' | ':', value: JsonValue): string[] {
  if (!isNested(value)) return [`${sign} ${scalar(value)}`];
  return lines(value).map((line, at) => `${at === 0 ? sign : ' '} ${line}`);
}

function isNested(value: JsonValue): value is JsonObject | JsonValue[] {
  if (exactNumber(value) !== undefined) return false;
  return Array.isArray(value) ? value.length > 0 : isObject(value) && Object.keys(value).length > 0;
}

function scalar(value: JsonValue): string {
  // What is left besides strings is written as in JSON: null, true, 1.50, {} and [].
  return typeof value === 'string' ? text(value) : JSON.stringify(value);
}

/** Words that YAML 1.1 or 1.2 reads as no string. */
const RESERVED = /^(y|n|yes|no|on|off|true|false|null)$/i;

function text(value: string): string {
  const plain = /^[A-Za-z/_]([\w./:@+ -]*[\w./@+-])?$/.test(value);
  if (plain && !/: |:$/.test(value) && !RESERVED.test(value)) return value;
  // Characters that YAML does not count as printable, or takes for an end of line.
  return JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
