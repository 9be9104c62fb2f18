// Named roles of an auth method: where they lie, the routes to them, and that an update keeps what it does not name.

import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import type { LoginGrant, Request, Response, Route, View } from '../engine/engine.ts';
import type { Fields } from '../engine/fields.ts';
import { renewalTermsOf, type TokenParameters } from '../engine/token-parameters.ts';
import { decodeRecord, encodeRecord } from './stored-record.ts';

const NAME_CHARACTERS_MAX = 256;
const PREFIX = 'role/';

/** What the roles of one method are, and how they are written down. */
export interface RoleForm<Role> {
  readonly fields: Fields;
  readonly help: string;
  /** `before`, undefined for a new role, with what `input` gives. @throws LatchkeyError bad_request */
  change(before: Role | undefined, input: JsonObject): Role;
  /** Members as Vault shows them. */
  describe(role: Role): JsonObject;
  encode(role: Role): JsonObject;
  /** @throws LatchkeyError storage_corrupt for what it cannot read. */
  decode(members: JsonObject): Role;
}

export class RoleRecords<Role extends { readonly token: TokenParameters }> {
  readonly routes: readonly Route[];
  readonly #view: View;
  readonly #form: RoleForm<Role>;
  readonly #lock = new KeyLock();

  constructor(view: View, form: RoleForm<Role>) {
    this.#view = view;
    this.#form = form;
    this.routes = [
      { pattern: 'role', operations: { list: () => this.#list() }, help: 'Lists the roles.' },
      {
        pattern: 'role/{name}',
        operations: {
          read: (request) => this.#read(request),
          create: (request) => this.#write(request),
          update: (request) => this.#write(request),
          delete: (request) => this.#remove(request),
        },
        exists: async (request) => (await this.find(nameOf(request))) !== undefined,
        fields: form.fields,
        help: form.help,
      },
    ];
  }

  /** Undefined if there is none, or cannot be one of that name. */
  async find(name: string): Promise<Role | undefined> {
    if (!isRoleName(name)) return undefined;
    const bytes = await this.#view.get(PREFIX + name.toLowerCase());
    return bytes === undefined ? undefined : this.#form.decode(decodeRecord(bytes));
  }

  /** For logins whose `renewData` has the name of their role. */
  async renewLogin(renewData: JsonObject): Promise<Partial<LoginGrant>> {
    const name = String(renewData['role']);
    const role = await this.find(name);
    if (role === undefined) {
      throw new LatchkeyError('bad_request', `role ${name} does not exist during renewal`);
    }
    return renewalTermsOf(role.token);
  }

  /** @throws LatchkeyError not_found if there are none, as with Vault. */
  async #list(): Promise<Response> {
    const keys = await this.#view.list(PREFIX);
    if (keys.length === 0) throw new LatchkeyError('not_found', 'no roles');
    return { data: { keys } };
  }

  async #read(request: Request): Promise<Response> {
    const role = await this.find(nameOf(request));
    if (role === undefined) throw new LatchkeyError('not_found', 'no such role');
    return { data: this.#form.describe(role) };
  }

  async #write(request: Request): Promise<Response> {
    const path = pathOf(request);
    await this.#lock.run(path, async () => {
      const after = this.#form.change(await this.find(nameOf(request)), request.input);
      await this.#view.put(path, encodeRecord(this.#form.encode(after)));
    });
    return warningsAbout(request.input, this.#form.fields);
  }

  /** Under the lock too: an update that read the role before must not bring it back. */
  async #remove(request: Request): Promise<Response> {
    const path = pathOf(request);
    await this.#lock.run(path, () => this.#view.delete(path));
    return {};
  }
}

/** Vault's rule: word characters, and dashes and dots between them. */
export function isRoleName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && /^\w(?:[\w.-]*\w)?$/.test(name);
}

function nameOf(request: Request): string {
  return request.params['name'] ?? '';
}

function pathOf(request: Request): string {
  const name = nameOf(request);
  if (!isRoleName(name)) throw new LatchkeyError('unsupported_path', 'not a name for a role');
  return PREFIX + name.toLowerCase();
}

/** Vault's warning about what it does not know: a misspelt bound must not go unnoticed. */
export function warningsAbout(input: JsonObject, known: Fields): { warnings?: string[] } {
  const names = Object.keys(input).filter((name) => !Object.hasOwn(known, name));
  if (names.length === 0) return {};
  const shown = names.sort().slice(0, 32).join(' ');
  return { warnings: [`Endpoint ignored these unrecognized parameters: [${shown}]`] };
}
