// What a caller may make: the rules of auth/token/create and its kin. Vault's API page /api-docs/auth/token.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { type FieldsOf, readFields } from '../engine/fields.ts';
import { lifetimeOf, type TtlLimits } from '../engine/lifetime.ts';
import { assertAssignable, matchesGlob, normalizePolicies } from './policy-names.ts';
import { isRoot, type KnownToken } from './token-entry.ts';
import type { TokenRole } from './token-roles.ts';
import type { TokenOrder } from './token-room.ts';

export interface CreateRequest {
  readonly input: JsonObject;
  /** Of the request, e.g. `auth/token/create/app`. */
  readonly path: string;
  readonly parent: KnownToken;
  /** The caller has `sudo` on the path. */
  readonly isSudo: boolean;
  readonly role: TokenRole | undefined;
  /** `create-orphan`. */
  readonly orphan: boolean;
  readonly limits: TtlLimits;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface PlannedToken {
  readonly order: TokenOrder;
  readonly warnings: readonly string[];
}

export const CREATE_FIELDS = {
  id: { type: 'string', help: 'Text of the new token; for root tokens alone.' },
  policies: {
    type: 'strings',
    help: "Its policies: a part of the caller's, which it gets if there are none.",
  },
  meta: { type: 'object', help: 'Words that go into the audit log with each use, by name.' },
  no_parent: { type: 'boolean', help: 'The token outlives its maker; needs sudo.' },
  no_default_policy: { type: 'boolean', help: 'Leaves the policy "default" out.' },
  renewable: { type: 'boolean', help: 'It may be renewed. Default true.' },
  ttl: { type: 'duration', help: 'How long it lives until it is renewed.' },
  lease: { type: 'duration', help: 'Old name of ttl.' },
  type: { type: 'string', help: 'service or batch.' },
  explicit_max_ttl: { type: 'duration', help: 'How long it lives at most, renewed or not.' },
  display_name: { type: 'string', help: 'Name in the audit log, after "token-".' },
  num_uses: { type: 'integer', help: 'How often it may be used; 0 is without limit.' },
  period: { type: 'duration', help: 'It is renewed for this long, again and again; needs sudo.' },
  entity_alias: { type: 'string', help: 'Not in this version.' },
} as const;

type CreateFields = FieldsOf<typeof CREATE_FIELDS>;

const META_ENTRIES_MAX = 64;
const TEXT_CHARACTERS_MAX = 512;

/** @throws LatchkeyError bad_request, with Vault's texts, for what the caller may not make. */
export function planToken(request: CreateRequest): PlannedToken {
  const { input, parent, role } = request;
  const fields = readFields(CREATE_FIELDS, input);
  if (parent.entry.type === 'batch') throw refusal('batch tokens cannot create more tokens');
  if (parent.entry.numUses !== 0) throw refusal('restricted use token cannot generate child tokens');
  // Vault's Go client sends it empty with every order.
  if ((fields.entity_alias ?? '') !== '') throw refusal("'entity_alias' is not in this version");
  const type = typeOf(fields, role);
  const isBatch = type === 'batch';
  const warnings = ignored(input);
  const policies = policiesOf(request, fields);
  assertAssignable(policies);
  const root = policies.includes('root');
  if (root && !isRoot(parent.entry)) {
    throw refusal('root tokens may not be created without parent token being root');
  }
  if (root && isBatch) throw refusal('batch tokens cannot be root tokens');
  const isOrphan = orphanOf(request, fields);
  const times = timesOf(isBatch ? { ...request, role: undefined } : request, fields, root, warnings);
  const isEndless = times.ttlSeconds === 0;
  if (isEndless && parent.entry.expiresAt !== 0) {
    throw refusal('expiring root tokens cannot create non-expiring root tokens');
  }
  const inherited = isOrphan ? [] : parent.entry.boundCidrs;
  const order: TokenOrder = {
    type,
    policies,
    displayName: displayNameOf(fields.display_name ?? ''),
    path: role?.pathSuffix ? `${request.path}/${role.pathSuffix}` : request.path,
    ...times,
    renewable: !isBatch && !isEndless && (fields.renewable ?? true) && (role?.renewable ?? true),
    maxTtlSeconds: 0,
    numUses: isBatch ? 0 : lesser(usesOf(fields), role?.numUses ?? 0),
    parent: isOrphan ? '' : parent.id,
    metadata: metadataOf(fields.meta ?? {}),
    boundCidrs: isEndless ? [] : role === undefined ? inherited : role.boundCidrs,
    role: role?.name ?? '',
    ...tokenTextOf(request, fields, isBatch),
  };
  return { order, warnings };
}

function typeOf(fields: CreateFields, role: TokenRole | undefined): 'service' | 'batch' {
  const fallback = role?.tokenType === 'default-batch' ? 'batch' : 'service';
  const forced = role?.tokenType === 'service' || role?.tokenType === 'batch' ? role.tokenType : undefined;
  const type = forced ?? (fields.type || fallback);
  if (type !== 'service' && type !== 'batch') throw refusal("invalid 'token_type' value");
  if (type === 'service') return type;
  for (const name of ['explicit_max_ttl', 'num_uses', 'period'] as const) {
    if ((fields[name] ?? 0) !== 0) throw refusal(`batch tokens cannot have "${name}" set`);
  }
  return type;
}

function usesOf(fields: CreateFields): number {
  const uses = fields.num_uses ?? 0;
  if (uses < 0) throw refusal('number of uses cannot be negative');
  return uses;
}

/** Of two limits the smaller one; 0 is none. */
function lesser(left: number, right: number): number {
  if (left === 0 || right === 0) return left + right;
  return Math.min(left, right);
}

/** As Vault names what it does not know: a misspelt limit must not go unnoticed. */
function ignored(input: JsonObject): string[] {
  const names = Object.keys(input).filter((name) => !Object.hasOwn(CREATE_FIELDS, name));
  if (names.length === 0) return [];
  return [`Endpoint ignored these unrecognized parameters: [${names.sort().join(' ')}]`];
}

function policiesOf(request: CreateRequest, fields: CreateFields): readonly string[] {
  const { parent, isSudo, role } = request;
  const given = fields.policies ?? [];
  const noDefault = fields.no_default_policy === true || role?.noDefaultPolicy === true;
  if (role !== undefined && hasLists(role)) {
    const policies = policiesUnderRole(request, role, given, noDefault);
    return fields.no_default_policy === true ? policies.filter((name) => name !== 'default') : policies;
  }
  const own = parent.entry.policies;
  let policies: readonly string[];
  if (given.length === 0) policies = normalizePolicies(own);
  else if (isSudo) policies = normalizePolicies(given, !noDefault);
  else {
    const wanted = normalizePolicies(given);
    if (!isRoot(parent.entry) && wanted.some((name) => !own.includes(name))) {
      throw refusal('child policies must be subset of parent');
    }
    policies = normalizePolicies(wanted, !noDefault && own.includes('default'));
  }
  return noDefault ? policies.filter((name) => name !== 'default') : policies;
}

function hasLists(role: TokenRole): boolean {
  const { allowedPolicies, disallowedPolicies, allowedPoliciesGlob, disallowedPoliciesGlob } = role;
  return [allowedPolicies, disallowedPolicies, allowedPoliciesGlob, disallowedPoliciesGlob].some(
    (list) => list.length > 0,
  );
}

/** A role with lists of its own may give policies that the caller does not have: that is what it is for. */
function policiesUnderRole(
  request: CreateRequest,
  role: TokenRole,
  given: readonly string[],
  noDefault: boolean,
): readonly string[] {
  const { allowedPolicies, allowedPoliciesGlob, disallowedPolicies, disallowedPoliciesGlob } = role;
  const isRefused = (name: string) =>
    disallowedPolicies.includes(name) || matchesGlob(disallowedPoliciesGlob, name);
  const addDefault = !noDefault && !isRefused('default');
  const limited = allowedPolicies.length > 0 || allowedPoliciesGlob.length > 0;
  const allowed = normalizePolicies(allowedPolicies, addDefault);
  let policies: readonly string[];
  if (given.length > 0) policies = normalizePolicies(given, addDefault);
  else policies = limited ? allowed : normalizePolicies(request.parent.entry.policies, addDefault);
  const isAllowed = (name: string) => allowed.includes(name) || matchesGlob(allowedPoliciesGlob, name);
  if (limited && !policies.every(isAllowed)) {
    throw refusal(
      `token policies (${quoted(policies)}) must be subset of the role's allowed policies (${quoted(allowed)}) ` +
        `or glob policies (${quoted(allowedPoliciesGlob)})`,
    );
  }
  const refused = policies.find(isRefused);
  if (refused !== undefined) throw refusal(`token policy "${refused}" is disallowed by this role`);
  return policies;
}

function orphanOf(request: CreateRequest, fields: CreateFields): boolean {
  const { role, orphan, isSudo } = request;
  if (role !== undefined) return role.orphan;
  if (fields.no_parent === true && !isSudo) {
    throw refusal('root or sudo privileges required to create orphan token');
  }
  return fields.no_parent === true || orphan;
}

/** A root token lives for ever unless it was given an end. */
function timesOf(request: CreateRequest, fields: CreateFields, root: boolean, warnings: string[]) {
  const { role, isSudo, limits, now } = request;
  const ownPeriod = fields.period ?? 0;
  if (ownPeriod > 0 && !isSudo) throw refusal('root or sudo privileges required to create periodic token');
  const ownMax = fields.explicit_max_ttl ?? 0;
  const explicitMaxTtlSeconds = lesser(ownMax, role?.explicitMaxTtlSeconds ?? 0);
  const periodSeconds = lesser(ownPeriod, role?.periodSeconds ?? 0);
  if (ownMax > 0 && role !== undefined && role.explicitMaxTtlSeconds > 0) {
    warnings.push(bothGiven('Explicit max TTL', explicitMaxTtlSeconds));
  }
  if (ownPeriod > 0 && role !== undefined && role.periodSeconds > 0) {
    warnings.push(bothGiven('Period', periodSeconds));
  }
  const wanted = fields.ttl ?? fields.lease ?? 0;
  if (root && wanted === 0 && periodSeconds === 0) {
    return { ttlSeconds: explicitMaxTtlSeconds, explicitMaxTtlSeconds, periodSeconds };
  }
  const wish = { ttlSeconds: wanted, maxTtlSeconds: 0, explicitMaxTtlSeconds, periodSeconds, startedAt: now };
  const lifetime = lifetimeOf(wish, limits, now);
  warnings.push(...lifetime.warnings);
  return { ttlSeconds: lifetime.ttlSeconds, explicitMaxTtlSeconds, periodSeconds };
}

function bothGiven(what: string, seconds: number): string {
  return `${what} specified both during creation call and in role; using the lesser value of ${seconds} seconds`;
}

function displayNameOf(given: string): string {
  if (given === '') return 'token';
  return `token-${given.slice(0, TEXT_CHARACTERS_MAX)}`.replaceAll(/[^a-zA-Z0-9-]/g, '-').replace(/-$/, '');
}

function metadataOf(given: JsonObject): Record<string, string> {
  const entries = Object.entries(given);
  if (entries.length > META_ENTRIES_MAX) throw refusal(`meta takes ${META_ENTRIES_MAX} entries at most`);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value === 'object') throw refusal('meta takes texts alone');
      const text = String(value);
      if (name.length > TEXT_CHARACTERS_MAX || text.length > TEXT_CHARACTERS_MAX) {
        throw refusal(`meta takes texts of ${TEXT_CHARACTERS_MAX} characters at most`);
      }
      return [name, text];
    }),
  );
}

/** A text that somebody chose can be guessed: only root may, and not so that it looks like one of ours. */
function tokenTextOf(request: CreateRequest, fields: CreateFields, isBatch: boolean): { token?: string } {
  const text = fields.id ?? '';
  if (text === '') return {};
  if (isBatch) throw refusal('batch tokens cannot have "id" set');
  if (!isRoot(request.parent.entry)) throw refusal('root or sudo privileges required to specify token id');
  for (const prefix of ['hvs.', 'hvb.', 'hvr.', 's.', 'b.', 'r.']) {
    if (text.startsWith(prefix)) throw refusal(`custom token ID cannot have the '${prefix}' prefix`);
  }
  if (text.includes('.')) throw refusal("custom token ID cannot have a '.' in the value");
  if (text.length > TEXT_CHARACTERS_MAX || /\s/.test(text)) {
    throw refusal(`a custom token ID has ${TEXT_CHARACTERS_MAX} characters at most, and no spaces`);
  }
  return { token: text };
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => `"${name}"`).join(' ')}]`;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
