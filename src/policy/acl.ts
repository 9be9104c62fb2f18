// What the policies of one token allow together: compiled once, asked on every request.

import type { JsonObject } from '../base/json.ts';
import type { Operation } from '../engine/engine.ts';
import { keepsTo, mergeRules } from './parameters.ts';
import type { Capability, Grant, PolicyRule } from './parse-policy.ts';
import { comparePriority, isBelow, matches, type PathPattern, readPattern } from './path-pattern.ts';
import { fillTemplate, type TemplateSubject } from './template.ts';

export interface AclQuestion {
  readonly operation: Operation;
  /** Below `/v1/`. A list's ends in `/`. */
  readonly path: string;
  readonly input: JsonObject;
  /** Milliseconds for which the answer is to be wrapped; undefined if it is not. */
  readonly wrapTtlMs?: number | undefined;
}

export interface AclAnswer {
  readonly allowed: boolean;
  /** The path's rule has `sudo`; says nothing about the operation. */
  readonly sudo: boolean;
}

export interface AclRule {
  readonly pattern: PathPattern;
  readonly grant: Grant;
}

const NOTHING: AclAnswer = { allowed: false, sudo: false };

export class Acl {
  /** How many rules it holds, for who keeps it. */
  readonly size: number;
  readonly #exact = new Map<string, AclRule>();
  /** By stem. */
  readonly #prefixes = new Map<string, AclRule>();
  /** Lengths of the stems, longest first: few, so that a look-up is a few cuts of the path. */
  readonly #prefixLengths: readonly number[];
  /** Most specific first. */
  readonly #segmented: readonly AclRule[];

  /** Templates are filled with the subject's values; a path without a value falls away. */
  constructor(rules: Iterable<PolicyRule>, subject: TemplateSubject) {
    const merged = mergeAll(rules, subject);
    this.size = merged.size;
    const segmented: AclRule[] = [];
    for (const rule of merged.values()) {
      const { kind, text, stem } = rule.pattern;
      if (kind === 'exact') this.#exact.set(text, rule);
      else if (kind === 'prefix') this.#prefixes.set(stem, rule);
      else segmented.push(rule);
    }
    this.#segmented = segmented.sort((left, right) => comparePriority(right.pattern, left.pattern));
    const lengths = new Set([...this.#prefixes.keys()].map((stem) => stem.length));
    this.#prefixLengths = [...lengths].sort((left, right) => right - left);
  }

  decide({ operation, path, input, wrapTtlMs }: AclQuestion): AclAnswer {
    const grant = this.#find(path, operation === 'list');
    if (grant === undefined || grant.capabilities.has('deny')) return NOTHING;
    const sudo = grant.capabilities.has('sudo');
    if (!grant.capabilities.has(operation) || !wrapFits(grant, wrapTtlMs)) return { allowed: false, sudo };
    // A list and a delete have no parameters to constrain, as in Vault.
    const isConstrained = operation !== 'list' && operation !== 'delete';
    return { allowed: !isConstrained || keepsTo(grant.limits, input), sudo };
  }

  /** Sorted; `deny` alone if there is none. As Vault's sys/capabilities tells them. */
  capabilities(path: string): readonly string[] {
    const found = this.#find(path, true)?.capabilities ?? new Set<Capability>();
    return found.size === 0 ? ['deny'] : [...found].sort();
  }

  /**
   * True if something is granted at `folder` (which ends in `/`) or below it. Of the rules that take in the whole folder
   * the most specific hides the others; a rule that is hidden only here and there still counts.
   */
  reaches(folder: string): boolean {
    if (grantsSomething(this.#find(folder, true))) return true;
    const parts = folder.split('/');
    const all = [...this.rules()];
    const cover = all
      .filter(({ pattern }) => pattern.endsInStar && matches(pattern, folder, parts))
      .reduce<AclRule | undefined>((best, rule) => (best && higher(best, rule) ? best : rule), undefined);
    return all.some((rule) => {
      if (!grantsSomething(rule.grant)) return false;
      if (rule === cover) return true;
      return isBelow(rule.pattern, folder) && (cover === undefined || higher(rule, cover));
    });
  }

  *rules(): Iterable<AclRule> {
    yield* this.#exact.values();
    yield* this.#prefixes.values();
    yield* this.#segmented;
  }

  /** An exact rule beats all others; a list asks with its trailing slash first, then without. */
  #find(asked: string, isList: boolean): Grant | undefined {
    const path = asked.replace(/^\/+/, '');
    const bare = isList && path.endsWith('/') ? path.slice(0, -1) : undefined;
    const exact = this.#exact.get(path) ?? (bare === undefined ? undefined : this.#exact.get(bare));
    const rule = exact ?? this.#best(path) ?? (bare === undefined ? undefined : this.#best(bare));
    return rule?.grant;
  }

  #best(path: string): AclRule | undefined {
    const prefix = this.#longestPrefix(path);
    if (this.#segmented.length === 0) return prefix;
    const parts = path.split('/');
    const segmented = this.#segmented.find(({ pattern }) => matches(pattern, path, parts));
    if (prefix === undefined || segmented === undefined) return prefix ?? segmented;
    return higher(prefix, segmented) ? prefix : segmented;
  }

  #longestPrefix(path: string): AclRule | undefined {
    for (const length of this.#prefixLengths) {
      const rule = length <= path.length ? this.#prefixes.get(path.slice(0, length)) : undefined;
      if (rule !== undefined) return rule;
    }
    return undefined;
  }
}

function higher(left: AclRule, right: AclRule): boolean {
  return comparePriority(left.pattern, right.pattern) > 0;
}

function grantsSomething(grant: Grant | undefined): boolean {
  return grant !== undefined && grant.capabilities.size > 0 && !grant.capabilities.has('deny');
}

/** A limit on the TTL makes wrapping itself a duty. After a merge the least of both may contradict: then nothing fits. */
function wrapFits({ minWrapTtlMs, maxWrapTtlMs }: Grant, wrapTtlMs: number | undefined): boolean {
  if (minWrapTtlMs === undefined && maxWrapTtlMs === undefined) return true;
  if (wrapTtlMs === undefined) return false;
  return wrapTtlMs >= (minWrapTtlMs ?? 0) && wrapTtlMs <= (maxWrapTtlMs ?? Number.POSITIVE_INFINITY);
}

function mergeAll(rules: Iterable<PolicyRule>, subject: TemplateSubject): ReadonlyMap<string, AclRule> {
  const byText = new Map<string, { readonly pattern: PathPattern; readonly grants: Grant[] }>();
  for (const { path, grant } of rules) {
    const pattern = 'kind' in path ? path : patternFor(path, subject);
    if (pattern === undefined) continue;
    const same = byText.get(pattern.text);
    if (same === undefined) byText.set(pattern.text, { pattern, grants: [grant] });
    else same.grants.push(grant);
  }
  const merged = new Map<string, AclRule>();
  for (const [text, { pattern, grants }] of byText) merged.set(text, { pattern, grant: merge(grants) });
  return merged;
}

function patternFor(
  parts: Parameters<typeof fillTemplate>[0],
  subject: TemplateSubject,
): PathPattern | undefined {
  const text = fillTemplate(parts, subject);
  return text === undefined ? undefined : readPattern(text);
}

/** Rules for the same path: deny wins; else capabilities and limits are joined, and the lowest of several TTLs wins. */
function merge(grants: readonly Grant[]): Grant {
  const [only] = grants;
  const decisive =
    grants.find((grant) => grant.capabilities.has('deny')) ?? (grants.length === 1 ? only : undefined);
  if (decisive !== undefined) return decisive;
  return {
    capabilities: new Set(grants.flatMap((grant) => [...grant.capabilities])),
    limits: {
      allowed: mergeRules(grants.map((grant) => grant.limits.allowed)),
      denied: mergeRules(grants.map((grant) => grant.limits.denied)),
      required: [...new Set(grants.flatMap((grant) => grant.limits.required))],
    },
    minWrapTtlMs: lowest(grants.map((grant) => grant.minWrapTtlMs)),
    maxWrapTtlMs: lowest(grants.map((grant) => grant.maxWrapTtlMs)),
  };
}

function lowest(limits: readonly (number | undefined)[]): number | undefined {
  const set = limits.filter((limit) => limit !== undefined);
  return set.length === 0 ? undefined : set.reduce((left, right) => Math.min(left, right));
}
