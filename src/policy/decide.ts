// Decides who may do what: loads the policies of a caller, keeps what they allow together, and answers.

import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Access, Caller, Operation } from '../engine/engine.ts';
import { Acl, type AclRule } from './acl.ts';
import type { ParameterRules } from './parameters.ts';
import type { LoadedPolicy, PolicyStore } from './policy-store.ts';
import { resolve } from './template.ts';
import { WeightedCache } from './weighted-cache.ts';

export interface Question {
  /** Full path below /v1/, e.g. `secret/data/app`; a list's ends in `/`. */
  readonly path: string;
  readonly operation: Operation;
  readonly access: Access;
  readonly input: JsonObject;
  /** Milliseconds for which the answer is to be wrapped; undefined if it is not. */
  readonly wrapTtlMs?: number | undefined;
  /** `?help=1`: every caller that is known may ask for words about a path. */
  readonly help?: boolean;
}

/** What the decision rests on. A caller is one; so is a token that somebody asks about. */
export type Subject = Pick<Caller, 'policies' | 'loginMetadata'>;

export interface Decision {
  readonly allowed: boolean;
}

export interface Decider {
  /** Fails closed: no caller, an unknown policy and a path without a rule are refusals. */
  decide(caller: Caller | undefined, question: Question): Promise<Decision>;
  /** Sorted; `["root"]`, or `["deny"]` if there is none. */
  capabilities(subject: Subject, path: string): Promise<readonly string[]>;
  /** True if the subject may do anything at `mountPath` (which ends in `/`) or below it. */
  reaches(subject: Subject, mountPath: string): Promise<boolean>;
  /** All its rights, as Vault's sys/internal/ui/resultant-acl tells them. */
  resultantAcl(subject: Subject): Promise<JsonObject>;
}

/** Rules of all compiled lists in memory, about. */
const RULES_MAX = 200_000;

export class PolicyDecider implements Decider {
  readonly #store: PolicyStore;
  /** Keyed by what went into it, so that nothing has to be told when a policy changes. */
  readonly #compiled = new WeightedCache<Acl>(RULES_MAX, (acl) => acl.size + 1);

  constructor(store: PolicyStore) {
    this.#store = store;
  }

  async decide(caller: Caller | undefined, question: Question): Promise<Decision> {
    const { access, help } = question;
    if (access === 'open') return { allowed: true };
    if (caller === undefined) return { allowed: false };
    if (caller.isRoot || help === true) return { allowed: true };
    const acl = await this.#aclFor(caller);
    const { allowed, sudo } = acl.decide(question);
    return { allowed: allowed && (access !== 'sudo' || sudo) };
  }

  async capabilities(subject: Subject, path: string): Promise<readonly string[]> {
    if (isRoot(subject)) return ['root'];
    return (await this.#aclFor(subject)).capabilities(path);
  }

  async reaches(subject: Subject, mountPath: string): Promise<boolean> {
    return isRoot(subject) || (await this.#aclFor(subject)).reaches(mountPath);
  }

  async resultantAcl(subject: Subject): Promise<JsonObject> {
    if (isRoot(subject)) return { root: true };
    const rules = [...(await this.#aclFor(subject)).rules()];
    return {
      root: false,
      exact_paths: describe(rules.filter(({ pattern }) => pattern.kind === 'exact')),
      glob_paths: describe(rules.filter(({ pattern }) => pattern.kind !== 'exact')),
    };
  }

  async #aclFor(subject: Subject): Promise<Acl> {
    const loaded: LoadedPolicy[] = [];
    for (const name of subject.policies) {
      const policy = this.#store.load(name);
      loaded.push(policy instanceof Promise ? await policy : policy);
    }
    const key = keyOf(loaded, subject);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const acl = new Acl(
      loaded.flatMap(({ policy }) => policy.rules),
      subject,
    );
    this.#compiled.set(key, acl);
    return acl;
  }
}

function isRoot(subject: Subject): boolean {
  return subject.policies.includes('root');
}

/** Versions say which texts; the values of their templates say for whom. */
function keyOf(loaded: readonly LoadedPolicy[], subject: Subject): string {
  const versions = loaded.map(({ version }) => version).join(',');
  const names = loaded.flatMap(({ policy }) => policy.templateNames);
  if (names.length === 0) return versions;
  return `${versions} ${JSON.stringify(names.map((name) => resolve(name, subject) ?? null))}`;
}

/** By path; a prefix without its `*`, as Vault's user interface expects. */
function describe(rules: readonly AclRule[]): JsonObject {
  return Object.fromEntries(
    rules.map(({ pattern, grant }) => {
      const { capabilities, limits, minWrapTtlMs, maxWrapTtlMs } = grant;
      const optional: Record<string, JsonValue | undefined> = {
        min_wrapping_ttl: minWrapTtlMs === undefined ? undefined : minWrapTtlMs / 1_000,
        max_wrapping_ttl: maxWrapTtlMs === undefined ? undefined : maxWrapTtlMs / 1_000,
        allowed_parameters: toObject(limits.allowed),
        denied_parameters: toObject(limits.denied),
        required_parameters: limits.required.length === 0 ? undefined : [...limits.required],
      };
      const given = Object.entries(optional).filter(
        (entry): entry is [string, JsonValue] => entry[1] !== undefined,
      );
      const names = capabilities.size === 0 ? ['deny'] : [...capabilities].sort();
      const path = pattern.kind === 'prefix' ? pattern.stem : pattern.text;
      return [path, { capabilities: names, ...Object.fromEntries(given) }];
    }),
  );
}

function toObject(rules: ParameterRules | undefined): JsonObject | undefined {
  if (rules === undefined || rules.size === 0) return undefined;
  return Object.fromEntries([...rules].map(([name, values]) => [name, [...values]]));
}
