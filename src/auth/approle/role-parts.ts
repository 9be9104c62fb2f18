// The paths below a role that show, change and reset one of its members: role/<name>/secret-id-ttl and kin.

import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Request, Response, Route } from '../../engine/engine.ts';
import type { Fields } from '../../engine/fields.ts';
import type { TtlLimits } from '../../engine/lifetime.ts';
import { describeRole, ROLE_FIELDS, withRoleInput } from './role-input.ts';
import { type Role, type Roles, roleName } from './roles.ts';

type FieldName = keyof typeof ROLE_FIELDS;

interface Part {
  readonly path: string;
  /** The first is the one that is reset; the others are old names, which are shown when they were written. */
  readonly fields: readonly [FieldName, ...FieldName[]];
  /** What DELETE makes of it; undefined if it cannot be reset. */
  readonly initial?: JsonValue;
  readonly readOnly?: boolean;
  readonly help: string;
}

const PARTS: readonly Part[] = [
  { path: 'policies', fields: ['token_policies', 'policies'], initial: [], help: 'Policies of the tokens.' },
  { path: 'secret-id-num-uses', fields: ['secret_id_num_uses'], initial: 0, help: 'Uses of new secret ids.' },
  { path: 'secret-id-ttl', fields: ['secret_id_ttl'], initial: 0, help: 'Lifetime of new secret ids.' },
  {
    path: 'bind-secret-id',
    fields: ['bind_secret_id'],
    initial: true,
    help: 'Whether a secret id is needed.',
  },
  {
    path: 'secret-id-bound-cidrs',
    fields: ['secret_id_bound_cidrs'],
    initial: [],
    help: 'From where logins may come.',
  },
  {
    path: 'bound-cidr-list',
    fields: ['bound_cidr_list'],
    initial: [],
    help: 'Old form of secret-id-bound-cidrs.',
  },
  {
    path: 'token-bound-cidrs',
    fields: ['token_bound_cidrs'],
    initial: [],
    help: 'From where tokens may be used.',
  },
  { path: 'token-num-uses', fields: ['token_num_uses'], initial: 0, help: 'How often a token may be used.' },
  {
    path: 'token-ttl',
    fields: ['token_ttl'],
    initial: 0,
    help: 'How long a token lives until it is renewed.',
  },
  {
    path: 'token-max-ttl',
    fields: ['token_max_ttl'],
    initial: 0,
    help: 'How long renewals may keep a token.',
  },
  {
    path: 'period',
    fields: ['token_period', 'period'],
    initial: 0,
    help: 'Tokens are renewed for this long.',
  },
  { path: 'role-id', fields: ['role_id'], help: 'The first half of a login.' },
  {
    path: 'local-secret-ids',
    fields: ['local_secret_ids'],
    readOnly: true,
    help: 'Kept as the role was made with.',
  },
];

export function partRoutes(roles: Roles, limits: () => TtlLimits): Route[] {
  return PARTS.map((part) => {
    const read = async (request: Request) => show(part, await standing(roles, request));
    const fields = Object.fromEntries(part.fields.map((name) => [name, ROLE_FIELDS[name]])) as Fields;
    const base = { pattern: `role/{role_name}/${part.path}`, fields, help: part.help };
    if (part.readOnly === true) return { ...base, operations: { read } };
    const change = (request: Request, input: JsonObject) => changeRole(roles, request, input, limits());
    const update = async (request: Request) => change(request, inputOf(part, request));
    const { initial } = part;
    if (initial === undefined) return { ...base, operations: { read, update } };
    const remove = (request: Request) => change(request, { [part.fields[0]]: initial });
    return { ...base, operations: { read, update, delete: remove } };
  });
}

/** @throws LatchkeyError not_found */
export async function standing(roles: Roles, request: Request): Promise<Role> {
  const role = await roles.find(roleName(request.params['role_name'] ?? ''));
  if (role === undefined) throw new LatchkeyError('not_found', 'there is no such role');
  return role;
}

function show(part: Part, role: Role): Response {
  const cidrs = role.token.boundCidrs;
  const all: JsonObject = {
    ...describeRole(role),
    role_id: role.roleId,
    token_bound_cidrs: cidrs.length === 0 ? null : [...cidrs],
  };
  all['bound_cidr_list'] = all['secret_id_bound_cidrs'] ?? null;
  const shown = part.fields.filter((name) => Object.hasOwn(all, name));
  return { data: Object.fromEntries(shown.map((name) => [name, all[name] ?? null])) };
}

function inputOf(part: Part, request: Request): JsonObject {
  const given = part.fields.filter((name) => (request.input[name] ?? null) !== null);
  if (given.length === 0)
    throw new LatchkeyError('bad_request', `missing ${part.path === 'period' ? 'period' : part.fields[0]}`);
  return Object.fromEntries(given.map((name) => [name, request.input[name] ?? null]));
}

async function changeRole(
  roles: Roles,
  request: Request,
  input: JsonObject,
  limits: TtlLimits,
): Promise<Response> {
  await roles.change(roleName(request.params['role_name'] ?? ''), (before) => {
    // As Vault has it; a read of the same path is told that there is nothing.
    if (before === undefined) throw new LatchkeyError('unsupported_path', 'unsupported path');
    return withRoleInput(before, input, false, limits);
  });
  return {};
}
