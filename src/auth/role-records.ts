// Named roles of an auth method: where they lie, how they are listed, and that an update keeps what it does not name.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, parseJson } from '../base/json.ts';
import { KeyLock } from '../base/key-lock.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';
import type { Response, View } from '../engine/engine.ts';
import type { Fields } from '../engine/fields.ts';

const FORMAT = 1;
/** Largest record, bytes. */
const RECORD_BYTES_MAX = 256 * 1024;
const NAME_CHARACTERS_MAX = 256;
const PREFIX = 'role/';

/** How a role is written down; `decode` throws `corruptRecord` for what it cannot read. */
export interface RoleForm<Role> {
  encode(role: Role): JsonObject;
  decode(members: JsonObject): Role;
}

export class RoleRecords<Role> {
  readonly #view: View;
  readonly #form: RoleForm<Role>;
  readonly #lock = new KeyLock();

  constructor(view: View, form: RoleForm<Role>) {
    this.#view = view;
    this.#form = form;
  }

  /** Undefined if there is none, or cannot be one of that name. */
  async find(name: string): Promise<Role | undefined> {
    if (!isRoleName(name)) return undefined;
    const bytes = await this.#view.get(PREFIX + name.toLowerCase());
    return bytes === undefined ? undefined : this.#form.decode(decodeRecord(bytes));
  }

  /** Changes the role under a lock; `before` is undefined for a new one. */
  async change(name: string, change: (before: Role | undefined) => Role): Promise<void> {
    const path = PREFIX + assertRoleName(name);
    await this.#lock.run(path, async () => {
      const after = change(await this.find(name));
      await this.#view.put(path, encodeRecord(this.#form.encode(after)));
    });
  }

  async remove(name: string): Promise<Response> {
    await this.#view.delete(PREFIX + assertRoleName(name));
    return {};
  }

  /** @throws LatchkeyError not_found if there are none, as with Vault. */
  async list(): Promise<Response> {
    const keys = await this.#view.list(PREFIX);
    if (keys.length === 0) throw new LatchkeyError('not_found', 'no roles');
    return { data: { keys } };
  }
}

/** Vault's rule: word characters, and dashes and dots between them. */
export function isRoleName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && /^\w(?:[\w.-]*\w)?$/.test(name);
}

function assertRoleName(name: string): string {
  if (!isRoleName(name)) throw new LatchkeyError('unsupported_path', 'not a name for a role');
  return name.toLowerCase();
}

/** @throws LatchkeyError bad_request if it is too large to be kept. */
export function encodeRecord(members: JsonObject): Uint8Array {
  const bytes = utf8(JSON.stringify({ format: FORMAT, ...members }));
  if (bytes.byteLength <= RECORD_BYTES_MAX) return bytes;
  throw new LatchkeyError('bad_request', `more than ${RECORD_BYTES_MAX} bytes of settings are refused`);
}

/** @throws LatchkeyError storage_corrupt */
export function decodeRecord(bytes: Uint8Array): JsonObject {
  let members: unknown;
  try {
    members = parseJson(fromUtf8(bytes), JSON_DEPTH_MAX + 2);
  } catch (cause) {
    throw corruptRecord('it is not JSON', cause);
  }
  if (!isObject(members)) throw corruptRecord('it is not an object');
  if (members['format'] !== FORMAT) throw corruptRecord(`its format is not ${FORMAT}`);
  return members;
}

export function corruptRecord(detail: string, cause?: unknown): LatchkeyError {
  return new LatchkeyError('storage_corrupt', 'a stored record of an auth method cannot be read', {
    detail,
    cause,
  });
}

/** Vault's warning about what it does not know: a misspelt bound must not go unnoticed. */
export function warningsAbout(input: JsonObject, ...known: readonly Fields[]): { warnings?: string[] } {
  const names = Object.keys(input).filter((name) => !known.some((fields) => Object.hasOwn(fields, name)));
  if (names.length === 0) return {};
  const shown = names.sort().slice(0, 32).join(' ');
  return { warnings: [`Endpoint ignored these unrecognized parameters: [${shown}]`] };
}
