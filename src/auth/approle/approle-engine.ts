// The auth method approle: a role id and a secret id, for machines. Vault's API page /api-docs/auth/approle.

import type { Clock } from '../../base/clock.ts';
import { explain, LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type {
  Engine,
  EngineContext,
  EngineType,
  LoginGrant,
  Request,
  Response,
  Route,
} from '../../engine/engine.ts';
import { readFields } from '../../engine/fields.ts';
import type { TtlLimits } from '../../engine/lifetime.ts';
import { NO_TOKEN_PARAMETERS, renewalTermsOf } from '../../engine/token-parameters.ts';
import { Hasher } from './hasher.ts';
import { logInByRole } from './login.ts';
import {
  CUSTOM_SECRET_ID_FIELDS,
  describeRole,
  newSecretId,
  ROLE_FIELDS,
  roleWarnings,
  SECRET_ID_FIELDS,
  withRoleInput,
} from './role-input.ts';
import { partRoutes, standing } from './role-parts.ts';
import { type Role, Roles, roleName } from './roles.ts';
import { describeSecretId, SecretIds } from './secret-ids.ts';

const LOGIN_FIELDS = {
  role_id: { type: 'string', help: 'The role id.' },
  secret_id: { type: 'string', help: 'A secret id of the role, if the role asks for one.' },
} as const;
const SECRET_ID = { secret_id: { type: 'string', help: 'The secret id in question.' } } as const;
const ACCESSOR = { secret_id_accessor: { type: 'string', help: 'Accessor of the secret id.' } } as const;

const SECRET_ID_CHARACTERS_MAX = 4_096;
/** Expired secret ids are refused at once; this often, when new ones are made, they are taken away. */
const TIDY_PAUSE_MS = 3_600_000;
const TIDY_STARTED =
  "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.";

export const approleEngine: EngineType = {
  type: 'approle',
  kind: 'auth',
  open: async (context) => new ApproleEngine(context),
};

class ApproleEngine implements Engine {
  readonly routes: readonly Route[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #leaseTtl: () => TtlLimits;
  readonly #hasher: Hasher;
  readonly #roles: Roles;
  readonly #secretIds: SecretIds;
  #tidying: Promise<void> | undefined;
  #tidiedAt: number;
  #closed = false;

  constructor({ view, clock, random, log, leaseTtl }: EngineContext) {
    this.#leaseTtl = leaseTtl;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#tidiedAt = clock.now();
    this.#hasher = new Hasher(view, random);
    this.#roles = new Roles(view, this.#hasher);
    this.#secretIds = new SecretIds(view, this.#hasher, () => clock.now());
    this.routes = [
      ...this.#roleRoutes(),
      ...this.#secretIdRoutes(),
      ...this.#accessorRoutes(),
      ...partRoutes(this.#roles, leaseTtl),
      this.#loginRoute(),
      this.#tidyRoute(),
    ];
  }

  /** The role must still stand; what became of the secret id does not matter, as in Vault. */
  async renewLogin(renewData: JsonObject): Promise<Partial<LoginGrant>> {
    const { role: name, generation } = renewData;
    const role = typeof name === 'string' ? await this.#roles.find(name) : undefined;
    if (role === undefined || role.generation !== generation) {
      throw refusal(`role "${String(name)}" does not exist during renewal`);
    }
    return renewalTermsOf(role.token);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#tidying;
    this.#hasher[Symbol.dispose]();
  }

  #roleRoutes(): Route[] {
    return [
      {
        pattern: 'role',
        operations: { list: async () => ({ data: { keys: await this.#roles.names() } }) },
        help: 'Lists the roles.',
      },
      {
        pattern: 'role/{role_name}',
        operations: {
          read: async (request) => ({ data: describeRole(await standing(this.#roles, request)) }),
          update: (request) => this.#writeRole(request),
          delete: (request) => this.#removeRole(request),
        },
        fields: ROLE_FIELDS,
        exists: async (request) => (await this.#roles.find(nameOf(request))) !== undefined,
        help: 'Shows, writes or deletes a role. What a write leaves out stays as it was.',
      },
    ];
  }

  #secretIdRoutes(): Route[] {
    const lookup = async (request: Request) => {
      const secret = await this.#secretIds.find(await this.#role(request), secretIdOf(request.input));
      return secret === undefined ? {} : { data: describeSecretId(secret) };
    };
    const destroy = async (request: Request) => {
      await this.#secretIds.destroy(await this.#role(request), secretIdOf(request.input));
      return {};
    };
    return [
      {
        pattern: 'role/{role_name}/secret-id',
        operations: {
          update: (request) => this.#addSecretId(request, this.#random.uuid()),
          list: async (request) => ({
            data: { keys: await this.#secretIds.accessors(await this.#role(request)) },
          }),
        },
        fields: SECRET_ID_FIELDS,
        help: 'Makes a secret id, and lists the accessors of those that there are.',
      },
      {
        pattern: 'role/{role_name}/custom-secret-id',
        operations: { update: (request) => this.#addSecretId(request, secretIdOf(request.input)) },
        fields: CUSTOM_SECRET_ID_FIELDS,
        help: 'Makes a secret id with a text that was chosen.',
      },
      {
        pattern: 'role/{role_name}/secret-id/lookup',
        operations: { update: lookup },
        fields: SECRET_ID,
        help: 'Describes a secret id.',
      },
      {
        pattern: 'role/{role_name}/secret-id/destroy',
        operations: { update: destroy, delete: destroy },
        fields: SECRET_ID,
        help: 'Takes a secret id away. Tokens that it led to live on.',
      },
    ];
  }

  #accessorRoutes(): Route[] {
    const unknown = (accessor: string) =>
      new LatchkeyError('no_route', `failed to find accessor entry for secret_id_accessor: "${accessor}"`);
    const destroy = async (request: Request) => {
      const accessor = accessorOf(request.input);
      const isThere = await this.#secretIds.destroyByAccessor(await this.#role(request), accessor);
      if (!isThere) throw unknown(accessor);
      return {};
    };
    return [
      {
        pattern: 'role/{role_name}/secret-id-accessor/lookup',
        operations: {
          update: async (request) => {
            const accessor = accessorOf(request.input);
            const secret = await this.#secretIds.findByAccessor(await this.#role(request), accessor);
            if (secret === undefined) throw unknown(accessor);
            return { data: describeSecretId(secret) };
          },
        },
        fields: ACCESSOR,
        help: 'Describes a secret id by its accessor.',
      },
      {
        pattern: 'role/{role_name}/secret-id-accessor/destroy',
        operations: { update: destroy, delete: destroy },
        fields: ACCESSOR,
        help: 'Takes a secret id away by its accessor.',
      },
    ];
  }

  #loginRoute(): Route {
    return {
      pattern: 'login',
      access: 'open',
      operations: { update: (request) => this.#login(request) },
      fields: LOGIN_FIELDS,
      help: 'Gives a token for a role id and a secret id.',
    };
  }

  #tidyRoute(): Route {
    return {
      pattern: 'tidy/secret-id',
      operations: {
        update: async () => {
          if (this.#tidying !== undefined) {
            return { outcome: 'accepted', warnings: ['Tidy operation already in progress.'] };
          }
          this.#tidy();
          return { outcome: 'accepted', warnings: [TIDY_STARTED] };
        },
      },
      help: 'Takes away secret ids whose time is up, in the background.',
    };
  }

  async #writeRole(request: Request): Promise<Response> {
    const { input } = request;
    const limits = this.#leaseTtl();
    let warnings: readonly string[] = [];
    await this.#roles.change(nameOf(request), (before) => {
      const after = withRoleInput(before ?? this.#newRole(), input, before === undefined, limits);
      warnings = roleWarnings(input, after, limits);
      return after;
    });
    return warnings.length === 0 ? {} : { warnings };
  }

  #newRole(): Role {
    return {
      generation: this.#random.uuid(),
      roleId: this.#random.uuid(),
      bindSecretId: true,
      secretIdBoundCidrs: [],
      secretIdNumUses: 0,
      secretIdTtlSeconds: 0,
      localSecretIds: false,
      token: NO_TOKEN_PARAMETERS,
    };
  }

  /** The role goes first: from then on its secret ids lead nowhere, and what a kill leaves of them is tidied away. */
  async #removeRole(request: Request): Promise<Response> {
    const role = await this.#roles.remove(nameOf(request));
    if (role !== undefined) await this.#secretIds.removeAll(role.generation);
    return {};
  }

  async #addSecretId(request: Request, text: string): Promise<Response> {
    if (this.#clock.now() - this.#tidiedAt > TIDY_PAUSE_MS) this.#tidy();
    const name = nameOf(request);
    // The role must not go meanwhile: a secret id that comes after its role went would stay for ever.
    return this.#roles.whileStanding(name, async (role) => {
      if (role === undefined) throw new LatchkeyError('no_route', `role "${name}" does not exist`);
      const accessor = this.#random.uuid();
      const limits = this.#leaseTtl();
      const secret = newSecretId(role, request.input, { accessor, limits, now: this.#clock.now() });
      await this.#secretIds.add(role, text, secret);
      return {
        data: {
          secret_id: text,
          secret_id_accessor: secret.accessor,
          secret_id_num_uses: secret.numUses,
          secret_id_ttl: secret.ttlSeconds,
        },
      };
    });
  }

  async #login(request: Request): Promise<Response> {
    const { role_id = '', secret_id = '' } = readFields(LOGIN_FIELDS, request.input);
    const given = { roleId: role_id.trim(), secretId: secret_id.trim(), from: request.remoteAddress };
    if (given.roleId === '') throw refusal('missing role_id');
    const found = await this.#roles.findByRoleId(given.roleId);
    if (found === undefined) throw refusal('invalid role or secret ID');
    return { login: await logInByRole(found.name, found.role, this.#secretIds, given) };
  }

  /** @throws LatchkeyError bad_request if there is no such role. */
  async #role(request: Request): Promise<Role> {
    const name = nameOf(request);
    const role = await this.#roles.find(name);
    if (role === undefined) throw refusal(`role "${name}" does not exist`);
    return role;
  }

  #tidy(): void {
    if (this.#tidying !== undefined) return;
    this.#tidiedAt = this.#clock.now();
    this.#tidying = this.#tidyAll()
      .then(() => this.#log.info('secret ids are tidy'))
      .catch((error: unknown) => {
        this.#log.warn('secret ids could not be tidied', { error: explain(error) });
      })
      .finally(() => {
        this.#tidying = undefined;
      });
  }

  /** The secret ids are listed first: those of a role that is made meanwhile are not among them. */
  async #tidyAll(): Promise<void> {
    const generations = await this.#secretIds.generations();
    const names = await this.#roles.names();
    const alive = new Set<string>();
    for (const name of names) {
      const role = await this.#roles.find(name);
      if (role !== undefined) alive.add(role.generation);
    }
    for (const generation of generations) {
      if (this.#closed) return;
      if (alive.has(generation)) await this.#secretIds.removeExpired(generation);
      else await this.#secretIds.removeAll(generation);
    }
  }
}

function nameOf(request: Request): string {
  return roleName(request.params['role_name'] ?? '');
}

function secretIdOf(input: JsonObject): string {
  const { secret_id: text = '' } = readFields(SECRET_ID, input);
  if (text === '') throw refusal('missing secret_id');
  if (text.length > SECRET_ID_CHARACTERS_MAX || text.trim() !== text) {
    throw refusal(
      `a secret_id has ${SECRET_ID_CHARACTERS_MAX} characters at most, and no space before or behind`,
    );
  }
  return text;
}

function accessorOf(input: JsonObject): string {
  const { secret_id_accessor: accessor = '' } = readFields(ACCESSOR, input);
  if (accessor === '') throw refusal('missing secret_id_accessor');
  return accessor.slice(0, SECRET_ID_CHARACTERS_MAX);
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
