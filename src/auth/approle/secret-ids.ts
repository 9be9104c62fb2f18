// The secret ids of one approle mount, under the HMAC of each: `secret/<role's generation>/<hmac>`, format 1, and beside
// it `accessor/<generation>/<hmac of the accessor>`. Both come and go in one batch.

import { rfc3339 } from '../../base/clock.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { isObject, type JsonObject } from '../../base/json.ts';
import { KeyLock } from '../../base/key-lock.ts';
import type { View } from '../../engine/engine.ts';
import { deleteAll, namesIn } from '../../engine/pages.ts';
import { corruptRecord, decodeRecord, encodeRecord, isTexts } from '../stored-record.ts';
import type { Hasher } from './hasher.ts';
import type { Role } from './roles.ts';

/** Times in milliseconds since the epoch. */
export interface SecretId {
  readonly accessor: string;
  /** Logins that are left; 0 is without limit. */
  readonly numUses: number;
  readonly ttlSeconds: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** 0 is never. */
  readonly expiresAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cidrs: readonly string[];
  /** Take the place of the role's. */
  readonly tokenCidrs: readonly string[];
}

const SECRETS = 'secret/';
const ACCESSORS = 'accessor/';
const READ_AT_ONCE = 16;

export class SecretIds {
  readonly #view: View;
  readonly #hasher: Hasher;
  readonly #lock = new KeyLock();
  readonly #now: () => number;

  constructor(view: View, hasher: Hasher, now: () => number) {
    this.#view = view;
    this.#hasher = hasher;
    this.#now = now;
  }

  /** @throws LatchkeyError bad_request if the role has this secret id already. */
  async add({ generation }: Role, text: string, secret: SecretId): Promise<void> {
    const hmac = await this.#hasher.hash('secret-id', text);
    await this.#lock.run(hmac, async () => {
      if ((await this.#read(generation, hmac)) !== undefined) {
        throw new LatchkeyError('bad_request', 'SecretID is already registered');
      }
      await this.#view.write([
        { kind: 'put', path: secretPath(generation, hmac), value: encode(secret) },
        {
          kind: 'put',
          path: await this.#accessorPath(generation, secret.accessor),
          value: encodeRecord({ secret: hmac }),
        },
      ]);
    });
  }

  /** Undefined if there is none, or its time is up. */
  async find({ generation }: Role, text: string): Promise<SecretId | undefined> {
    return this.#read(generation, await this.#hasher.hash('secret-id', text));
  }

  async findByAccessor({ generation }: Role, accessor: string): Promise<SecretId | undefined> {
    const hmac = await this.#secretOf(generation, accessor);
    return hmac === undefined ? undefined : this.#read(generation, hmac);
  }

  /**
   * Takes one use, lasting when it resolves; with the last one the secret id is gone. Of two logins that race for it one
   * alone gets it. `check` comes first, and may refuse by throwing: then nothing is taken.
   */
  async use(
    { generation }: Role,
    text: string,
    check: (secret: SecretId) => void,
  ): Promise<SecretId | undefined> {
    const hmac = await this.#hasher.hash('secret-id', text);
    return this.#lock.run(hmac, async () => {
      const secret = await this.#read(generation, hmac);
      if (secret === undefined) return undefined;
      check(secret);
      if (secret.numUses === 1) await this.#drop(generation, hmac, secret.accessor);
      else if (secret.numUses > 1) {
        const left = { ...secret, numUses: secret.numUses - 1, updatedAt: this.#now() };
        await this.#view.put(secretPath(generation, hmac), encode(left));
      }
      return secret;
    });
  }

  /** False if there was none. */
  async destroy({ generation }: Role, text: string): Promise<boolean> {
    return this.#destroy(generation, await this.#hasher.hash('secret-id', text));
  }

  async destroyByAccessor({ generation }: Role, accessor: string): Promise<boolean> {
    const hmac = await this.#secretOf(generation, accessor);
    return hmac !== undefined && this.#destroy(generation, hmac);
  }

  async accessors({ generation }: Role): Promise<string[]> {
    const found: string[] = [];
    const hmacs = await this.#view.list(`${SECRETS}${generation}/`);
    for (let at = 0; at < hmacs.length; at += READ_AT_ONCE) {
      const group = hmacs.slice(at, at + READ_AT_ONCE);
      const secrets = await Promise.all(group.map((hmac) => this.#read(generation, hmac)));
      for (const secret of secrets) if (secret !== undefined) found.push(secret.accessor);
    }
    return found.sort();
  }

  /** All that lies under a role that is gone. */
  async removeAll(generation: string): Promise<void> {
    for (const folder of [SECRETS, ACCESSORS]) await deleteAll(this.#view.sub(`${folder}${generation}/`));
  }

  /** Generations that have secret ids, without those of roles that come later. */
  async generations(): Promise<string[]> {
    const names = [...(await this.#view.list(SECRETS)), ...(await this.#view.list(ACCESSORS))];
    return [...new Set(names.map((name) => name.replace(/\/$/, '')))];
  }

  /** Takes away those whose time is up. */
  async removeExpired(generation: string): Promise<void> {
    for await (const hmac of namesIn(this.#view, `${SECRETS}${generation}/`)) {
      await this.#lock.run(hmac, async () => {
        const secret = await this.#stored(generation, hmac);
        if (secret !== undefined && this.#isOver(secret)) await this.#drop(generation, hmac, secret.accessor);
      });
    }
  }

  #destroy(generation: string, hmac: string): Promise<boolean> {
    return this.#lock.run(hmac, async () => {
      const secret = await this.#stored(generation, hmac);
      if (secret === undefined) return false;
      await this.#drop(generation, hmac, secret.accessor);
      return true;
    });
  }

  async #drop(generation: string, hmac: string, accessor: string): Promise<void> {
    await this.#view.write([
      { kind: 'delete', path: secretPath(generation, hmac) },
      { kind: 'delete', path: await this.#accessorPath(generation, accessor) },
    ]);
  }

  async #read(generation: string, hmac: string): Promise<SecretId | undefined> {
    const secret = await this.#stored(generation, hmac);
    return secret === undefined || this.#isOver(secret) ? undefined : secret;
  }

  async #stored(generation: string, hmac: string): Promise<SecretId | undefined> {
    const bytes = await this.#view.get(secretPath(generation, hmac));
    return bytes === undefined ? undefined : decode(bytes);
  }

  #isOver({ expiresAt }: SecretId): boolean {
    return expiresAt !== 0 && expiresAt <= this.#now();
  }

  async #secretOf(generation: string, accessor: string): Promise<string | undefined> {
    const bytes = await this.#view.get(await this.#accessorPath(generation, accessor));
    if (bytes === undefined) return undefined;
    const { secret: hmac } = decodeRecord(bytes);
    if (typeof hmac !== 'string') throw foreign();
    return hmac;
  }

  async #accessorPath(generation: string, accessor: string): Promise<string> {
    return `${ACCESSORS}${generation}/${await this.#hasher.hash('accessor', accessor)}`;
  }
}

/** Members as Vault's lookup gives them. */
export function describeSecretId(secret: SecretId): JsonObject {
  return {
    cidr_list: [...secret.cidrs],
    creation_time: rfc3339(secret.createdAt),
    expiration_time: secret.expiresAt === 0 ? NEVER : rfc3339(secret.expiresAt),
    last_updated_time: rfc3339(secret.updatedAt),
    metadata: { ...secret.metadata },
    secret_id_accessor: secret.accessor,
    secret_id_num_uses: secret.numUses,
    secret_id_ttl: secret.ttlSeconds,
    token_bound_cidrs: [...secret.tokenCidrs],
  };
}

/** Go's zero time, which clients take for "none". */
const NEVER = '0001-01-01T00:00:00Z';

function secretPath(generation: string, hmac: string): string {
  return `${SECRETS}${generation}/${hmac}`;
}

function encode({ metadata, cidrs, tokenCidrs, ...rest }: SecretId): Uint8Array {
  return encodeRecord({
    ...rest,
    metadata: { ...metadata },
    cidrs: [...cidrs],
    tokenCidrs: [...tokenCidrs],
  });
}

function decode(bytes: Uint8Array): SecretId {
  const value = decodeRecord(bytes);
  const { accessor, metadata, cidrs, tokenCidrs, ...rest } = value;
  const counts = ['numUses', 'ttlSeconds', 'createdAt', 'updatedAt', 'expiresAt'];
  if (!counts.every((name) => Number.isSafeInteger(rest[name]))) throw foreign();
  if (typeof accessor !== 'string' || !isTexts(cidrs) || !isTexts(tokenCidrs)) throw foreign();
  if (!isObject(metadata) || !isTexts(Object.values(metadata))) throw foreign();
  return value as unknown as SecretId;
}

function foreign(): LatchkeyError {
  return corruptRecord('a secret id');
}
