// The users of one userpass mount. One record each, format 1.

import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, parseJson } from '../../base/json.ts';
import { KeyLock } from '../../base/key-lock.ts';
import type { View } from '../../engine/engine.ts';
import {
  decodeTokenParameters,
  encodeTokenParameters,
  type TokenParameters,
} from '../../engine/token-parameters.ts';
import { decodeHash, encodeHash, type PasswordHash } from './password.ts';

export interface User {
  readonly hash: PasswordHash;
  readonly token: TokenParameters;
}

const FOLDER = 'user/';
const NAME_CHARACTERS_MAX = 256;

/** Names are letters, digits, `_ . - @`, begin and end with a letter or digit, and are the same in capitals. */
export function userName(given: string): string | undefined {
  const name = given.toLowerCase();
  const isFine = /^\w([\w.@-]*\w)?$/.test(name) && name.length <= NAME_CHARACTERS_MAX;
  return isFine ? name : undefined;
}

export class Users {
  readonly #view: View;
  readonly #lock = new KeyLock();

  constructor(view: View) {
    this.#view = view;
  }

  /** @throws LatchkeyError storage_corrupt */
  async find(name: string): Promise<User | undefined> {
    const bytes = await this.#view.get(`${FOLDER}${name}`);
    if (bytes === undefined) return undefined;
    const value = parseJson(fromUtf8(bytes));
    if (!isObject(value) || value['format'] !== 1) {
      throw new LatchkeyError(
        'storage_corrupt',
        'a stored user has a format that this version does not know',
      );
    }
    return { hash: decodeHash(value['hash']), token: decodeTokenParameters(value['token']) };
  }

  names(): Promise<string[]> {
    return this.#view.list(FOLDER);
  }

  /** Nobody else changes the user while `change` makes the new one from the old. */
  change(name: string, change: (before: User | undefined) => Promise<User>): Promise<void> {
    return this.#lock.run(name, async () => {
      const { hash, token } = await change(await this.find(name));
      const record = { format: 1, hash: encodeHash(hash), token: encodeTokenParameters(token) };
      await this.#view.put(`${FOLDER}${name}`, utf8(JSON.stringify(record)));
    });
  }

  remove(name: string): Promise<void> {
    return this.#lock.run(name, () => this.#view.delete(`${FOLDER}${name}`));
  }
}
