// JSON as it crosses borders: typed, and parsed within limits.

import { LatchkeyError } from './errors.ts';

declare global {
  interface JSON {
    /** ECMAScript proposal "JSON.parse source text access"; in V8, and not yet in TypeScript's library. */
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A number that `parseJson` kept as it was written is an object to JavaScript, and none here. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

/**
 * Parses `text` and refuses nesting beyond `depthMax`, so that no later walk can exhaust the stack.
 * @throws LatchkeyError bad_request, without quoting the text: it may hold a secret.
 */
export function parseJson(text: string, depthMax = 64): JsonValue {
  const { depth, mayLoseDigits } = scan(text);
  if (depth > depthMax) {
    throw new LatchkeyError('bad_request', `JSON nested deeper than ${depthMax} levels is refused`);
  }
  try {
    const value = JSON.parse(text) as JsonValue;
    // Never `keepDigits` on a text that may be ill-formed: with a reviver, V8 (of Node 26.10) corrupts its memory when it
    // meets an error below an object of many members, and whoever sends such a text ends the process.
    return mayLoseDigits ? (JSON.parse(text, keepDigits) as JsonValue) : value;
  } catch {
    throw new LatchkeyError('bad_request', 'the request body is not valid JSON');
  }
}

/**
 * A number that a double would change (2^53 + 1, 1.0, 1e400) stays as it was written: `JSON.stringify` gives it back to
 * the letter, as Vault does, and a secret comes out as it went in. Such a number is opaque to our own code.
 */
function keepDigits(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return JSON.rawJSON(source);
}

/** From so many digits on a double may hold another number. */
const EXACT_DIGITS = 16;

/**
 * Deepest nesting of brackets, and whether a number is long, fractional, exponential or may be minus zero; in one pass
 * over what is outside strings, and without building anything. Times and versions in strings cost nothing more.
 */
function scan(text: string): { depth: number; mayLoseDigits: boolean } {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let mayLoseDigits = false;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === 0x5c) at += 1;
      else if (unit === 0x22) inString = false;
      continue;
    }
    if (unit >= 0x30 && unit <= 0x39) {
      digits += 1;
      if (digits >= EXACT_DIGITS) mayLoseDigits = true;
      continue;
    }
    // A point or an exponent after a digit, or a sign before a zero.
    const goesOn = digits > 0 && (unit === 0x2e || unit === 0x65 || unit === 0x45);
    if (goesOn || (unit === 0x2d && text.charCodeAt(at + 1) === 0x30)) mayLoseDigits = true;
    digits = 0;
    if (unit === 0x22) inString = true;
    else if (unit === 0x7b || unit === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (unit === 0x7d || unit === 0x5d) depth -= 1;
  }
  return { depth: deepest, mayLoseDigits };
}
