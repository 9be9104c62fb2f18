// The keys of one vault. No answer shows a private key: only sealed backups and the kept state hold them as text.

import type { KeyObject } from 'node:crypto';
import { type Clock, epochSeconds } from '../clock.ts';
import { generateRsaKey, type RsaKeySize, type RsaPair } from './key-crypto.ts';
import {
  type Found,
  newest,
  type ObjectChange,
  ObjectStore,
  type ObjectVersion,
  type VaultObject,
} from './objects.ts';
import { expiryOf, rotationDue } from './rotation.ts';

/** An HSM key is a software key with another name here. */
export type KeyType = 'RSA' | 'RSA-HSM';

/** Azure's words for what a key may be used for, in the order of a new RSA key's `key_ops`. */
export const DEFAULT_KEY_OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'] as const;

export interface KeyVersion extends ObjectVersion {
  type: KeyType;
  /** Bits. */
  size: RsaKeySize;
  operations: string[];
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export type Key = VaultObject<KeyVersion>;

export interface KeyChange extends ObjectChange {
  operations?: string[];
}

export interface NewKey extends KeyChange {
  type: KeyType;
  size: RsaKeySize;
}

export class KeyStore extends ObjectStore<KeyVersion> {
  readonly #clock: Clock;
  readonly #rotating = new Set<string>();

  constructor(clock: Clock) {
    super('Key', clock);
    this.#clock = clock;
  }

  /** Makes a key, or a new version of it. Generating takes a while; the name is looked at before and after. */
  async create(name: string, { type, size, operations, ...change }: NewKey): Promise<Found<KeyVersion>> {
    this.checkName(name);
    const pair = await generateRsaKey(size);
    return this.add(name, change, { ...pair, type, size, operations: operations ?? [...DEFAULT_KEY_OPS] });
  }

  /** A key that was made elsewhere, or a new version of it. */
  import(name: string, pair: RsaPair, { type, size, operations, ...change }: NewKey): Found<KeyVersion> {
    return this.add(name, change, { ...pair, type, size, operations: operations ?? [...DEFAULT_KEY_OPS] });
  }

  /** A new version like the newest one, but enabled, with new key material and with the end that the policy sets. */
  async rotate(name: string): Promise<Found<KeyVersion>> {
    const { object } = this.find(name);
    const { type, size, operations, tags } = newest(object);
    const attributes = { exp: expiryOf(object.rotation, epochSeconds(this.#clock)) };
    return this.create(object.name, { type, size, operations: [...operations], tags, attributes });
  }

  /**
   * Rotates every key whose policy says that it is time; gives how many. One new version each, however long the clock
   * stood beyond that time. Looked for at each request, not by a timer: nobody sees the difference.
   */
  async rotateDue(): Promise<number> {
    const now = epochSeconds(this.#clock);
    const due = this.list().filter((key) => {
      const at = key.rotation && rotationDue(key.rotation, newest(key));
      return at !== undefined && now >= at;
    });
    // Two requests at once must not rotate twice.
    const mine = due.filter((key) => !this.#rotating.has(key.name));
    for (const key of mine) this.#rotating.add(key.name);
    try {
      for (const key of mine) await this.rotate(key.name);
    } finally {
      for (const key of mine) this.#rotating.delete(key.name);
    }
    return mine.length;
  }

  update(name: string, version: string | undefined, change: KeyChange): Found<KeyVersion> {
    const found = this.change(name, version, change);
    if (change.operations) found.version.operations = [...change.operations];
    return found;
  }
}
