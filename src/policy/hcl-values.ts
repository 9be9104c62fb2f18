// Takes values of the wanted kind out of an HCL tree, with an error that says where.

import { parseDuration } from '../base/durations.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { HclBody, HclEntry, HclPosition, HclValue } from '../base/hcl/hcl.ts';
import type { JsonValue } from '../base/json.ts';

/** `bad_request` with the place in the text. Vault's clients show it as it is. */
export function policyError(at: HclPosition, text: string): LatchkeyError {
  return new LatchkeyError(
    'bad_request',
    `failed to parse policy: line ${at.line}, column ${at.column}: ${text}`,
  );
}

export function takeString(value: HclValue, name: string): string {
  if (value.kind === 'string') return value.value;
  throw policyError(value.at, `${name} must be text in double quotes`);
}

/** A list of texts; HCL1 takes one text for a list of one. */
export function takeStrings(value: HclValue, name: string): readonly string[] {
  const items = value.kind === 'list' ? value.items : [value];
  return items.map((item) => takeString(item, `each item of ${name}`));
}

/** Milliseconds. */
export function takeDuration(value: HclValue, name: string): number {
  const given = value.kind === 'string' ? value.value : value.kind === 'number' ? value.value : undefined;
  const milliseconds = given === undefined ? undefined : parseDuration(given);
  if (milliseconds === undefined) {
    throw policyError(value.at, `${name} must be a duration such as "90s", or a number of seconds`);
  }
  return milliseconds;
}

/** The entries of a block, an object or a list of objects, none of them with labels. */
export function takeEntries(value: HclValue, name: string): readonly HclEntry[] {
  const bodies = value.kind === 'list' ? value.items : [value];
  return bodies.flatMap((body) => {
    if (body.kind !== 'body') throw policyError(body.at, `${name} must be a block in braces`);
    const labelled = body.entries.find((entry) => entry.labels.length > 0);
    if (labelled !== undefined) {
      throw policyError(labelled.key.at, `there must be one word before = or { in ${name}`);
    }
    return body.entries;
  });
}

/** A block, or a list of blocks. */
export function takeBodies(value: HclValue, name: string): readonly HclBody[] {
  const bodies = value.kind === 'list' ? value.items : [value];
  return bodies.map((body) => {
    if (body.kind !== 'body') throw policyError(body.at, `${name} must be a block in braces`);
    return body;
  });
}

/** By lower-cased name, a list of values each; one value stands for a list of one. */
export function takeParameters(value: HclValue, name: string): ReadonlyMap<string, readonly JsonValue[]> {
  const rules = new Map<string, readonly JsonValue[]>();
  for (const { key, value: given } of takeEntries(value, name)) {
    const parameter = key.text.toLowerCase();
    if (rules.has(parameter)) throw policyError(key.at, `${name} has "${key.text}" twice`);
    rules.set(parameter, given.kind === 'list' ? given.items.map(toJson) : [toJson(given)]);
  }
  return rules;
}

function toJson(value: HclValue): JsonValue {
  if (value.kind === 'null') return null;
  if (value.kind === 'list') return value.items.map(toJson);
  if (value.kind !== 'body') return value.value;
  return Object.fromEntries(
    takeEntries(value, 'a value').map((entry) => [entry.key.text, toJson(entry.value)]),
  );
}
