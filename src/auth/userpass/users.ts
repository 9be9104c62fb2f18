// The users of one userpass mount. One record each, format 1.

import { KeyLock } from '../../base/key-lock.ts';
import type { View } from '../../engine/engine.ts';
import {
  decodeTokenParameters,
  encodeTokenParameters,
  type TokenParameters,
} from '../../engine/token-parameters.ts';
import { decodeRecord, encodeRecord } from '../stored-record.ts';
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
    const { hash, token } = decodeRecord(bytes);
    return { hash: decodeHash(hash), token: decodeTokenParameters(token) };
  }

  names(): Promise<string[]> {
    return this.#view.list(FOLDER);
  }

  /** Nobody else changes the user while `change` makes the new one from the old. */
  change(name: string, change: (before: User | undefined) => Promise<User>): Promise<void> {
    return this.#lock.run(name, async () => {
      const { hash, token } = await change(await this.find(name));
      const record = { hash: encodeHash(hash), token: encodeTokenParameters(token) };
      await this.#view.put(`${FOLDER}${name}`, encodeRecord(record));
    });
  }

  remove(name: string): Promise<void> {
    return this.#lock.run(name, () => this.#view.delete(`${FOLDER}${name}`));
  }
}
