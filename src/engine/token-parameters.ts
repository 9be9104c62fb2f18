// What the tokens of a login get: the `token_*` parameters that all auth methods share, from a request to the stored
// JSON and to a grant. Vault's API pages /api-docs/auth/*, "Parameters" of users and roles.

import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { parseCidrs } from './bound-cidrs.ts';
import type { LoginGrant } from './engine.ts';
import { type FieldsOf, readFields } from './fields.ts';

/** Lengths in seconds, 0 for "as the mount says". */
export interface TokenParameters {
  readonly policies: readonly string[];
  readonly ttlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly explicitMaxTtlSeconds: number;
  readonly periodSeconds: number;
  /** 0 is without limit. */
  readonly numUses: number;
  /** CIDR blocks from which the tokens may be used; none: from anywhere. */
  readonly boundCidrs: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly tokenType: NonNullable<LoginGrant['tokenType']>;
  /** Each token works only from the address that logged in. */
  readonly strictlyBindIp: boolean;
  /** Names without `token_` under which some of these were last written; reads show them as well, as in Vault. */
  readonly oldNames: readonly OldName[];
}

export const TOKEN_FIELDS = {
  token_policies: { type: 'strings', help: 'Policies of the tokens.' },
  token_ttl: { type: 'duration', help: 'How long a token lives until it is renewed.' },
  token_max_ttl: { type: 'duration', help: 'How long renewals may keep a token alive.' },
  token_explicit_max_ttl: {
    type: 'duration',
    help: 'As token_max_ttl, fixed for each token when it is made.',
  },
  token_period: { type: 'duration', help: 'Tokens are renewed for this long, again and again.' },
  token_num_uses: { type: 'integer', help: 'How often a token may be used; 0 is without limit.' },
  token_bound_cidrs: { type: 'strings', help: 'From where tokens may be used.' },
  token_no_default_policy: { type: 'boolean', help: 'Tokens do not get the policy "default" by themselves.' },
  token_type: { type: 'string', help: 'service, batch, or default for what the mount says.' },
  token_strictly_bind_ip: {
    type: 'boolean',
    help: 'A token works only from the address that logged in.',
  },
} as const;

/** Names that Vault had before it put `token_` before them; each method takes some of them. */
export const OLD_TOKEN_FIELDS = {
  policies: { type: 'strings', help: 'Old name of token_policies.' },
  ttl: { type: 'duration', help: 'Old name of token_ttl.' },
  max_ttl: { type: 'duration', help: 'Old name of token_max_ttl.' },
  period: { type: 'duration', help: 'Old name of token_period.' },
  num_uses: { type: 'integer', help: 'Old name of token_num_uses.' },
  bound_cidrs: { type: 'strings', help: 'Old name of token_bound_cidrs.' },
} as const;

export type OldName = keyof typeof OLD_TOKEN_FIELDS;
export const OLD_NAMES = Object.keys(OLD_TOKEN_FIELDS) as OldName[];
type Given = FieldsOf<typeof TOKEN_FIELDS>;

export const NO_TOKEN_PARAMETERS: TokenParameters = {
  policies: [],
  ttlSeconds: 0,
  maxTtlSeconds: 0,
  explicitMaxTtlSeconds: 0,
  periodSeconds: 0,
  numUses: 0,
  boundCidrs: [],
  noDefaultPolicy: false,
  tokenType: 'default',
  strictlyBindIp: false,
  oldNames: [],
};

const TYPES: readonly string[] = ['default', 'service', 'batch', 'default-service', 'default-batch'];
const POLICIES_MAX = 256;
const POLICY_CHARACTERS_MAX = 512;

/**
 * `before` with what `input` gives; what it leaves out stays.
 * @param oldNames that this method takes besides; a name with `token_` goes before its old one.
 * @throws LatchkeyError bad_request, with Vault's texts where it has one.
 */
export function withTokenParameters(
  before: TokenParameters,
  input: JsonObject,
  oldNames: readonly OldName[] = [],
): TokenParameters {
  const renamed: JsonObject = {};
  let shown = before.oldNames.filter((name) => !Object.hasOwn(input, `token_${name}`));
  for (const name of oldNames) {
    const value = input[name];
    if (!Object.hasOwn(input, name) || value === undefined) continue;
    renamed[`token_${name}`] = value;
    shown = [...shown.filter((other) => other !== name), name];
  }
  const after = { ...merge(before, readFields(TOKEN_FIELDS, { ...renamed, ...input })), oldNames: shown };
  assertFits(after);
  return after;
}

function merge(before: TokenParameters, given: Given): Omit<TokenParameters, 'oldNames'> {
  const { token_bound_cidrs: cidrs, token_type: type } = given;
  return {
    policies: given.token_policies?.map((name) => name.trim()) ?? before.policies,
    ttlSeconds: given.token_ttl ?? before.ttlSeconds,
    maxTtlSeconds: given.token_max_ttl ?? before.maxTtlSeconds,
    explicitMaxTtlSeconds: given.token_explicit_max_ttl ?? before.explicitMaxTtlSeconds,
    periodSeconds: given.token_period ?? before.periodSeconds,
    numUses: given.token_num_uses ?? before.numUses,
    boundCidrs: cidrs === undefined ? before.boundCidrs : parseCidrs(cidrs),
    noDefaultPolicy: given.token_no_default_policy ?? before.noDefaultPolicy,
    tokenType: type === undefined ? before.tokenType : typeOf(type),
    strictlyBindIp: given.token_strictly_bind_ip ?? before.strictlyBindIp,
  };
}

function typeOf(text: string): TokenParameters['tokenType'] {
  if (text === '') return 'default';
  if (!TYPES.includes(text)) throw refusal(`invalid 'token_type' value "${text.slice(0, 64)}"`);
  return text as TokenParameters['tokenType'];
}

function assertFits(after: TokenParameters): void {
  const { policies, numUses, ttlSeconds, maxTtlSeconds, tokenType, periodSeconds } = after;
  if (numUses < 0) throw refusal("'token_num_uses' cannot be negative");
  if (ttlSeconds > 0 && maxTtlSeconds > 0 && ttlSeconds > maxTtlSeconds) {
    throw refusal("'token_ttl' cannot be greater than 'token_max_ttl'");
  }
  if (tokenType === 'batch' || tokenType === 'default-batch') {
    const cannot = "'token_type' cannot be 'batch' or 'default_batch' when set to generate";
    if (periodSeconds !== 0) throw refusal(`${cannot} periodic tokens`);
    if (numUses !== 0) throw refusal(`${cannot} tokens with limited use count`);
  }
  if (after.strictlyBindIp && after.boundCidrs.length > 0) {
    throw refusal("'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one");
  }
  const tooLong = policies.some((name) => name.length > POLICY_CHARACTERS_MAX);
  if (policies.length > POLICIES_MAX || tooLong) {
    throw refusal(
      `'token_policies' takes ${POLICIES_MAX} names of ${POLICY_CHARACTERS_MAX} characters at most`,
    );
  }
}

/** Members as Vault shows them of a user or a role. */
export function describeTokenParameters(parameters: TokenParameters): JsonObject {
  const members: JsonObject = {
    token_bound_cidrs: [...parameters.boundCidrs],
    token_explicit_max_ttl: parameters.explicitMaxTtlSeconds,
    token_max_ttl: parameters.maxTtlSeconds,
    token_no_default_policy: parameters.noDefaultPolicy,
    token_num_uses: parameters.numUses,
    token_period: parameters.periodSeconds,
    token_policies: [...parameters.policies],
    token_strictly_bind_ip: parameters.strictlyBindIp,
    token_ttl: parameters.ttlSeconds,
    token_type: parameters.tokenType,
  };
  const old = parameters.oldNames
    .map((name) => [name, members[`token_${name}`] ?? null] as const)
    .filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== 0));
  return { ...members, ...Object.fromEntries(old) };
}

/** The form to be stored inside the record of a user or a role, whose format number stands for it as well. */
export function encodeTokenParameters(parameters: TokenParameters): JsonObject {
  const { policies, boundCidrs, oldNames, ...rest } = parameters;
  return { ...rest, policies: [...policies], boundCidrs: [...boundCidrs], oldNames: [...oldNames] };
}

/**
 * What `encodeTokenParameters` gave. A parameter that a later version adds is missing, and takes its initial value.
 * @throws LatchkeyError storage_corrupt if a member is of another kind than ours.
 */
export function decodeTokenParameters(value: JsonValue | undefined): TokenParameters {
  if (!isObject(value)) throw foreign();
  for (const [name, initial] of Object.entries(NO_TOKEN_PARAMETERS)) {
    const stored = value[name];
    const isList = Array.isArray(initial);
    const fits = isList
      ? Array.isArray(stored) && stored.every((item) => typeof item === 'string')
      : typeof stored === typeof initial;
    if (stored !== undefined && !fits) throw foreign();
  }
  return { ...NO_TOKEN_PARAMETERS, ...(value as unknown as Partial<TokenParameters>) };
}

/** Of a login from `remoteAddress`; display name and metadata are the method's own to say. */
export function tokenGrantOf(
  parameters: TokenParameters,
  remoteAddress: string,
): Omit<LoginGrant, 'displayName' | 'metadata'> {
  return {
    policies: parameters.policies,
    ttlSeconds: parameters.ttlSeconds,
    maxTtlSeconds: parameters.maxTtlSeconds,
    explicitMaxTtlSeconds: parameters.explicitMaxTtlSeconds,
    periodSeconds: parameters.periodSeconds,
    numUses: parameters.numUses,
    boundCidrs: parameters.strictlyBindIp ? parseCidrs([remoteAddress]) : parameters.boundCidrs,
    tokenType: parameters.tokenType,
    noDefaultPolicy: parameters.noDefaultPolicy,
  };
}

/** What `Engine.renewLogin` answers: an explicit maximum stays as the token was made with. */
export function renewalTermsOf(parameters: TokenParameters): Partial<LoginGrant> {
  const { ttlSeconds, maxTtlSeconds, periodSeconds } = parameters;
  return { ttlSeconds, maxTtlSeconds, periodSeconds };
}

/** True if a token that was given `left` would be given the same today: order and repetition do not count. */
export function samePolicies(left: readonly string[], right: readonly string[]): boolean {
  const plain = (names: readonly string[]) =>
    [...new Set(names.map((name) => name.toLowerCase()).filter((name) => name !== 'default'))].sort();
  return JSON.stringify(plain(left)) === JSON.stringify(plain(right));
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}

function foreign(): LatchkeyError {
  return new LatchkeyError('storage_corrupt', 'the token parameters of a stored user or role cannot be read');
}
