// Keeps tokens. Their ids never reach the storage: paths hold HMACs under a salt that lies inside the barrier.

import { createHmac } from 'node:crypto';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject } from '../base/json.ts';
import { base62, type Random } from '../base/random.ts';
import type { View, ViewChange } from '../engine/engine.ts';

/** A service token as stored, format 1. Times in milliseconds since the epoch, lengths of time in seconds. */
export interface TokenEntry {
  readonly format: 1;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly displayName: string;
  /** The path that made it, e.g. `auth/token/root`. */
  readonly path: string;
  readonly createdAt: number;
  /** 0 is for ever. */
  readonly ttlSeconds: number;
  readonly orphan: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface IssuedToken {
  readonly token: string;
  readonly entry: TokenEntry;
}

const SALT_PATH = 'salt';
const SALT_BYTES = 32;
/** `hvs.` and 24 characters: the length that Vault's clients expect of an OTP, 28. */
const TOKEN_RANDOM_CHARACTERS = 24;
const TOKEN_CHARACTERS_MAX = 512;

export class TokenStore {
  readonly #view: View;
  readonly #salt: Uint8Array;

  private constructor(view: View, salt: Uint8Array) {
    this.#view = view;
    this.#salt = salt;
  }

  /** Writes a fresh salt; for initialisation, once. */
  static async create(view: View, random: Random): Promise<TokenStore> {
    const salt = new Uint8Array(SALT_BYTES);
    random.fill(salt);
    await view.put(SALT_PATH, salt.slice());
    return new TokenStore(view, salt);
  }

  /** @throws LatchkeyError storage_corrupt if the salt is missing or of the wrong size. */
  static async open(view: View): Promise<TokenStore> {
    const salt = await view.get(SALT_PATH);
    if (salt?.byteLength !== SALT_BYTES) {
      throw new LatchkeyError('storage_corrupt', 'the token store has no valid salt');
    }
    return new TokenStore(view, salt);
  }

  /** A token of policy `root`, without parent and without end. `chosen` is for `server -dev` alone. */
  async issueRoot(random: Random, now: number, chosen?: string): Promise<IssuedToken> {
    const { issued, changes } = this.#makeRoot(random, now, chosen);
    await this.#view.write(changes);
    return issued;
  }

  /**
   * Revokes every token and issues a root token in one batch; for starting an initialisation over, when no token was
   * ever used and so there is but one.
   */
  async replaceAllByRoot(random: Random, now: number): Promise<IssuedToken> {
    const { issued, changes } = this.#makeRoot(random, now);
    const old: ViewChange[] = [];
    for (const folder of ['id/', 'accessor/']) {
      for (const name of await this.#view.list(folder))
        old.push({ kind: 'delete', path: `${folder}${name}` });
    }
    await this.#view.write([...old, ...changes]);
    return issued;
  }

  #makeRoot(
    random: Random,
    now: number,
    chosen?: string,
  ): { readonly issued: IssuedToken; readonly changes: ViewChange[] } {
    const token = chosen ?? `hvs.${base62(random, TOKEN_RANDOM_CHARACTERS)}`;
    const entry: TokenEntry = {
      format: 1,
      accessor: base62(random, TOKEN_RANDOM_CHARACTERS),
      policies: ['root'],
      displayName: 'root',
      path: 'auth/token/root',
      createdAt: now,
      ttlSeconds: 0,
      orphan: true,
      metadata: {},
    };
    const id = this.#digest(token);
    const changes: ViewChange[] = [
      { kind: 'put', path: `id/${id}`, value: utf8(JSON.stringify(entry)) },
      {
        kind: 'put',
        path: `accessor/${this.#digest(entry.accessor)}`,
        value: utf8(JSON.stringify({ format: 1, id })),
      },
    ];
    return { issued: { token, entry }, changes };
  }

  /** The token's entry; undefined if it is unknown or malformed. */
  async lookup(token: string): Promise<TokenEntry | undefined> {
    if (token === '' || token.length > TOKEN_CHARACTERS_MAX) return undefined;
    const bytes = await this.#view.get(`id/${this.#digest(token)}`);
    return bytes === undefined ? undefined : parseEntry(bytes);
  }

  /** The entry of the token with this accessor; undefined if there is none. */
  async lookupAccessor(accessor: string): Promise<TokenEntry | undefined> {
    if (accessor === '' || accessor.length > TOKEN_CHARACTERS_MAX) return undefined;
    const bytes = await this.#view.get(`accessor/${this.#digest(accessor)}`);
    const record: unknown = bytes === undefined ? undefined : JSON.parse(fromUtf8(bytes));
    if (!isObject(record) || typeof record['id'] !== 'string') return undefined;
    const entry = await this.#view.get(`id/${record['id']}`);
    return entry === undefined ? undefined : parseEntry(entry);
  }

  /** Both records go in one batch; revoking an unknown token is no error. */
  async revoke(token: string): Promise<void> {
    const entry = await this.lookup(token);
    if (entry === undefined) return;
    await this.#view.write([
      { kind: 'delete', path: `id/${this.#digest(token)}` },
      { kind: 'delete', path: `accessor/${this.#digest(entry.accessor)}` },
    ]);
  }

  #digest(value: string): string {
    return createHmac('sha256', this.#salt).update(value).digest('hex');
  }
}

/** What a login found out. A token made by another token has metadata that its maker chose, and they prove nothing. */
export function loginMetadataOf(entry: TokenEntry): TokenEntry['metadata'] {
  return entry.path.startsWith('auth/token/') ? {} : entry.metadata;
}

function parseEntry(bytes: Uint8Array): TokenEntry {
  const value: unknown = JSON.parse(fromUtf8(bytes));
  if (!isObject(value) || value['format'] !== 1 || !Array.isArray(value['policies'])) {
    throw new LatchkeyError('storage_corrupt', 'a token entry has a format that this version does not know');
  }
  return value as unknown as TokenEntry;
}
