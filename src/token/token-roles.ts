// Roles of auth/token: what tokens made under a name get. One record each, format 1.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import { parseCidrs } from '../engine/bound-cidrs.ts';
import type { Request, Response, Route, View } from '../engine/engine.ts';
import { type FieldsOf, readFields } from '../engine/fields.ts';
import { normalizePolicies } from './policy-names.ts';

export type RoleTokenType = 'service' | 'batch' | 'default-service' | 'default-batch';

/** Lengths in seconds, 0 for none. */
export interface TokenRole {
  readonly name: string;
  readonly allowedPolicies: readonly string[];
  readonly disallowedPolicies: readonly string[];
  readonly allowedPoliciesGlob: readonly string[];
  readonly disallowedPoliciesGlob: readonly string[];
  readonly orphan: boolean;
  readonly renewable: boolean;
  readonly pathSuffix: string;
  readonly boundCidrs: readonly string[];
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  readonly numUses: number;
  readonly noDefaultPolicy: boolean;
  readonly tokenType: RoleTokenType;
}

/** What a role is before anything is set. */
export const NEW_ROLE: Omit<TokenRole, 'name'> = {
  allowedPolicies: [],
  disallowedPolicies: [],
  allowedPoliciesGlob: [],
  disallowedPoliciesGlob: [],
  orphan: false,
  renewable: true,
  pathSuffix: '',
  boundCidrs: [],
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  numUses: 0,
  noDefaultPolicy: false,
  tokenType: 'default-service',
};

const TYPES: readonly string[] = ['service', 'batch', 'default-service', 'default-batch'];
const NAME_CHARACTERS_MAX = 512;
const SUFFIX_CHARACTERS_MAX = 256;

const ROLE_FIELDS = {
  allowed_policies: { type: 'strings', help: 'Policies that tokens of this role may have.' },
  disallowed_policies: { type: 'strings', help: 'Policies that they may not have.' },
  allowed_policies_glob: { type: 'strings', help: 'As allowed_policies, with * for any characters.' },
  disallowed_policies_glob: { type: 'strings', help: 'As disallowed_policies, with * for any characters.' },
  orphan: { type: 'boolean', help: 'Tokens have no parent, and outlive whoever made them.' },
  renewable: { type: 'boolean', help: 'Tokens may be renewed. Default true.' },
  path_suffix: { type: 'string', help: 'Last part of the path of their leases, for revoking by prefix.' },
  token_bound_cidrs: { type: 'strings', help: 'From where tokens may be used.' },
  bound_cidrs: { type: 'strings', help: 'Old name of token_bound_cidrs.' },
  token_explicit_max_ttl: { type: 'duration', help: 'How long a token lives at most, renewed or not.' },
  explicit_max_ttl: { type: 'duration', help: 'Old name of token_explicit_max_ttl.' },
  token_period: { type: 'duration', help: 'Tokens are renewed for this long, again and again.' },
  period: { type: 'duration', help: 'Old name of token_period.' },
  token_num_uses: { type: 'integer', help: 'How often a token may be used; 0 is without limit.' },
  token_no_default_policy: { type: 'boolean', help: 'Tokens do not get the policy "default" by themselves.' },
  token_type: { type: 'string', help: 'service, batch, default-service or default-batch.' },
} as const;

type RoleFields = FieldsOf<typeof ROLE_FIELDS>;

export class TokenRoles {
  readonly #view: View;
  readonly #lock = new KeyLock();

  constructor(view: View) {
    this.#view = view;
  }

  /** @throws LatchkeyError storage_corrupt */
  async find(name: string): Promise<TokenRole | undefined> {
    const bytes = name === '' ? undefined : await this.#view.get(name);
    if (bytes === undefined) return undefined;
    const value = parseJson(fromUtf8(bytes));
    if (!isObject(value) || value['format'] !== 1) {
      throw new LatchkeyError('storage_corrupt', 'a token role has a format that this version does not know');
    }
    return value as unknown as TokenRole;
  }

  routes(): readonly Route[] {
    return [
      {
        pattern: 'roles',
        operations: { list: async () => ({ data: { keys: await this.#view.list('') } }) },
        help: 'Lists the roles.',
      },
      {
        pattern: 'roles/{role_name}',
        operations: {
          read: (request) => this.#read(nameOf(request)),
          update: (request) => this.#write(nameOf(request), request.input),
          delete: async (request) => {
            await this.#view.delete(nameOf(request));
            return {};
          },
        },
        fields: ROLE_FIELDS,
        exists: async (request) => (await this.find(nameOf(request))) !== undefined,
        help: 'Shows, writes or deletes a role. What a write leaves out stays as it was.',
      },
    ];
  }

  async #read(name: string): Promise<Response> {
    const role = await this.find(name);
    if (role === undefined) throw new LatchkeyError('not_found', 'there is no such role');
    return { data: describe(role) };
  }

  #write(name: string, input: JsonObject): Promise<Response> {
    return this.#lock.run(name, async () => {
      const fields = readFields(ROLE_FIELDS, input);
      const role = merge((await this.find(name)) ?? { ...NEW_ROLE, name }, fields);
      assertFits(role);
      await this.#view.put(name, utf8(JSON.stringify({ format: 1, ...role })));
      const warnings = doubles(fields);
      return warnings.length === 0 ? {} : { warnings };
    });
  }
}

function nameOf(request: Request): string {
  const name = request.params['role_name'] ?? '';
  if (!/^[\w.@-]+$/.test(name) || name.length > NAME_CHARACTERS_MAX) {
    throw new LatchkeyError(
      'bad_request',
      'a role name is made of letters, digits, and the characters _ . @ -',
    );
  }
  return name;
}

function merge(role: TokenRole, fields: RoleFields): TokenRole {
  const cidrs = fields.token_bound_cidrs ?? fields.bound_cidrs;
  const tokenType = fields.token_type ?? role.tokenType;
  if (!TYPES.includes(tokenType)) {
    throw new LatchkeyError('bad_request', `invalid 'token_type' value "${tokenType.slice(0, 64)}"`);
  }
  return {
    name: role.name,
    allowedPolicies: policies(fields.allowed_policies, role.allowedPolicies),
    disallowedPolicies: policies(fields.disallowed_policies, role.disallowedPolicies),
    allowedPoliciesGlob: policies(fields.allowed_policies_glob, role.allowedPoliciesGlob),
    disallowedPoliciesGlob: policies(fields.disallowed_policies_glob, role.disallowedPoliciesGlob),
    orphan: fields.orphan ?? role.orphan,
    renewable: fields.renewable ?? role.renewable,
    pathSuffix: fields.path_suffix ?? role.pathSuffix,
    boundCidrs: cidrs === undefined ? role.boundCidrs : parseCidrs(cidrs),
    explicitMaxTtlSeconds:
      fields.token_explicit_max_ttl ?? fields.explicit_max_ttl ?? role.explicitMaxTtlSeconds,
    periodSeconds: fields.token_period ?? fields.period ?? role.periodSeconds,
    numUses: fields.token_num_uses ?? role.numUses,
    noDefaultPolicy: fields.token_no_default_policy ?? role.noDefaultPolicy,
    tokenType: tokenType as RoleTokenType,
  };
}

/** `root` stays beside others here: a list of what is refused may well name it. */
function policies(given: readonly string[] | undefined, before: readonly string[]): readonly string[] {
  if (given === undefined) return before;
  const rest = normalizePolicies(given.filter((name) => name.trim().toLowerCase() !== 'root'));
  return rest.length === given.length ? rest : [...new Set([...rest, ...normalizePolicies(given)])].sort();
}

/** @throws LatchkeyError bad_request, with Vault's texts where it has one. */
function assertFits(role: TokenRole): void {
  const refuse = (why: string) => new LatchkeyError('bad_request', why);
  if (role.numUses < 0) throw refuse("'token_num_uses' cannot be negative");
  if (role.pathSuffix.length > SUFFIX_CHARACTERS_MAX || !/^([\w-]+(\/[\w-]+)*)?$/.test(role.pathSuffix)) {
    throw refuse('given role path suffix contains invalid characters; must match \\w[\\w-]+\\w');
  }
  if (role.tokenType !== 'batch') return;
  const cannot = "'token_type' cannot be 'batch' when role is set to generate";
  if (!role.orphan) throw refuse(`${cannot} non-orphan tokens`);
  if (role.periodSeconds !== 0) throw refuse(`${cannot} periodic tokens`);
  if (role.renewable) throw refuse(`${cannot} renewable tokens`);
  if (role.explicitMaxTtlSeconds !== 0) throw refuse(`${cannot} tokens with an explicit max TTL`);
}

function doubles(fields: RoleFields): string[] {
  const pairs: readonly [keyof RoleFields, keyof RoleFields][] = [
    ['token_period', 'period'],
    ['token_bound_cidrs', 'bound_cidrs'],
    ['token_explicit_max_ttl', 'explicit_max_ttl'],
  ];
  return pairs
    .filter(([name, old]) => fields[name] !== undefined && fields[old] !== undefined)
    .map(
      ([name, old]) => `Both '${name}' and deprecated '${old}' value supplied, ignoring the deprecated value`,
    );
}

/** Members as Vault's `auth/token/roles/:role_name` gives them. */
function describe(role: TokenRole): JsonObject {
  return {
    allowed_entity_aliases: null,
    allowed_policies: [...role.allowedPolicies],
    allowed_policies_glob: [...role.allowedPoliciesGlob],
    disallowed_policies: [...role.disallowedPolicies],
    disallowed_policies_glob: [...role.disallowedPoliciesGlob],
    explicit_max_ttl: 0,
    name: role.name,
    orphan: role.orphan,
    path_suffix: role.pathSuffix,
    period: 0,
    renewable: role.renewable,
    ...(role.boundCidrs.length === 0 ? {} : { token_bound_cidrs: [...role.boundCidrs] }),
    token_explicit_max_ttl: role.explicitMaxTtlSeconds,
    token_no_default_policy: role.noDefaultPolicy,
    ...(role.numUses === 0 ? {} : { token_num_uses: role.numUses }),
    token_period: role.periodSeconds,
    token_type: role.tokenType,
  };
}
