// The engine behind auth/token. Vault's API page /api-docs/auth/token.

import type { Clock } from '../base/clock.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Caller, EngineType, Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { TtlLimits } from '../engine/lifetime.ts';
import { CREATE_FIELDS, planToken } from './create-token.ts';
import { authAnswerOf } from './login-token.ts';
import { describeEntry, type KnownToken } from './token-entry.ts';
import type { TokenRole, TokenRoles } from './token-roles.ts';
import type { TokenRoom, TokenUse } from './token-room.ts';

export interface TokenEngineParts {
  readonly room: TokenRoom;
  readonly roles: TokenRoles;
  readonly clock: Clock;
  readonly log: Logger;
  /** The token that came with a request; the engine contract itself carries only who asks. */
  useOf(request: Request): TokenUse | undefined;
  /** May the caller do this only because of `sudo`? */
  hasSudo(caller: Caller, path: string): Promise<boolean>;
  limits(path: string): TtlLimits;
  policyExists(name: string): Promise<boolean>;
}

const TOKEN = { type: 'string', help: 'The token in question.' } as const;
const ACCESSOR = { type: 'string', help: 'Accessor of the token in question.' } as const;
const INCREMENT = { type: 'duration', help: 'How long it should live from now on.' } as const;

const LOOKUP_FIELDS = { token: TOKEN } as const;
const LOOKUP_ACCESSOR_FIELDS = { accessor: ACCESSOR } as const;
const RENEW_FIELDS = { token: TOKEN, increment: INCREMENT } as const;
const RENEW_SELF_FIELDS = { increment: INCREMENT } as const;
const RENEW_ACCESSOR_FIELDS = { accessor: ACCESSOR, increment: INCREMENT } as const;

const MOUNT = 'auth/token/';
const TIDY_STARTED =
  "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.";

export function tokenEngine(parts: TokenEngineParts): EngineType {
  const engine = new TokenEngine(parts);
  return { type: 'token', kind: 'auth', open: async () => ({ routes: engine.routes() }) };
}

class TokenEngine {
  readonly #parts: TokenEngineParts;
  #tidying = false;

  constructor(parts: TokenEngineParts) {
    this.#parts = parts;
  }

  routes(): readonly Route[] {
    return [
      ...this.#makingRoutes(),
      ...this.#lookingRoutes(),
      ...this.#renewingRoutes(),
      ...this.#revokingRoutes(),
      ...this.#parts.roles.routes(),
      {
        pattern: 'tidy',
        operations: { update: async () => this.#tidy() },
        help: 'Takes away what crashes and errors left behind, in the background.',
      },
    ];
  }

  #makingRoutes(): Route[] {
    const create = (request: Request) => this.#create(request, false);
    return [
      {
        pattern: 'create',
        operations: { update: create },
        fields: CREATE_FIELDS,
        help: 'Makes a token, which ends with the one that made it.',
      },
      {
        // No sudo, as in Vault: whoever may write here may make orphans.
        pattern: 'create-orphan',
        operations: { update: (request) => this.#create(request, true) },
        fields: CREATE_FIELDS,
        help: 'Makes a token that outlives its maker.',
      },
      {
        pattern: 'create/{role_name}',
        operations: { update: create },
        fields: CREATE_FIELDS,
        help: 'Makes a token by the rules of a role.',
      },
    ];
  }

  #lookingRoutes(): Route[] {
    const self = async (request: Request) => {
      const { token, entry } = this.#own(request);
      return { data: describeEntry(token, entry, this.#parts.clock.now()) };
    };
    const lookup = (request: Request) => this.#lookup(request);
    return [
      {
        pattern: 'lookup-self',
        operations: { read: self, update: self },
        help: 'Describes the token that asks.',
      },
      {
        pattern: 'lookup',
        operations: { read: lookup, update: lookup },
        fields: LOOKUP_FIELDS,
        help: 'Describes the token in the body, or the one that asks.',
      },
      {
        pattern: 'lookup-accessor',
        operations: {
          update: async (request) => {
            const { entry } = await this.#byAccessor(request);
            return { data: describeEntry('', entry, this.#parts.clock.now()) };
          },
        },
        fields: LOOKUP_ACCESSOR_FIELDS,
        help: 'Describes a token by its accessor, without the token itself.',
      },
      {
        pattern: 'accessors',
        access: 'sudo',
        operations: { list: () => this.#accessors() },
        help: 'Lists the accessors of all tokens.',
      },
    ];
  }

  #renewingRoutes(): Route[] {
    return [
      {
        pattern: 'renew',
        operations: { update: (request) => this.#renew(request) },
        fields: RENEW_FIELDS,
        help: 'Lets the token in the body live longer.',
      },
      {
        pattern: 'renew-self',
        operations: {
          update: (request) => {
            const use = this.#own(request);
            return this.#renewed(use, use.token, readFields(RENEW_SELF_FIELDS, request.input).increment);
          },
        },
        fields: RENEW_SELF_FIELDS,
        help: 'Lets the token that asks live longer.',
      },
      {
        pattern: 'renew-accessor',
        operations: {
          update: async (request) => {
            const { increment } = readFields(RENEW_ACCESSOR_FIELDS, request.input);
            return this.#renewed(await this.#byAccessor(request), '', increment);
          },
        },
        fields: RENEW_ACCESSOR_FIELDS,
        help: 'Lets a token live longer, by its accessor.',
      },
    ];
  }

  #revokingRoutes(): Route[] {
    return [
      {
        pattern: 'revoke',
        operations: { update: (request) => this.#revoke(request) },
        fields: LOOKUP_FIELDS,
        help: 'Revokes the token in the body, and all that it made.',
      },
      {
        pattern: 'revoke-self',
        operations: {
          update: async (request) => {
            const use = this.#own(request);
            if (use.entry.type === 'batch') throw refusal('batch tokens cannot be revoked');
            await this.#parts.room.revokeId(use.id);
            return {};
          },
        },
        help: 'Revokes the token that asks, and all that it made.',
      },
      {
        pattern: 'revoke-accessor',
        operations: {
          update: (request) => this.#revokeAccessor(request),
        },
        fields: LOOKUP_ACCESSOR_FIELDS,
        help: 'Revokes a token by its accessor, and all that it made.',
      },
      {
        pattern: 'revoke-orphan',
        access: 'sudo',
        operations: { update: (request) => this.#revokeOrphan(request) },
        fields: LOOKUP_FIELDS,
        help: 'Revokes the token in the body; those that it made live on.',
      },
    ];
  }

  async #create(request: Request, orphan: boolean): Promise<Response> {
    const { room, clock, limits, hasSudo, policyExists } = this.#parts;
    const { caller } = request;
    if (caller === undefined) throw new LatchkeyError('forbidden', 'permission denied');
    const path = `${MOUNT}${request.path}`;
    const now = clock.now();
    const { order, warnings } = planToken({
      input: request.input,
      path,
      parent: this.#own(request),
      isSudo: caller.isRoot || (await hasSudo(caller, path)),
      role: await this.#role(request.params['role_name']),
      orphan,
      limits: limits(MOUNT),
      now,
    });
    const { token, entry } = await room.issue(order);
    const missing: string[] = [];
    for (const name of entry.policies) {
      if (!(await policyExists(name))) missing.push(`Policy "${name}" does not exist`);
    }
    return { auth: authAnswerOf(token, entry, entry.createdAt), warnings: [...warnings, ...missing] };
  }

  async #role(name: string | undefined): Promise<TokenRole | undefined> {
    if (name === undefined) return undefined;
    const role = await this.#parts.roles.find(name);
    if (role === undefined) throw refusal(`unknown role ${name}`);
    return role;
  }

  async #lookup(request: Request): Promise<Response> {
    const { room, clock } = this.#parts;
    const token = readFields(LOOKUP_FIELDS, request.input).token ?? '';
    const own = this.#own(request);
    const known = token === '' || token === own.token ? own : await room.find(token);
    if (known === undefined) throw new LatchkeyError('forbidden', 'bad token');
    return { data: describeEntry(token === '' ? own.token : token, known.entry, clock.now()) };
  }

  async #accessors(): Promise<Response> {
    const keys: string[] = [];
    for await (const accessor of this.#parts.room.store.accessors()) keys.push(accessor);
    return { data: { keys: keys.sort() } };
  }

  async #renew(request: Request): Promise<Response> {
    const { token = '', increment } = readFields(RENEW_FIELDS, request.input);
    if (token === '') throw refusal('missing token ID');
    const known = await this.#parts.room.find(token);
    if (known === undefined) throw refusal('token not found');
    return this.#renewed(known, token, increment);
  }

  async #renewed(known: KnownToken, token: string, increment: number | undefined): Promise<Response> {
    const { entry, warnings } = await this.#parts.room.renew(known, increment ?? 0);
    return { auth: authAnswerOf(token, entry, this.#parts.clock.now()), warnings };
  }

  async #revoke(request: Request): Promise<Response> {
    const { token = '' } = readFields(LOOKUP_FIELDS, request.input);
    if (token === '') throw refusal('missing token ID');
    if (token.startsWith('hvb.')) throw refusal('batch tokens cannot be revoked');
    await this.#parts.room.revoke(token);
    return {};
  }

  async #revokeAccessor(request: Request): Promise<Response> {
    const { room } = this.#parts;
    const known = await room.findAccessor(accessorOf(request));
    if (known === undefined) return { warnings: ['No token found with this accessor'] };
    await room.revokeId(known.id);
    return {};
  }

  async #revokeOrphan(request: Request): Promise<Response> {
    const { room } = this.#parts;
    const { token = '' } = readFields(LOOKUP_FIELDS, request.input);
    if (token === '') throw refusal('missing token ID');
    const known = await room.find(token);
    if (known === undefined) throw refusal('token to revoke not found');
    if (known.entry.type === 'batch') throw refusal('batch tokens cannot be revoked');
    await room.revokeAlone(known.id);
    return {};
  }

  #tidy(): Response {
    if (this.#tidying) return { outcome: 'accepted', warnings: ['Tidy operation already in progress.'] };
    const { room, log } = this.#parts;
    this.#tidying = true;
    room
      .tidy()
      .then(() => log.info('tokens are tidy'))
      .catch((error: unknown) => log.warn('tokens could not be tidied', { error: explain(error) }))
      .finally(() => {
        this.#tidying = false;
      });
    return { outcome: 'accepted', warnings: [TIDY_STARTED] };
  }

  async #byAccessor(request: Request): Promise<KnownToken> {
    const known = await this.#parts.room.findAccessor(accessorOf(request));
    if (known === undefined) throw refusal('invalid accessor');
    return known;
  }

  #own(request: Request): TokenUse {
    const use = this.#parts.useOf(request);
    if (use === undefined) throw new LatchkeyError('forbidden', 'permission denied');
    return use;
  }
}

function accessorOf(request: Request): string {
  const { accessor = '' } = readFields(LOOKUP_ACCESSOR_FIELDS, request.input);
  if (accessor === '') throw refusal('missing accessor');
  return accessor;
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
