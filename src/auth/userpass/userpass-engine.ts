// The auth method userpass: a name and a password. Vault's API page /api-docs/auth/userpass.

import { LatchkeyError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { KeyLock } from '../../base/key-lock.ts';
import { isFrom } from '../../engine/bound-cidrs.ts';
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
import {
  describeTokenParameters,
  NO_TOKEN_PARAMETERS,
  OLD_TOKEN_FIELDS,
  renewalTermsOf,
  samePolicies,
  TOKEN_FIELDS,
  tokenGrantOf,
  withTokenParameters,
} from '../../engine/token-parameters.ts';
import { Lockout } from './lockout.ts';
import { PasswordHasher } from './password.ts';
import { type User, Users, userName } from './users.ts';

const PASSWORD = { password: { type: 'string', help: 'The password.' } } as const;
const HASH = { password_hash: { type: 'string', help: 'Not in this version.' } } as const;
const { policies, ttl, max_ttl, bound_cidrs } = OLD_TOKEN_FIELDS;
const USER_FIELDS = { ...PASSWORD, ...HASH, ...TOKEN_FIELDS, policies, ttl, max_ttl, bound_cidrs };
const POLICY_FIELDS = { token_policies: TOKEN_FIELDS.token_policies, policies };

export const userpassEngine: EngineType = {
  type: 'userpass',
  kind: 'auth',
  open: async (context) => new UserpassEngine(context),
};

class UserpassEngine implements Engine {
  readonly routes: readonly Route[];
  readonly #users: Users;
  readonly #hasher: PasswordHasher;
  readonly #lockout: Lockout;
  readonly #logins = new KeyLock();

  constructor({ view, random, clock }: EngineContext) {
    this.#users = new Users(view);
    this.#hasher = new PasswordHasher(random);
    this.#lockout = new Lockout(clock);
    this.routes = [...this.#userRoutes(), this.#loginRoute()];
  }

  /** The user must stand, with the policies that the token has; how long it may live is what the user says today. */
  async renewLogin(renewData: JsonObject): Promise<Partial<LoginGrant>> {
    const { username, policies: given } = renewData;
    const user = typeof username === 'string' ? await this.#users.find(username) : undefined;
    if (user === undefined) throw refusal('the user does not exist any more, not renewing');
    if (!Array.isArray(given) || !samePolicies(given.map(String), user.token.policies)) {
      throw refusal('policies have changed, not renewing');
    }
    return renewalTermsOf(user.token);
  }

  #userRoutes(): Route[] {
    return [
      {
        pattern: 'users',
        operations: { list: async () => ({ data: { keys: await this.#users.names() } }) },
        help: 'Lists the users.',
      },
      {
        pattern: 'users/{username}',
        operations: {
          read: (request) => this.#read(nameOf(request)),
          update: (request) => this.#write(nameOf(request), request.input),
          delete: async (request) => {
            await this.#users.remove(nameOf(request));
            return {};
          },
        },
        fields: USER_FIELDS,
        exists: async (request) => (await this.#users.find(nameOf(request))) !== undefined,
        help: 'Shows, writes or deletes a user. What a write leaves out stays as it was.',
      },
      {
        pattern: 'users/{username}/password',
        operations: {
          update: (request) => this.#update(request, (user) => this.#withPassword(user, request.input)),
        },
        fields: { ...PASSWORD, ...HASH },
        help: 'Changes the password of a user.',
      },
      {
        pattern: 'users/{username}/policies',
        operations: {
          update: (request) => this.#update(request, (user) => withPolicies(user, request.input)),
        },
        fields: POLICY_FIELDS,
        help: 'Changes the policies of a user.',
      },
    ];
  }

  #loginRoute(): Route {
    return {
      pattern: 'login/{username}',
      access: 'open',
      operations: { update: (request) => this.#login(request) },
      fields: PASSWORD,
      help: 'Gives a token to who knows the password.',
    };
  }

  async #read(name: string): Promise<Response> {
    const user = await this.#users.find(name);
    if (user === undefined) throw new LatchkeyError('not_found', 'there is no such user');
    return { data: describeTokenParameters(user.token) };
  }

  async #write(name: string, input: JsonObject): Promise<Response> {
    await this.#users.change(name, async (before) => {
      const token = withTokenParameters(before?.token ?? NO_TOKEN_PARAMETERS, input, [
        'policies',
        'ttl',
        'max_ttl',
        'bound_cidrs',
      ]);
      if (before === undefined) return { token, hash: await this.#hash(input) };
      const { password = '' } = readFields(PASSWORD, input);
      assertNoHash(input);
      return { token, hash: password === '' ? before.hash : await this.#hash(input) };
    });
    return {};
  }

  async #update(request: Request, change: (before: User) => Promise<User> | User): Promise<Response> {
    await this.#users.change(nameOf(request), async (before) => {
      if (before === undefined) throw refusal('username does not exist');
      return change(before);
    });
    return {};
  }

  async #withPassword(user: User, input: JsonObject): Promise<User> {
    return { ...user, hash: await this.#hash(input) };
  }

  #hash(input: JsonObject) {
    assertNoHash(input);
    const { password = '' } = readFields(PASSWORD, input);
    if (password === '') throw refusal('missing password');
    return this.#hasher.hash(password);
  }

  /** One after the other for each name, so that a burst of guesses is counted like a row of them. */
  async #login(request: Request): Promise<Response> {
    const { password = '' } = readFields(PASSWORD, request.input);
    if (password === '') throw refusal('missing password');
    const name = userName(request.params['username'] ?? '');
    // What no user can be called is counted under one name, and costs as much as any other.
    const counted = name ?? '';
    return this.#logins.run(counted, async () => {
      if (this.#lockout.isLocked(counted)) {
        throw new LatchkeyError('forbidden', 'permission denied', { detail: 'locked after wrong passwords' });
      }
      const user = name === undefined ? undefined : await this.#users.find(name);
      if (!(await this.#hasher.check(password, user?.hash)) || user === undefined || name === undefined) {
        this.#lockout.noteFailure(counted);
        throw refusal('invalid username or password');
      }
      this.#lockout.forget(counted);
      if (!isFrom(user.token.boundCidrs, request.remoteAddress)) {
        throw new LatchkeyError('forbidden', 'permission denied', { detail: 'bound to other addresses' });
      }
      return { login: loginOf(name, user, request.remoteAddress) };
    });
  }
}

function loginOf(name: string, user: User, remoteAddress: string): LoginGrant {
  return {
    ...tokenGrantOf(user.token, remoteAddress),
    displayName: name,
    metadata: { username: name },
    renewData: { username: name, policies: [...user.token.policies] },
  };
}

/** With both names given the newer one counts; with neither, all stays. */
function withPolicies(user: User, input: JsonObject): User {
  const given: JsonObject = {};
  for (const name of ['token_policies', 'policies']) {
    const value = input[name];
    if (value !== undefined) given[name] = value;
  }
  return { ...user, token: withTokenParameters(user.token, given, ['policies']) };
}

function assertNoHash(input: JsonObject): void {
  const given = input['password_hash'];
  if (given === undefined || given === '' || given === null) return;
  throw refusal("'password_hash' is not in this version: give the password, and it is hashed here");
}

function nameOf(request: Request): string {
  const name = userName(request.params['username'] ?? '');
  if (name === undefined) {
    throw refusal('a username is made of letters, digits, and the characters _ . @ - inside');
  }
  return name;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
