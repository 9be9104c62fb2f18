// Data on the command line: `key=value`, `key=@file`, `key=-`, `@file.json`, `-`.

import { readFileSync, statSync } from 'node:fs';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { REQUEST_BODY_BYTES_MAX } from '../base/limits.ts';
import { parseExactJson } from '../client/exact-json.ts';
import { UsageError } from './failure.ts';
import type { Terminal } from './terminal.ts';

/**
 * Values on the command line are strings; those in JSON keep their type. A key given twice becomes a list.
 * `\@x` is the value `@x`.
 * @throws UsageError, never quoting a value.
 */
export async function parseData(args: readonly string[], terminal: Terminal): Promise<JsonObject> {
  try {
    return await collect(args, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`Failed to parse K=V data: ${error.message}`);
  }
}

/** As `parseData`, for a query: every value a string or a list of strings. */
export async function parseQuery(
  args: readonly string[],
  terminal: Terminal,
): Promise<Record<string, string | string[]>> {
  const data = await parseData(args, terminal);
  const asText = (value: JsonValue) => (typeof value === 'string' ? value : JSON.stringify(value));
  const entries = Object.entries(data).map(([name, value]): [string, string | string[]] => [
    name,
    Array.isArray(value) ? value.map(asText) : asText(value),
  ]);
  return Object.fromEntries(entries);
}

/**
 * The `key=value` texts of a flag like `-metadata`; undefined if it was not given.
 * @throws UsageError without the value, which may be a secret.
 */
export function parsePairs(texts: readonly string[], flag: string): JsonObject | undefined {
  if (texts.length === 0) return undefined;
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const equals = text.indexOf('=');
      if (equals <= 0) throw new UsageError(`-${flag} takes key=value`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** The members that were given. */
export function given(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const entries = Object.entries(members).filter((entry): entry is [string, JsonValue] => {
    return entry[1] !== undefined;
  });
  return Object.fromEntries(entries);
}

async function collect(args: readonly string[], terminal: Terminal): Promise<JsonObject> {
  // A map, because a key may be called __proto__.
  const data = new Map<string, JsonValue>();
  const add = (name: string, value: JsonValue) => {
    const before = data.get(name);
    if (before === undefined) data.set(name, value);
    else data.set(name, Array.isArray(before) ? [...before, value] : [before, value]);
  };
  for (const arg of args) {
    if (arg === '-' || arg.startsWith('@')) {
      const text = arg === '-' ? await terminal.readAll() : readText(arg.slice(1));
      const source = arg === '-' ? 'stdin' : `"${arg.slice(1)}"`;
      for (const [name, value] of Object.entries(parseObject(text, source))) add(name, value);
      continue;
    }
    const equals = arg.indexOf('=');
    if (equals < 0) throw new UsageError('format must be key=value');
    if (equals === 0) throw new UsageError('a key must not be empty');
    add(arg.slice(0, equals), await resolve(arg.slice(equals + 1), terminal));
  }
  return Object.fromEntries(data);
}

function resolve(value: string, terminal: Terminal): string | Promise<string> {
  if (value === '-') return terminal.readAll();
  if (value.startsWith('@')) return readText(value.slice(1));
  return value.startsWith('\\@') ? value.slice(1) : value;
}

function readText(path: string): string {
  try {
    if (statSync(path).size > REQUEST_BODY_BYTES_MAX) throw new UsageError(`"${path}" is over 32 MiB`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `error reading file "${path}": ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`,
    );
  }
}

function parseObject(text: string, source: string): JsonObject {
  try {
    const value = parseExactJson(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
  }
  throw new UsageError(`${source} does not hold one JSON object`);
}
