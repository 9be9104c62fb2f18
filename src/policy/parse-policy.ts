// Reads a policy, in HCL1 or JSON, into rules. Source: Vault's docs/concepts/policies.

import { type HclBody, type HclEntry, type HclName, parseHcl } from '../base/hcl/hcl.ts';
import { HclSyntaxError } from '../base/hcl/hcl-tree.ts';
import {
  policyError,
  takeBodies,
  takeDuration,
  takeParameters,
  takeString,
  takeStrings,
} from './hcl-values.ts';
import type { ParameterLimits } from './parameters.ts';
import { type PathPattern, readPattern } from './path-pattern.ts';
import { isResolvable, readTemplate, type TemplatePart, templateNames } from './template.ts';

export type Capability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'sudo' | 'deny';

/** What one path is granted. */
export interface Grant {
  /** `deny` stands alone. Empty grants nothing, but hides less specific rules. */
  readonly capabilities: ReadonlySet<Capability>;
  readonly limits: ParameterLimits;
  /** Milliseconds; undefined for no limit. */
  readonly minWrapTtlMs: number | undefined;
  readonly maxWrapTtlMs: number | undefined;
}

export interface PolicyRule {
  /** Parts are there if the path depends on the caller; then the pattern is made when it is known. */
  readonly path: PathPattern | readonly TemplatePart[];
  readonly grant: Grant;
}

export interface Policy {
  readonly rules: readonly PolicyRule[];
  /** What the templates of its paths ask for, each name once. */
  readonly templateNames: readonly string[];
  /** For who wrote it: what is there and has no effect. */
  readonly warnings: readonly string[];
}

/** Largest policy, bytes of UTF-8. */
export const POLICY_BYTES_MAX = 256 * 1024;
/** Most path blocks in one policy. */
export const POLICY_PATHS_MAX = 4_096;
/** Longest path in a policy, characters; requests have the same limit. */
export const POLICY_PATH_CHARACTERS_MAX = 4_096;

const CAPABILITIES: ReadonlySet<string> = new Set<Capability>([
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'sudo',
  'deny',
]);
/** Of Vault and OpenBao, for things that are not here. They grant nothing, so that ignoring them is safe. */
const FOREIGN_CAPABILITIES: ReadonlySet<string> = new Set(['scan', 'subscribe', 'recover']);
/** They restrict or end what a path grants. Ignoring one would grant more than its author meant. */
const FOREIGN_LIMITS: ReadonlySet<string> = new Set([
  'control_group',
  'expiration',
  'list_scan_response_keys_filter_path',
  'mfa_methods',
  'pagination_limit',
  'subscribe_event_types',
]);
/** `policy = "write"`, from before there were capabilities. */
const OLD_FORMS: ReadonlyMap<string, readonly Capability[]> = new Map([
  ['deny', ['deny']],
  ['read', ['read', 'list']],
  ['write', ['create', 'read', 'update', 'delete', 'list']],
  ['sudo', ['create', 'read', 'update', 'delete', 'list', 'sudo']],
]);

/**
 * Reads one policy of at most POLICY_BYTES_MAX and POLICY_PATHS_MAX. A path may stand in several blocks, also within
 * one policy; they are merged as those of several policies are.
 * @throws LatchkeyError bad_request with line, column and what to write instead.
 */
export function parsePolicy(text: string): Policy {
  const start = { file: 'policy', line: 1, column: 1 };
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) {
    throw policyError(start, `a policy may have ${POLICY_BYTES_MAX} bytes`);
  }
  const rules: PolicyRule[] = [];
  const warnings: string[] = [];
  for (const { name, body } of pathBlocks(readBody(text))) {
    if (rules.length >= POLICY_PATHS_MAX) {
      throw policyError(name.at, `a policy may have ${POLICY_PATHS_MAX} path blocks`);
    }
    rules.push({ path: readPath(name, warnings), grant: readGrant(name.text, body, warnings) });
  }
  const asked = rules.flatMap(({ path }) => ('kind' in path ? [] : templateNames(path)));
  return { rules, templateNames: [...new Set(asked)], warnings };
}

function readBody(text: string): HclBody {
  try {
    return parseHcl(text, 'policy');
  } catch (error) {
    if (error instanceof HclSyntaxError) throw policyError(error.at, error.text);
    throw error;
  }
}

interface PathBlock {
  readonly name: HclName;
  readonly body: HclBody;
}

/** `path "x" {…}`, and the forms of JSON: `"path": {"x": {…}}`, with lists allowed at both levels. */
function pathBlocks(root: HclBody): readonly PathBlock[] {
  const blocks: PathBlock[] = [];
  for (const entry of root.entries) {
    const { key, labels, value } = entry;
    if (key.text === 'name' && labels.length === 0) takeString(value, 'name');
    else if (key.text !== 'path') {
      throw policyError(key.at, `unknown key "${key.text}"; a policy consists of blocks path "…" { … }`);
    } else if (labels.length === 0) blocks.push(...nestedBlocks(entry));
    else {
      const [name, second] = labels;
      if (second !== undefined) throw policyError(second.at, 'a path block has one path');
      if (name === undefined || value.kind !== 'body') throw policyError(key.at, 'path must be a block');
      blocks.push({ name, body: value });
    }
  }
  return blocks;
}

function nestedBlocks(entry: HclEntry): readonly PathBlock[] {
  return takeBodies(entry.value, 'path').flatMap((outer) =>
    outer.entries.flatMap(({ key, labels, value }) => {
      const [extra] = labels;
      if (extra !== undefined) throw policyError(extra.at, 'a path block has one path');
      return takeBodies(value, `path "${key.text}"`).map((body) => ({ name: key, body }));
    }),
  );
}

function readPath({ text, at }: HclName, warnings: string[]): PathPattern | readonly TemplatePart[] {
  if (text.length > POLICY_PATH_CHARACTERS_MAX) {
    throw policyError(at, `a path may have ${POLICY_PATH_CHARACTERS_MAX} characters`);
  }
  const pattern = readPattern(text);
  if (pattern === undefined) {
    throw policyError(at, `path "${text}": invalid use of wildcards ('+*' is forbidden)`);
  }
  const parts = readTemplate(text);
  if (parts === undefined) {
    throw policyError(at, `path "${text}": each {{ needs one }} behind it, and none within`);
  }
  for (const name of templateNames(parts)) {
    if (isResolvable(name)) continue;
    warnings.push(`path "${text}" grants nothing: {{${name}}} has no value on this server`);
  }
  return parts.some((part) => typeof part !== 'string') ? parts : pattern;
}

function readGrant(path: string, body: HclBody, warnings: string[]): Grant {
  const entries = new Map<string, HclEntry>();
  for (const entry of body.entries) {
    const { key, labels } = entry;
    const [label] = labels;
    if (label !== undefined) throw policyError(label.at, `path "${path}": "${key.text}" takes no label`);
    if (entries.has(key.text)) throw policyError(key.at, `path "${path}": "${key.text}" is there twice`);
    checkKey(path, key);
    entries.set(key.text, entry);
  }
  const take = <T>(key: string, read: (value: HclEntry['value'], name: string) => T): T | undefined => {
    const entry = entries.get(key);
    return entry === undefined ? undefined : read(entry.value, `path "${path}": ${key}`);
  };
  take('comment', takeString);
  const grant: Grant = {
    capabilities: readCapabilities(path, entries, warnings),
    limits: {
      allowed: take('allowed_parameters', takeParameters),
      denied: take('denied_parameters', takeParameters),
      required: take('required_parameters', takeStrings) ?? [],
    },
    minWrapTtlMs: take('min_wrapping_ttl', takeDuration) || undefined,
    maxWrapTtlMs: take('max_wrapping_ttl', takeDuration) || undefined,
  };
  if ((grant.maxWrapTtlMs ?? Number.POSITIVE_INFINITY) < (grant.minWrapTtlMs ?? 0)) {
    throw policyError(body.at, `path "${path}": max_wrapping_ttl cannot be less than min_wrapping_ttl`);
  }
  return grant;
}

const GRANT_KEYS: ReadonlySet<string> = new Set([
  'comment',
  'policy',
  'capabilities',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
]);

function checkKey(path: string, { text, at }: HclName): void {
  if (GRANT_KEYS.has(text)) return;
  throw policyError(
    at,
    FOREIGN_LIMITS.has(text)
      ? `path "${path}": this server does not enforce "${text}", so that it refuses the policy`
      : `path "${path}": unknown key "${text}"; there are ${[...GRANT_KEYS].join(', ')}`,
  );
}

function readCapabilities(
  path: string,
  entries: ReadonlyMap<string, HclEntry>,
  warnings: string[],
): ReadonlySet<Capability> {
  const found = new Set<Capability>();
  const list = entries.get('capabilities')?.value;
  const items = list === undefined ? [] : list.kind === 'list' ? list.items : [list];
  for (const item of items) {
    const name = takeString(item, `path "${path}": each capability`);
    if (isCapability(name)) found.add(name);
    else if (FOREIGN_CAPABILITIES.has(name)) {
      warnings.push(`path "${path}": this server has nothing that "${name}" would allow`);
    } else throw policyError(item.at, `path "${path}": invalid capability "${name}"`);
  }
  const old = entries.get('policy')?.value;
  if (old !== undefined) {
    const form = takeString(old, `path "${path}": policy`);
    const granted = OLD_FORMS.get(form);
    if (granted === undefined) throw policyError(old.at, `path "${path}": invalid policy "${form}"`);
    for (const capability of granted) found.add(capability);
  }
  return found.has('deny') ? new Set<Capability>(['deny']) : found;
}

function isCapability(name: string): name is Capability {
  return CAPABILITIES.has(name);
}
