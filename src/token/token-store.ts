// Keeps tokens. Their ids never reach the storage: paths hold HMACs under a salt that lies inside the barrier.

import { createHmac } from 'node:crypto';
import { fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import { base62, type Random } from '../base/random.ts';
import type { View, ViewChange } from '../engine/engine.ts';
import { namesIn, PAGE } from '../engine/pages.ts';
import { encodeEntry, type KnownToken, parseEntry, type TokenEntry, UNLIMITED } from './token-entry.ts';

export interface IssuedToken extends KnownToken {
  readonly token: string;
}

const SALT_PATH = 'salt';
const SALT_BYTES = 32;
const ID = 'id/';
const ACCESSOR = 'accessor/';
/** `parent/<id>/<id of the child>`: so that a token finds those that end with it. */
const PARENT = 'parent/';
/** Ids of tokens whose revocation has begun. */
const ENDING = 'ending/';
/** `hvs.` and 24 characters: the length that Vault's clients expect of an OTP, 28. */
const TOKEN_RANDOM_CHARACTERS = 24;
/** A batch token carries its entry; a service token that a root token chose may be as long. */
export const TOKEN_CHARACTERS_MAX = 8_000;

/** `alone`: its children live on as orphans. */
export type EndingKind = 'tree' | 'alone';

/** Holds the salt, which is wiped with it: whoever opened the store disposes of it. */
export class TokenStore implements Disposable {
  readonly #view: View;
  readonly #salt: SecretBytes;

  private constructor(view: View, salt: SecretBytes) {
    this.#view = view;
    this.#salt = salt;
  }

  /** Writes a fresh salt; for initialisation, once. */
  static async create(view: View, random: Random): Promise<TokenStore> {
    const salt = SecretBytes.fill(SALT_BYTES, (target) => random.fill(target));
    await view.put(SALT_PATH, salt.expose());
    return new TokenStore(view, salt);
  }

  /** @throws LatchkeyError storage_corrupt if the salt is missing or of the wrong size. */
  static async open(view: View): Promise<TokenStore> {
    const salt = await view.get(SALT_PATH);
    if (salt?.byteLength !== SALT_BYTES) {
      throw new LatchkeyError('storage_corrupt', 'the token store has no valid salt');
    }
    return new TokenStore(view, SecretBytes.take(salt));
  }

  [Symbol.dispose](): void {
    this.#salt.wipe();
  }

  /** A token of policy `root`, without parent and without end. `chosen` is for `server -dev` alone. */
  async issueRoot(random: Random, now: number, chosen?: string): Promise<IssuedToken> {
    const issued = this.#makeRoot(random, now, chosen);
    await this.#view.write(this.#additions(issued));
    return issued;
  }

  /**
   * Revokes every token and issues a root token in one batch; for starting an initialisation over, when no token was
   * ever used and so there is but one.
   */
  async replaceAllByRoot(random: Random, now: number): Promise<IssuedToken> {
    const issued = this.#makeRoot(random, now);
    const old: ViewChange[] = [];
    for (const folder of [ID, ACCESSOR]) {
      for (const name of await this.#view.list(folder))
        old.push({ kind: 'delete', path: `${folder}${name}` });
    }
    await this.#view.write([...old, ...this.#additions(issued)]);
    return issued;
  }

  /** Entry, accessor and the parent's index in one batch. @throws LatchkeyError bad_request if the id is taken. */
  async add(token: string, entry: TokenEntry): Promise<IssuedToken> {
    const issued = { token, id: this.idOf(token), entry };
    if ((await this.#view.get(`${ID}${issued.id}`)) !== undefined) {
      throw new LatchkeyError('bad_request', 'cannot create a token with a duplicate ID');
    }
    await this.#view.write(this.#additions(issued));
    return issued;
  }

  /** What storage paths and lease ids hold instead of the token. */
  idOf(token: string): string {
    return createHmac('sha256', this.#salt.expose()).update(token).digest('hex');
  }

  /** What is stored for this text, whatever its state; undefined if nothing is. */
  async lookup(token: string): Promise<KnownToken | undefined> {
    if (token === '' || token.length > TOKEN_CHARACTERS_MAX) return undefined;
    return this.lookupId(this.idOf(token));
  }

  async lookupId(id: string): Promise<KnownToken | undefined> {
    const bytes = await this.#view.get(`${ID}${id}`);
    if (bytes === undefined) return undefined;
    return { id, entry: parseEntry(bytes, () => this.idOf(`cubbyhole of ${id}`)) };
  }

  async lookupAccessor(accessor: string): Promise<KnownToken | undefined> {
    if (accessor === '' || accessor.length > TOKEN_CHARACTERS_MAX) return undefined;
    const id = await this.#accessorTarget(this.idOf(accessor));
    return id === undefined ? undefined : this.lookupId(id);
  }

  async put({ id, entry }: KnownToken): Promise<void> {
    await this.#view.put(`${ID}${id}`, encodeEntry(entry));
  }

  /** The entry and, in the same batch, the note that its revocation has begun. */
  async putEnding({ id, entry }: KnownToken, kind: EndingKind): Promise<void> {
    await this.#view.write([
      { kind: 'put', path: `${ID}${id}`, value: encodeEntry(entry) },
      { kind: 'put', path: `${ENDING}${id}`, value: utf8(JSON.stringify({ format: 1, kind })) },
    ]);
  }

  /** Revocations that have begun and not ended. */
  async endings(): Promise<ReadonlyMap<string, EndingKind>> {
    const found = new Map<string, EndingKind>();
    for await (const id of namesIn(this.#view, ENDING)) {
      const record = await readObject(this.#view, `${ENDING}${id}`);
      if (record !== undefined) found.set(id, record['kind'] === 'alone' ? 'alone' : 'tree');
    }
    return found;
  }

  async firstChildren(id: string): Promise<readonly string[]> {
    return this.#view.list(`${PARENT}${id}/`, { limit: PAGE });
  }

  /** Entry and index in one batch. */
  async makeOrphan(child: KnownToken): Promise<void> {
    await this.#view.write([
      { kind: 'put', path: `${ID}${child.id}`, value: encodeEntry({ ...child.entry, parent: '' }) },
      { kind: 'delete', path: `${PARENT}${child.entry.parent}/${child.id}` },
    ]);
  }

  async dropChildIndex(parent: string, child: string): Promise<void> {
    await this.#view.delete(`${PARENT}${parent}/${child}`);
  }

  async remove({ id, entry }: KnownToken): Promise<void> {
    const { accessor, parent } = entry;
    await this.#view.write([
      { kind: 'delete', path: `${ID}${id}` },
      { kind: 'delete', path: `${ACCESSOR}${this.idOf(accessor)}` },
      ...(parent === '' ? [] : [{ kind: 'delete', path: `${PARENT}${parent}/${id}` } as const]),
      { kind: 'delete', path: `${ENDING}${id}` },
    ]);
  }

  /** For a revocation whose token is gone already. */
  async dropEnding(id: string): Promise<void> {
    await this.#view.delete(`${ENDING}${id}`);
  }

  ids(): AsyncGenerator<string> {
    return namesIn(this.#view, ID);
  }

  /** Of every token, page by page. */
  async *accessors(): AsyncGenerator<string> {
    for await (const name of namesIn(this.#view, ACCESSOR)) {
      const id = await this.#accessorTarget(name);
      const known = id === undefined ? undefined : await this.lookupId(id);
      if (known !== undefined) yield known.entry.accessor;
    }
  }

  /** Removes accessors and children's indexes whose token is gone; how many. */
  async dropDangling(): Promise<number> {
    let dropped = 0;
    for await (const name of namesIn(this.#view, ACCESSOR)) {
      const id = await this.#accessorTarget(name);
      if (id !== undefined && (await this.#has(id))) continue;
      await this.#view.delete(`${ACCESSOR}${name}`);
      dropped += 1;
    }
    for await (const folder of namesIn(this.#view, PARENT)) {
      for await (const child of namesIn(this.#view, `${PARENT}${folder}`)) {
        if (await this.#has(child)) continue;
        await this.#view.delete(`${PARENT}${folder}${child}`);
        dropped += 1;
      }
    }
    return dropped;
  }

  async #has(id: string): Promise<boolean> {
    return (await this.#view.get(`${ID}${id}`)) !== undefined;
  }

  async #accessorTarget(name: string): Promise<string | undefined> {
    const id = (await readObject(this.#view, `${ACCESSOR}${name}`))?.['id'];
    return typeof id === 'string' ? id : undefined;
  }

  #makeRoot(random: Random, now: number, chosen?: string): IssuedToken {
    const token = chosen ?? newTokenText(random);
    const entry: TokenEntry = {
      format: 2,
      type: 'service',
      accessor: newAccessor(random),
      policies: ['root'],
      displayName: 'root',
      path: 'auth/token/root',
      createdAt: now,
      metadata: {},
      cubbyhole: random.uuid(),
      ...UNLIMITED,
    };
    return { token, id: this.idOf(token), entry };
  }

  #additions({ id, entry }: KnownToken): ViewChange[] {
    const index = utf8(JSON.stringify({ format: 1, id }));
    const changes: ViewChange[] = [
      { kind: 'put', path: `${ID}${id}`, value: encodeEntry(entry) },
      { kind: 'put', path: `${ACCESSOR}${this.idOf(entry.accessor)}`, value: index },
    ];
    if (entry.parent !== '') {
      changes.push({ kind: 'put', path: `${PARENT}${entry.parent}/${id}`, value: utf8('{"format":1}') });
    }
    return changes;
  }
}

export function newTokenText(random: Random): string {
  return `hvs.${base62(random, TOKEN_RANDOM_CHARACTERS)}`;
}

export function newAccessor(random: Random): string {
  return base62(random, TOKEN_RANDOM_CHARACTERS);
}

async function readObject(view: View, path: string) {
  const bytes = await view.get(path);
  const value = bytes === undefined ? undefined : parseJson(fromUtf8(bytes));
  return isObject(value) ? value : undefined;
}
