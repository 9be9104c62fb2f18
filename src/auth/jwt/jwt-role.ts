// Roles of a jwt mount: which tokens may log in, and what they get. Vault: `JWT/OIDC auth method (API)`, "Create role".

import { parseDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { type FieldsOf, readFields } from '../../engine/fields.ts';
import {
  decodeTokenParameters,
  describeTokenParameters,
  encodeTokenParameters,
  NO_TOKEN_PARAMETERS,
  OLD_NAMES,
  OLD_TOKEN_FIELDS,
  TOKEN_FIELDS,
  type TokenParameters,
  withTokenParameters,
} from '../../engine/token-parameters.ts';
import type { Leeways } from '../registered-claims.ts';
import type { RoleForm } from '../role-records.ts';
import { corruptRecord, isTexts } from '../stored-record.ts';
import { type BoundClaimsType, boundsFault } from './claim-values.ts';
import { NO_BROWSER } from './jwt-config.ts';

export interface JwtRole {
  readonly leeways: Leeways;
  readonly boundAudiences: readonly string[];
  readonly boundSubject: string;
  readonly boundClaimsType: BoundClaimsType;
  readonly boundClaims: JsonObject;
  /** From a claim's name or pointer to a metadata key. */
  readonly claimMappings: Readonly<Record<string, string>>;
  readonly userClaim: string;
  readonly userClaimJsonPointer: boolean;
  readonly groupsClaim: string;
  readonly token: TokenParameters;
  /** Of the browser flow: kept for the shape of the answer, without effect on a role of type jwt, as in Vault. */
  readonly shown: ShownOnly;
}

interface ShownOnly {
  readonly allowedRedirectUris: readonly string[];
  readonly oidcScopes: readonly string[];
  readonly verboseOidcLogging: boolean;
  readonly maxAgeSeconds: number;
}

const ROLE_FIELDS = {
  role_type: { type: 'string', help: 'Must be "jwt", which is the default here.' },
  bound_audiences: { type: 'strings', help: 'Of these, the claim "aud" must have one.' },
  bound_subject: { type: 'string', help: 'What the claim "sub" must be.' },
  bound_claims: { type: 'object', help: 'Values that claims must have, by name or JSON pointer.' },
  bound_claims_type: {
    type: 'string',
    help: '"string" compares bound claims whole, "glob" takes * in them.',
  },
  claim_mappings: {
    type: 'object',
    help: 'Claims that go into the metadata of the token, with its key there.',
  },
  user_claim: { type: 'string', help: 'The claim that names the user.' },
  user_claim_json_pointer: { type: 'boolean', help: 'user_claim is a JSON pointer.' },
  groups_claim: { type: 'string', help: 'A claim that must hold a list of names. Without further effect.' },
  expiration_leeway: { type: 'any', help: 'How long a token without "exp" is good. 0: 150 s, -1: none.' },
  not_before_leeway: {
    type: 'any',
    help: 'As much earlier a token without a start is good. 0: 150 s, -1: none.',
  },
  clock_skew_leeway: { type: 'any', help: "How far the issuer's clock may be off. 0: 60 s, -1: not at all." },
  allowed_redirect_uris: { type: 'strings', help: 'Of the browser flow; without effect.' },
  oidc_scopes: { type: 'strings', help: 'Of the browser flow; without effect.' },
  verbose_oidc_logging: {
    type: 'boolean',
    help: 'Of the browser flow; without effect: claims are not logged.',
  },
  max_age: { type: 'duration', help: 'Of the browser flow; without effect.' },
  ...TOKEN_FIELDS,
  ...OLD_TOKEN_FIELDS,
} as const;

const NEW_ROLE: JwtRole = {
  leeways: { expiration: 0, notBefore: 0, clockSkew: 0 },
  boundAudiences: [],
  boundSubject: '',
  boundClaimsType: 'string',
  boundClaims: {},
  claimMappings: {},
  userClaim: '',
  userClaimJsonPointer: false,
  groupsClaim: '',
  token: NO_TOKEN_PARAMETERS,
  shown: { allowedRedirectUris: [], oidcScopes: [], verboseOidcLogging: false, maxAgeSeconds: 0 },
};

/**
 * `before` with what `input` gives; what it leaves out stays.
 * @throws LatchkeyError bad_request with Vault's texts.
 */
function roleWith(before: JwtRole = NEW_ROLE, input: JsonObject): JwtRole {
  const given = readFields(ROLE_FIELDS, input);
  assertType(given.role_type);
  const role: JwtRole = {
    leeways: {
      expiration: leewayOf(given.expiration_leeway) ?? before.leeways.expiration,
      notBefore: leewayOf(given.not_before_leeway) ?? before.leeways.notBefore,
      clockSkew: leewayOf(given.clock_skew_leeway) ?? before.leeways.clockSkew,
    },
    boundAudiences: given.bound_audiences ?? before.boundAudiences,
    boundSubject: given.bound_subject ?? before.boundSubject,
    boundClaimsType: claimsTypeOf(given.bound_claims_type) ?? before.boundClaimsType,
    boundClaims: given.bound_claims ?? before.boundClaims,
    claimMappings: mappingsOf(given.claim_mappings) ?? before.claimMappings,
    userClaim: given.user_claim ?? before.userClaim,
    userClaimJsonPointer: given.user_claim_json_pointer ?? before.userClaimJsonPointer,
    groupsClaim: given.groups_claim ?? before.groupsClaim,
    token: withTokenParameters(before.token, input, OLD_NAMES),
    shown: shownOf(given, before.shown),
  };
  assertWhole(role);
  return role;
}

function assertType(type: string | undefined): void {
  if (type === undefined || type === '' || type === 'jwt') return;
  const words = type === 'oidc' ? `role_type "oidc" is not supported: ${NO_BROWSER}` : `invalid 'role_type'`;
  throw refusal(words);
}

function assertWhole(role: JwtRole): void {
  if (role.userClaim === '') throw refusal('a user claim must be defined on the role');
  const fault = boundsFault(role.boundClaims, role.boundClaimsType);
  if (fault !== undefined) throw refusal(fault);
  const isBound =
    role.boundAudiences.length > 0 ||
    role.token.boundCidrs.length > 0 ||
    role.boundSubject !== '' ||
    Object.keys(role.boundClaims).length > 0;
  if (!isBound) throw refusal('must have at least one bound constraint when creating/updating a role');
}

function claimsTypeOf(type: string | undefined): BoundClaimsType | undefined {
  if (type === undefined || type === 'string' || type === 'glob') return type;
  throw refusal(`invalid 'bound_claims_type': ${type.slice(0, 64)}`);
}

function mappingsOf(given: JsonObject | undefined): Readonly<Record<string, string>> | undefined {
  if (given === undefined) return undefined;
  const targets = new Set<string>();
  for (const target of Object.values(given)) {
    if (typeof target !== 'string') throw refusal("field 'claim_mappings' must map to strings");
    if (target === 'role') {
      throw refusal('metadata key "role" is reserved and may not be a mapping destination');
    }
    if (targets.has(target)) {
      throw refusal(`multiple keys are mapped to metadata key "${target.slice(0, 256)}"`);
    }
    targets.add(target);
  }
  return given as Record<string, string>;
}

/** Seconds; Vault takes negative ones as "none". */
function leewayOf(given: JsonValue | undefined): number | undefined {
  if (given === undefined) return undefined;
  const text = String(given).trim();
  const milliseconds = parseDuration(text.replace(/^-/, ''));
  if (milliseconds === undefined) throw refusal('a leeway must be a number of seconds or a duration');
  const seconds = Math.floor(milliseconds / 1_000);
  return text.startsWith('-') ? -seconds : seconds;
}

function shownOf(given: FieldsOf<typeof ROLE_FIELDS>, before: ShownOnly): ShownOnly {
  return {
    allowedRedirectUris: given.allowed_redirect_uris ?? before.allowedRedirectUris,
    oidcScopes: given.oidc_scopes ?? before.oidcScopes,
    verboseOidcLogging: given.verbose_oidc_logging ?? before.verboseOidcLogging,
    maxAgeSeconds: given.max_age ?? before.maxAgeSeconds,
  };
}

/** Members as Vault shows them, null for lists and maps that were never given. */
function describeRole(role: JwtRole): JsonObject {
  const { leeways, shown } = role;
  return {
    allowed_redirect_uris: listOrNull(shown.allowedRedirectUris),
    bound_audiences: listOrNull(role.boundAudiences),
    bound_claims: objectOrNull(role.boundClaims),
    bound_claims_type: role.boundClaimsType,
    bound_subject: role.boundSubject,
    claim_mappings: objectOrNull({ ...role.claimMappings }),
    clock_skew_leeway: leeways.clockSkew,
    expiration_leeway: leeways.expiration,
    groups_claim: role.groupsClaim,
    max_age: shown.maxAgeSeconds,
    not_before_leeway: leeways.notBefore,
    oidc_scopes: listOrNull(shown.oidcScopes),
    role_type: 'jwt',
    user_claim: role.userClaim,
    user_claim_json_pointer: role.userClaimJsonPointer,
    verbose_oidc_logging: shown.verboseOidcLogging,
    ...describeTokenParameters(role.token),
  };
}

function listOrNull(items: readonly string[]): JsonValue {
  return items.length === 0 ? null : [...items];
}

function objectOrNull(object: JsonObject): JsonValue {
  return Object.keys(object).length === 0 ? null : object;
}

/** Every member must be there: whoever adds one says what older records have in its place. */
export const roleForm: RoleForm<JwtRole> = {
  fields: ROLE_FIELDS,
  help: 'A role: which tokens may log in, and what they get.',
  change: roleWith,
  describe: describeRole,
  encode: (role) => ({
    ...(role as unknown as JsonObject),
    token: encodeTokenParameters(role.token),
  }),
  decode: (members) => {
    const token = decodeTokenParameters(members['token']);
    for (const [name, initial] of Object.entries(NEW_ROLE)) {
      if (name !== 'token' && !isAlike(members[name], initial)) {
        throw corruptRecord(`the member ${name} of a role`);
      }
    }
    return { ...NEW_ROLE, ...(members as unknown as JwtRole), token };
  },
};

/** A bound that cannot be read must not be taken for no bound. */
function isAlike(stored: JsonValue | undefined, initial: unknown): boolean {
  if (Array.isArray(initial)) return isTexts(stored);
  if (isObject(initial)) {
    return isObject(stored) && Object.entries(initial).every(([name, value]) => isAlike(stored[name], value));
  }
  return typeof stored === typeof initial;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
