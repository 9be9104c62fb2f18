// What callers send about roles and secret ids, read and checked. Vault's API page /api-docs/auth/approle.

import { formatDuration } from '../../base/durations.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { areWithin, parseCidrs } from '../../engine/bound-cidrs.ts';
import { type Fields, readFields } from '../../engine/fields.ts';
import type { TtlLimits } from '../../engine/lifetime.ts';
import {
  describeTokenParameters,
  OLD_TOKEN_FIELDS,
  TOKEN_FIELDS,
  withTokenParameters,
} from '../../engine/token-parameters.ts';
import type { Role } from './roles.ts';
import type { SecretId } from './secret-ids.ts';

const { policies, period } = OLD_TOKEN_FIELDS;

export const ROLE_FIELDS = {
  role_id: { type: 'string', help: 'The first half of a login; random unless it is chosen.' },
  bind_secret_id: { type: 'boolean', help: 'A login needs a secret id as well. Default true.' },
  secret_id_bound_cidrs: { type: 'strings', help: 'From where logins may come.' },
  bound_cidr_list: { type: 'strings', help: 'Old name of secret_id_bound_cidrs.' },
  secret_id_num_uses: {
    type: 'integer',
    help: 'Logins that a new secret id is good for; 0 is without limit.',
  },
  secret_id_ttl: { type: 'duration', help: 'How long a new secret id lives; 0 is for ever.' },
  local_secret_ids: { type: 'boolean', help: 'Kept and shown; nothing is replicated. Only for a new role.' },
  ...TOKEN_FIELDS,
  policies,
  period,
} as const satisfies Fields;

export const SECRET_ID_FIELDS = {
  metadata: { type: 'any', help: 'Texts by name, as JSON: they come with each login into the audit log.' },
  cidr_list: {
    type: 'strings',
    help: "From where logins may come, within the role's secret_id_bound_cidrs.",
  },
  token_bound_cidrs: { type: 'strings', help: "From where its tokens may be used, within the role's." },
  num_uses: { type: 'integer', help: "Logins that it is good for, at most the role's." },
  ttl: { type: 'duration', help: 'How long it lives, at most as long as the role says.' },
} as const satisfies Fields;

export const CUSTOM_SECRET_ID_FIELDS = {
  ...SECRET_ID_FIELDS,
  secret_id: { type: 'string', help: 'Its text.' },
} as const satisfies Fields;

const ROLE_ID_CHARACTERS_MAX = 4_096;
const METADATA_ENTRIES_MAX = 64;
const TEXT_CHARACTERS_MAX = 512;

/**
 * `before` with what is given; what is left out stays.
 * @throws LatchkeyError bad_request, in Vault's words where it has some.
 */
export function withRoleInput(before: Role, input: JsonObject, isNew: boolean, limits: TtlLimits): Role {
  const fields = readFields(ROLE_FIELDS, input);
  if (fields.local_secret_ids !== undefined && !isNew) {
    throw refusal('local_secret_ids can only be modified during role creation');
  }
  const cidrs = fields.secret_id_bound_cidrs ?? fields.bound_cidr_list;
  const after: Role = {
    generation: before.generation,
    roleId: fields.role_id ?? before.roleId,
    bindSecretId: fields.bind_secret_id ?? before.bindSecretId,
    secretIdBoundCidrs: cidrs === undefined ? before.secretIdBoundCidrs : parseCidrs(cidrs),
    secretIdNumUses: fields.secret_id_num_uses ?? before.secretIdNumUses,
    secretIdTtlSeconds: fields.secret_id_ttl ?? before.secretIdTtlSeconds,
    localSecretIds: fields.local_secret_ids ?? before.localSecretIds,
    token: withTokenParameters(before.token, plainTokenType(input), ['policies', 'period']),
  };
  if (
    after.roleId === '' ||
    after.roleId.length > ROLE_ID_CHARACTERS_MAX ||
    after.roleId.trim() !== after.roleId
  ) {
    throw refusal('invalid role_id supplied, or failed to generate a role_id');
  }
  if (after.secretIdNumUses < 0) throw refusal('secret_id_num_uses cannot be negative');
  // Vault checks the period under its old name alone; under the new one it is capped when a token is made.
  if (after.token.oldNames.includes('period') && after.token.periodSeconds > limits.maxSeconds) {
    const [given, max] = [after.token.periodSeconds, limits.maxSeconds].map((seconds) =>
      formatDuration(seconds * 1_000),
    );
    throw refusal(`period of "${given}" is greater than the backend's maximum lease TTL of "${max}"`);
  }
  if (!hasConstraint(after)) throw refusal('at least one constraint should be enabled on the role');
  return after;
}

function hasConstraint({ bindSecretId, secretIdBoundCidrs, token }: Role): boolean {
  return bindSecretId || secretIdBoundCidrs.length > 0 || token.boundCidrs.length > 0;
}

/** In a role `default-service` says nothing that `service` does not. */
function plainTokenType(input: JsonObject): JsonObject {
  const type = input['token_type'];
  if (type !== 'default-service' && type !== 'default-batch') return input;
  return { ...input, token_type: type.slice('default-'.length) };
}

/** What was taken otherwise than it was written, or will be. */
export function roleWarnings(input: JsonObject, role: Role, limits: TtlLimits): readonly string[] {
  const after = plainTokenType(input)['token_type'];
  const before = input['token_type'];
  const type = after === before ? [] : [`${before} has no useful meaning; adjusting to ${after}`];
  if (role.token.maxTtlSeconds <= limits.maxSeconds) return type;
  const text =
    "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be truncated";
  return [...type, text];
}

/** Members as Vault shows them. */
export function describeRole(role: Role): JsonObject {
  return {
    bind_secret_id: role.bindSecretId,
    local_secret_ids: role.localSecretIds,
    secret_id_bound_cidrs: role.secretIdBoundCidrs.length === 0 ? null : [...role.secretIdBoundCidrs],
    secret_id_num_uses: role.secretIdNumUses,
    secret_id_ttl: role.secretIdTtlSeconds,
    ...describeTokenParameters(role.token),
  };
}

/**
 * A new secret id of this role. It lives no longer than the mount lets a lease live, unless it lives for ever.
 * @throws LatchkeyError bad_request if it would reach further than the role.
 */
export function newSecretId(
  role: Role,
  input: JsonObject,
  { accessor, now, limits }: { readonly accessor: string; readonly now: number; readonly limits: TtlLimits },
): SecretId {
  const fields = readFields(SECRET_ID_FIELDS, input);
  if (!role.bindSecretId) throw refusal('bind_secret_id is not set on the role');
  const cidrs = parseCidrs(fields.cidr_list ?? []);
  const tokenCidrs = parseCidrs(fields.token_bound_cidrs ?? []);
  assertWithin(cidrs, role.secretIdBoundCidrs);
  assertWithin(tokenCidrs, role.token.boundCidrs);
  const numUses = fields.num_uses ?? role.secretIdNumUses;
  if (numUses < 0) throw refusal('num_uses cannot be negative');
  if (reachesFurther(numUses, role.secretIdNumUses)) {
    throw refusal("num_uses cannot be higher than the role's secret_id_num_uses");
  }
  const wanted = fields.ttl ?? role.secretIdTtlSeconds;
  const ttlSeconds = Math.min(wanted, limits.maxSeconds);
  if (reachesFurther(wanted, role.secretIdTtlSeconds)) {
    throw refusal("ttl cannot be longer than the role's secret_id_ttl");
  }
  return {
    ...{ accessor, numUses, ttlSeconds, createdAt: now, updatedAt: now, cidrs, tokenCidrs },
    expiresAt: ttlSeconds === 0 ? 0 : now + ttlSeconds * 1_000,
    metadata: metadataOf(fields.metadata),
  };
}

/** 0 is without limit. */
function reachesFurther(wanted: number, limit: number): boolean {
  return limit > 0 && (wanted === 0 || wanted > limit);
}

/** The role may have been narrowed since the secret id was made. */
export function assertWithin(inner: readonly string[], outer: readonly string[]): void {
  if (outer.length === 0 || areWithin(inner, outer)) return;
  const quoted = (blocks: readonly string[]) => `[${blocks.map((block) => `"${block}"`).join(' ')}]`;
  throw refusal(
    `failed to verify subset relationship between CIDR blocks on the role ${quoted(outer)} and CIDR blocks on the secret ID ${quoted(inner)}`,
  );
}

/** An object, the JSON of one, or `a=b,c=d`. */
function metadataOf(given: JsonValue | undefined): Record<string, string> {
  if (given === undefined || given === '') return {};
  const object = typeof given === 'string' ? textMetadata(given) : given;
  if (!isObject(object)) throw refusal('failed to parse metadata: it is no object');
  const entries = Object.entries(object);
  const isText = ([name, value]: [string, JsonValue]) =>
    typeof value === 'string' && name.length <= TEXT_CHARACTERS_MAX && value.length <= TEXT_CHARACTERS_MAX;
  if (!entries.every(isText) || entries.length > METADATA_ENTRIES_MAX) {
    throw refusal(
      `failed to parse metadata: it takes ${METADATA_ENTRIES_MAX} texts of ${TEXT_CHARACTERS_MAX} characters at most`,
    );
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function textMetadata(text: string): JsonObject {
  if (text.trimStart().startsWith('{')) {
    const value = parseJson(text);
    if (!isObject(value)) throw refusal('failed to parse metadata: it is no object');
    return value;
  }
  const pairs = text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw refusal('failed to parse metadata: a part has no "="');
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
  });
  return Object.fromEntries(pairs);
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
